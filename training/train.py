"""Trains the demo model from nothing: pictures, tokenizer, latents, generator. Run again to go on where it stopped.

    python training/train.py --work training/.work
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch

from generator import train_generator
from pictures import draw_many
from progress import Budget, Checkpoint, Log
from publish import publish
from tokenizer import Tokenizer, level_channels, to_tensor, train_tokenizer

PICTURES = 24_000
CHUNK = 1_200


def load_pictures(work: Path, log: Log) -> tuple[np.ndarray, np.ndarray]:
    path = work / "pictures.npz"
    if not path.exists():
        firsts = range(0, PICTURES, CHUNK)
        with ProcessPoolExecutor(2) as pool:
            parts = list(pool.map(draw_many, [CHUNK] * len(firsts), firsts))
        pictures, labels = (np.concatenate(part) for part in zip(*parts))
        np.savez(path, pictures=pictures, labels=labels)
        log(f"drew {len(pictures)} pictures")
    data = np.load(path)
    return data["pictures"], data["labels"]


@torch.inference_mode()
def encode_pictures(autoencoder: Tokenizer, pictures: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Posterior mean and deviation of every picture, each [count, L, C]."""
    parts = []
    for start in range(0, len(pictures), 64):
        with torch.autocast("cpu", torch.bfloat16):
            mean, log_variance = autoencoder.encode(to_tensor(pictures[start:start + 64]))
        parts.append((mean, (0.5 * log_variance).exp()))
    return tuple(torch.cat(part).flatten(2).transpose(1, 2).contiguous() for part in zip(*parts))


def prepare_latents(work: Path, autoencoder: Tokenizer, pictures: np.ndarray, log: Log) -> dict:
    """The levelled tokenizer, its scale and the latents times the scale; kept in one file."""
    path = work / "latents.pt"
    if not path.exists():
        mean, deviation = encode_pictures(autoencoder, pictures)
        centre, std = mean.mean((0, 1)), (mean.var((0, 1)) + deviation.square().mean((0, 1))).sqrt()
        target = std.square().mean().sqrt()
        level_channels(autoencoder, centre, std, target)
        log(f"latents: deviations {[round(s, 2) for s in std.tolist()]} levelled to {target:.4f}, "
            f"of which the posterior's {(deviation / std).square().mean().sqrt():.3f} of one")
        torch.save({"tokenizer": autoencoder.state_dict(), "scale": (1 / target).item(),
                    "mean": (mean - centre) / std, "deviation": deviation / std}, path)
    return torch.load(path, weights_only=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path(__file__).parent / ".work")
    parser.add_argument("--tokenizer-minutes", type=float, default=22)
    parser.add_argument("--generator-minutes", type=float, default=65)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)  # see parallel.py
    log = Log(args.work / "training.log")
    pictures, labels = load_pictures(args.work, log)
    autoencoder = train_tokenizer(
        pictures, Budget(args.tokenizer_minutes), Checkpoint(args.work / "tokenizer.pt"), log)
    latents = prepare_latents(args.work, autoencoder, pictures, log)
    del pictures
    autoencoder.load_state_dict(latents["tokenizer"])
    model, average, steps = train_generator(
        (latents["mean"], latents["deviation"]), torch.as_tensor(labels), Budget(args.generator_minutes),
        Checkpoint(args.work / "generator.pt"), log)
    publish(args.work / "out", model, average, autoencoder, latents["scale"], steps)
    log(f"wrote {args.work / 'out'}")


if __name__ == "__main__":
    main()
