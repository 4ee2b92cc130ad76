"""Sheets of images that show how a training goes."""

import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from .latents import unpatchify
from .networks.sample import Settings
from .networks.tokenizer import to_pixels, to_tensor
from .parallel import DEVICE
from .progress import write_atomically

SHOWN, COLUMNS = 12, 6
SETTINGS = Settings(steps=16, guidance=2.0, temperature=1.0, diffusion_steps=25)


def contact_sheet(pixels: np.ndarray, columns: int, zoom: int = 1) -> Image.Image:
    """Tiles uint8 [count, H, W, 3] row by row."""
    count, height, width, _ = pixels.shape
    sheet = np.full((math.ceil(count / columns) * height, columns * width, 3), 255, np.uint8)
    for k, image in enumerate(pixels):
        y, x = k // columns * height, k % columns * width
        sheet[y:y + height, x:x + width] = image
    image = Image.fromarray(sheet)
    return image.resize((image.width * zoom, image.height * zoom), Image.NEAREST) if zoom > 1 else image


def write_sheet(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    with write_atomically(path) as file:
        contact_sheet(pixels, COLUMNS).save(file, "PNG")


@torch.inference_mode()
def show_restored(path: Path, tokenizer, pixels: np.ndarray) -> None:
    """Images, and below them what the tokenizer makes of their latents."""
    shown = pixels[np.linspace(0, len(pixels) - 1, COLUMNS).astype(int)]
    restored = to_pixels(tokenizer.decode(tokenizer.latents(to_tensor(shown))[0]))
    write_sheet(path, np.concatenate([shown, restored]))


@torch.inference_mode()
def show_generated(path: Path, sample, average, classes: int, patch: int, tokenizer, scale: float) -> None:
    """One image of each of the first classes, or several of each if there are few."""
    labels = torch.arange(SHOWN) % min(classes, SHOWN)
    tokens = sample(average, labels, SETTINGS, torch.Generator(DEVICE).manual_seed(7))
    if tokens.is_floating_point():
        latents = unpatchify(tokens, patch) / scale
    else:
        latents = tokenizer.quantize.entries(tokens.unflatten(1, (round(tokens.shape[1] ** 0.5), -1)))
    write_sheet(path, to_pixels(tokenizer.decode(latents)))
