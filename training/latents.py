"""The drawings, and their latents as a generator learns them. Both are made once and kept on disk."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pictures import draw_many
from progress import Log
from tokenizer import to_tensor

PICTURES = 24_000
CHUNK = 1_200


def load_pictures(path: Path, log: Log) -> tuple[np.ndarray, np.ndarray]:
    """Pictures uint8 [count, 64, 64, 3] and labels int64 [count]."""
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
def encode_pictures(tokenizer, pictures: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation of every picture's latents, each [count, C, height, width]."""
    parts = []
    for start in range(0, len(pictures), 64):
        with torch.autocast("cpu", torch.bfloat16):
            parts.append(tokenizer.latents(to_tensor(pictures[start:start + 64])))
    return tuple(torch.cat(part) for part in zip(*parts))


def level(tokenizer, mean, deviation, log: Log) -> tuple[torch.Tensor, torch.Tensor, float]:
    """Centres the channels, in the tokenizer too. Returns latents of unit variance, and the scale that makes them so."""
    centre = mean.mean((0, 2, 3))
    std = (mean.var((0, 2, 3)) + deviation.square().mean((0, 2, 3))).sqrt()
    target = std.square().mean().sqrt()
    factor = tokenizer.level(centre, std, target) / target
    log(f"latents: deviations {[round(s, 2) for s in std.tolist()]}, scale {1 / target:.4f}")
    by_channel = lambda x: x[:, None, None]
    return (mean - by_channel(centre)) * by_channel(factor), deviation * by_channel(factor), (1 / target).item()


def patchify(latents: torch.Tensor, patch: int) -> torch.Tensor:
    """[count, C, height, width] -> tokens [count, L, C patch^2], (c, p, q) each"""
    count, channels, height, width = latents.shape
    grid = latents.reshape(count, channels, height // patch, patch, width // patch, patch)
    return grid.permute(0, 2, 4, 1, 3, 5).reshape(count, -1, channels * patch**2)


@dataclass(frozen=True)
class Latents:
    """Of unit variance. mean, deviation: [count, L, C]; labels [count]"""

    mean: torch.Tensor
    deviation: torch.Tensor
    labels: torch.Tensor

    def draw(self, count: int, draw: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens [count, L, C] and labels [count] of pictures chosen at random."""
        rows = torch.randint(len(self.mean), (count,), generator=draw)
        noise = torch.randn(self.mean[rows].shape, generator=draw)
        return self.mean[rows] + self.deviation[rows] * noise, self.labels[rows]
