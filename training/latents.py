"""The images' latents, as a generator learns them."""

from dataclasses import dataclass

import numpy as np
import torch

from .networks.tokenizer import to_tensor
from .parallel import DEVICE
from .progress import Log

AT_ONCE = 64


@torch.inference_mode()
def encode_images(tokenizer, pixels: np.ndarray, log: Log) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation of every image's latents, each [count, C, height, width]."""
    parts = []
    for start in range(0, len(pixels), AT_ONCE):
        with torch.autocast(DEVICE.type, torch.bfloat16):
            parts.append(tokenizer.latents(to_tensor(pixels[start:start + AT_ONCE])))
        if start % (40 * AT_ONCE) == 0:
            log(f"latents: {start} of {len(pixels)}")
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


def unpatchify(tokens: torch.Tensor, patch: int) -> torch.Tensor:
    """The inverse of `patchify`, for square latents."""
    count, length, width = tokens.shape
    side, channels = round(length**0.5), width // patch**2
    grid = tokens.reshape(count, side, side, channels, patch, patch)
    return grid.permute(0, 3, 1, 4, 2, 5).reshape(count, channels, side * patch, side * patch)


@dataclass(frozen=True)
class Latents:
    """Of unit variance. mean, deviation: [count, L, C]; labels [count]"""

    mean: torch.Tensor
    deviation: torch.Tensor
    labels: torch.Tensor

    def draw(self, count: int, draw: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens [count, L, C] and labels [count] of images chosen at random."""
        rows = torch.randint(len(self.mean), (count,), generator=draw)
        noise = torch.randn(self.mean[rows].shape, generator=draw)
        return self.mean[rows] + self.deviation[rows] * noise, self.labels[rows]


@dataclass(frozen=True)
class Codes:
    """codes [count, L]; labels [count]"""

    codes: torch.Tensor
    labels: torch.Tensor

    def draw(self, count: int, draw: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """As `Latents.draw`: codes [count, L] and labels [count]."""
        rows = torch.randint(len(self.codes), (count,), generator=draw)
        return self.codes[rows], self.labels[rows]
