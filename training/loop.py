"""The training loop that every network goes through: tokenizers, generators, the demo's encoder."""

import copy
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from parallel import WORKERS, set_gradients
from progress import Checkpoint, Log

LOG_EVERY_STEPS = 100


@dataclass(frozen=True)
class Recipe:
    """How a network is trained. A configuration states the steps, and what differs from the defaults."""

    steps: int
    batch: int = 32
    rate: float = 1e-3  # the learning rate's peak
    warm_up: int = 200  # steps
    flat_until: float = 0.6  # share of the steps; afterwards the rate falls to 2 %
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.02
    clip: float = 3.0  # of the gradients' norm
    average: float = 0.999  # longest decay of the moving average of the weights

    @property
    def worker_batch(self) -> int:
        """Examples of one worker's share of a batch."""
        return self.batch // WORKERS

    def rate_at(self, step: int) -> float:
        done = step / self.steps
        decay = 1.0 if done < self.flat_until else 1.0 - 0.98 * (done - self.flat_until) / (1 - self.flat_until)
        return self.rate * min(1.0, (step + 1) / self.warm_up) * max(decay, 0.02)


def optimizer_for(parameters: list[nn.Parameter], recipe: Recipe) -> torch.optim.AdamW:
    """Biases, norms and single embeddings are not decayed."""
    is_product = lambda p: p.ndim > 1 and len(p) > 1
    groups = [{"params": [p for p in parameters if is_product(p)], "weight_decay": recipe.weight_decay},
              {"params": [p for p in parameters if not is_product(p)], "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=recipe.rate, betas=recipe.betas, fused=True)


def train(model: nn.Module, loss_of, recipe: Recipe, path: Path, log: Log) -> nn.Module:
    """Takes the recipe's steps, going on from `path` if it is there, and returns the averaged model.

    `loss_of(draw, done)` gives {"loss": ..., any numbers to log} of one worker's share of a batch; everything random in it
    comes from `draw`. `done` is the share of the steps taken.
    """
    name, parameters = path.stem, [p for p in model.parameters() if p.requires_grad]
    average = copy.deepcopy(model).requires_grad_(False)
    averaged = [a for a, p in zip(average.parameters(), model.parameters()) if p.requires_grad]
    optimizer, checkpoint = optimizer_for(parameters, recipe), Checkpoint(path)
    parts = {"model": model, "average": average, "optimizer": optimizer}
    step = checkpoint.restore(**parts)
    sums, counted, since = {}, 0, time.monotonic()
    while step < recipe.steps:
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate_at(step)
        numbers = set_gradients(parameters, lambda draw: loss_of(draw, step / recipe.steps), step)
        sums = {key: sums.get(key, 0) + number for key, number in numbers.items()}
        nn.utils.clip_grad_norm_(parameters, recipe.clip)
        optimizer.step()
        step, counted = step + 1, counted + 1
        decay = min(recipe.average, (1 + step) / (10 + step))  # short at first, so that early samples are worth a look
        with torch.no_grad():
            torch._foreach_lerp_(averaged, parameters, 1 - decay)
        if step % LOG_EVERY_STEPS == 0:
            means = " ".join(f"{key} {total / counted:.4f}" for key, total in sums.items())
            seconds = (time.monotonic() - since) / counted
            log(f"{name} step {step} of {recipe.steps} {means} {seconds:.2f} s/step")
            sums, counted, since = {}, 0, time.monotonic()
        checkpoint.save_when_due(step, **parts)
    checkpoint.save(step, **parts)
    return average
