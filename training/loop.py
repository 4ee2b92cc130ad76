"""The training loop that every network goes through: tokenizers, generators, the demo's encoder."""

import copy
import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from .errors import TrainingError
from .parallel import set_gradients
from .progress import Checkpoint, Log, Losses, as_duration

LOG_EVERY_STEPS = 100
SHEETS = 10  # in the course of a training


@dataclass(frozen=True)
class Recipe:
    """How a network is trained. A configuration states the steps, and what differs from the defaults."""

    steps: int
    batch: int = 32
    rate: float = 1e-3  # the learning rate's peak
    warm_up: int = 200  # steps
    flat_until: float = 0.6  # share of the steps; afterwards the rate falls to 2 %
    cosine: bool = False  # the rate falls to 0 instead, from the first step on
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.02
    clip: float = 3.0  # of the gradients' norm
    average: float = 0.999  # longest decay of the moving average of the weights
    workers: int = 2  # threads on a CPU
    accumulate: int = 1  # shares that each worker takes of a batch, one after another: more of them need less memory

    def __post_init__(self):
        if self.steps < 1 or self.batch % self.shares:
            raise TrainingError(f"a batch of {self.batch} cannot be cut into {self.shares} shares, or {self.steps} steps taken")

    @property
    def shares(self) -> int:
        return self.workers * self.accumulate

    @property
    def share(self) -> int:
        """Examples of one share of a batch."""
        return self.batch // self.shares

    def rate_at(self, step: int) -> float:
        done = step / self.steps
        if self.cosine:
            decay = (1 + math.cos(math.pi * done)) / 2
        else:
            decay = 1.0 if done < self.flat_until else max(0.02, 1.0 - 0.98 * (done - self.flat_until) / (1 - self.flat_until))
        return self.rate * min(1.0, (step + 1) / self.warm_up) * decay


def optimizer_for(parameters: list[nn.Parameter], recipe: Recipe) -> torch.optim.AdamW:
    """Biases, norms and single embeddings are not decayed."""
    is_product = lambda p: p.ndim > 1 and len(p) > 1
    groups = [{"params": [p for p in parameters if is_product(p)], "weight_decay": recipe.weight_decay},
              {"params": [p for p in parameters if not is_product(p)], "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=recipe.rate, betas=recipe.betas, fused=True)


def train(model: nn.Module, loss_of, recipe: Recipe, path: Path, log: Log, show=None) -> nn.Module:
    """Takes the recipe's steps, going on from `path` if it is there, and returns the averaged model.

    `loss_of(draw, done)` gives {"loss": ..., any numbers to log} of one share of a batch; everything random in it comes from
    `draw`. `done` is the share of the steps taken. `show(step, average)` is called now and then.
    """
    name, parameters = path.stem, [p for p in model.parameters() if p.requires_grad]
    average = copy.deepcopy(model).requires_grad_(False)
    averaged = [a for a, p in zip(average.parameters(), model.parameters()) if p.requires_grad]
    optimizer, checkpoint = optimizer_for(parameters, recipe), Checkpoint(path)
    parts = {"model": model, "average": average, "optimizer": optimizer}
    step = checkpoint.restore(**parts)
    losses, sheets_every = Losses(path.with_suffix(".csv"), step), max(1, recipe.steps // SHEETS)
    sums, counted, since = {}, 0, time.monotonic()
    while step < recipe.steps:
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate_at(step)
        done = step / recipe.steps
        numbers = set_gradients(parameters, lambda draw: loss_of(draw, done), step, recipe.workers, recipe.shares)
        sums = {key: sums.get(key, 0) + number for key, number in numbers.items()}
        nn.utils.clip_grad_norm_(parameters, recipe.clip)
        optimizer.step()
        step, counted = step + 1, counted + 1
        decay = min(recipe.average, (1 + step) / (10 + step))  # short at first, so that early samples are worth a look
        with torch.no_grad():
            torch._foreach_lerp_(averaged, parameters, 1 - decay)
        if step % LOG_EVERY_STEPS == 0 or step == recipe.steps:
            means, seconds = {key: total / counted for key, total in sums.items()}, (time.monotonic() - since) / counted
            check_finite(name, step, means)
            text = " ".join(f"{key} {mean:.4f}" for key, mean in means.items())
            left = as_duration((recipe.steps - step) * seconds)
            log(f"{name} step {step} of {recipe.steps} {text} {seconds:.2f} s/step, {left} left")
            losses.add(step, {**means, "seconds": seconds})
            sums, counted, since = {}, 0, time.monotonic()
        if show and step % sheets_every == 0:
            losses.draw()
            show(step, average)
        checkpoint.save_when_due(step, **parts)
    checkpoint.save(step, **parts)
    return average


def check_finite(name: str, step: int, means: dict[str, float]) -> None:
    """Before a checkpoint could keep what cannot be used."""
    if not all(math.isfinite(mean) for mean in means.values()):
        raise TrainingError(f"the loss of the {name} is no longer a number at step {step}: lower the rate in its recipe, "
                            f"delete its checkpoint and run again")
