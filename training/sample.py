"""Samples pictures with plain PyTorch, to look at while training and to choose the default settings.

    python training/sample.py --model training/.work/out --per-class 6 --out sheet.png
"""

import argparse
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from diffusion import Process, kept_timesteps
from generator import Generator
from pictures import CLASSES, contact_sheet
from tokenizer import Tokenizer


@dataclass
class Settings:
    steps: int = 32
    guidance: float = 3.0
    schedule: str = "linear"
    temperature: float = 0.9
    diffusion_steps: int = 50
    max_timestep: int = 940


def denoise(head, process: Process, z, without, guidance: float, temperature: float):
    """z, without [N, D] (condition with and without the class) -> tokens [N, C]"""
    count = len(z)
    x = torch.randn(count, head.input_proj.in_features)
    both = torch.cat([z, without]) if guidance != 1 else z
    for k in reversed(range(len(process.timesteps))):
        rows = torch.full((len(both),), int(process.timesteps[k]))
        twice = torch.cat([x, x]) if guidance != 1 else x
        output = head(twice.unsqueeze(1), rows, both).squeeze(1)
        eps, between = output[:count].chunk(2, dim=1)
        if guidance != 1:
            eps_without = output[count:].chunk(2, dim=1)[0]
            eps = eps_without + guidance * (eps - eps_without)
        at = torch.full((count,), k)
        x = process.posterior_mean(process.start_from(x, eps, at), x, at)
        if k > 0:
            deviation = torch.exp(0.5 * process.log_variance(between, at))
            x = x + temperature * deviation * torch.randn_like(x)
    return x


@torch.inference_mode()
def sample_tokens(model: Generator, labels: torch.Tensor, settings: Settings) -> torch.Tensor:
    """labels [B] -> tokens [B, L, C], in latents of unit variance"""
    batch, length = len(labels), model.tokens
    process = Process(kept_timesteps(settings.diffusion_steps, settings.max_timestep))
    orders = torch.rand(batch, length).argsort(1)  # consumed from the end: order[:, :masked] stays masked
    tokens = torch.zeros(batch, length, model.channels)
    classes, none = model.class_emb(labels), model.fake_latent.expand(batch, -1)
    masked = length
    for step in range(settings.steps):
        target = max(1, min(masked - 1, math.floor(length * math.cos(math.pi / 2 * (step + 1) / settings.steps))))
        left = 0 if step == settings.steps - 1 else target
        share = (length - target) / length
        guidance = settings.guidance if settings.schedule == "constant" else 1 + (settings.guidance - 1) * share
        known, chosen = orders[:, masked:], orders[:, left:masked]
        at = chosen[..., None].expand(-1, -1, model.mask_token.shape[2])
        z, without = (model.condition(tokens, known, c).gather(1, at).flatten(0, 1) for c in (classes, none))
        sampled = denoise(model.diffloss.net, process, z, without, guidance, settings.temperature)
        places = chosen[..., None].expand(-1, -1, model.channels)
        tokens = tokens.scatter(1, places, sampled.reshape(batch, -1, model.channels))
        masked = left
    return tokens


@torch.inference_mode()
def decode_tokens(autoencoder: Tokenizer, tokens: torch.Tensor, scale: float) -> np.ndarray:
    """tokens [B, L, C] -> pictures uint8 [B, H, W, 3]"""
    side = math.isqrt(tokens.shape[1])
    latents = tokens.transpose(1, 2).reshape(len(tokens), -1, side, side)
    image = autoencoder.decode(latents / scale)
    return ((image + 1) * 127.5).clamp(0, 255).round().byte().permute(0, 2, 3, 1).numpy()


def load(folder: Path) -> tuple[Generator, Tokenizer, float]:
    config = json.loads((folder / "config.json").read_text())
    model, autoencoder = Generator(config["mar"]), Tokenizer(**config["vae"])
    checkpoint = torch.load(folder / "checkpoint-last.pth", weights_only=False)
    model.load_state_dict(checkpoint["model_ema"])
    autoencoder.load_state_dict(torch.load(folder / "kl16.ckpt", weights_only=True)["model"])
    return model.eval(), autoencoder.eval(), config["vae"]["scale"]


def sample_pictures(folder: Path, labels: torch.Tensor, settings: Settings, seed: int, batch: int = 60) -> np.ndarray:
    model, autoencoder, scale = load(folder)
    torch.manual_seed(seed)
    parts = [decode_tokens(autoencoder, sample_tokens(model, part, settings), scale) for part in labels.split(batch)]
    return np.concatenate(parts)


def settings_from(parser: argparse.ArgumentParser) -> tuple[argparse.Namespace, Settings]:
    defaults = Settings()
    for name, value in vars(defaults).items():
        parser.add_argument("--" + name.replace("_", "-"), type=type(value), default=value)
    args = parser.parse_args()
    return args, Settings(**{name: getattr(args, name) for name in vars(defaults)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=Path(__file__).parent / ".work" / "out")
    parser.add_argument("--per-class", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("sheet.png"))
    args, settings = settings_from(parser)
    labels = torch.arange(len(CLASSES)).repeat(args.per_class)
    torch.set_num_threads(1)
    start = time.monotonic()
    pictures = sample_pictures(args.model, labels, settings, args.seed)
    print(f"{settings}: {(time.monotonic() - start) / len(labels):.2f} s a picture")
    contact_sheet(pictures, len(CLASSES), zoom=2).save(args.out)


if __name__ == "__main__":
    main()
