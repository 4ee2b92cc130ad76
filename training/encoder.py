"""Trains a small encoder for a model whose own one is gone, against its frozen decoder, and writes both halves.

    python training/encoder.py --model models/demo     # trains, writes training/.work/encoder; run it again to resume

First from images that the model decodes from latents of its own, some of them put together from two: the encoder must find
these latents, because the generator is used to them. At the end half of each batch are drawings: what the decoder makes
of their latents must look like them.
"""

import argparse
import json
import re
import time
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn
from torch.nn import functional as F

from generator import Generator
from pictures import CLASSES, draw_many
from progress import Budget, Checkpoint, Log
from sample import Settings, sample_tokens
from tokenizer import Decoder, Encoder, learning_rate, to_tensor

LATENT = 8
WIDTHS, BLOCKS = [32, 32, 64, 64], 1  # less than the decoder's, and stored as float16: the demo must stay small
TRAIN_SEED, TRAIN_COUNT = 60_000_000, 2_400  # far from what generator and classifier were trained on
HELD_OUT_SEED, HELD_OUT_COUNT = 95_000_000, 300
SAMPLED_COUNT, SAMPLED_HELD_OUT, COMPOSED_COUNT = 720, 60, 480
SAMPLING = Settings(steps=12, guidance=2.0, diffusion_steps=18)
BATCH, PEAK_RATE, WARM_UP, FLAT_UNTIL = 8, 2e-3, 50, 0.5
DRAWINGS_FROM = 0.7  # of the time: a step with the decoder takes three times as long


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder(WIDTHS, BLOCKS, LATENT)
        self.quant_conv = nn.Conv2d(2 * LATENT, 2 * LATENT, 1)
        self.decoder = Decoder([32, 32, 64, 128], 1, LATENT)
        self.post_quant_conv = nn.Conv2d(LATENT, LATENT, 1)

    def encode(self, image):
        """Mean of the posterior; nothing trains the other half of the moments."""
        return self.quant_conv(self.encoder(image)).float().chunk(2, dim=1)[0]

    def decode(self, latents):
        return self.decoder(self.post_quant_conv(latents)).float()

    def trained(self):
        return [*self.encoder.parameters(), *self.quant_conv.parameters()]


def weights_of(model: Path) -> dict[str, torch.Tensor]:
    """The weights of a float32 model's graphs by their checkpoint names; rows that the graphs use separately are joined."""
    rows: dict[str, dict[int, np.ndarray]] = {}
    for graph in ("predict", "denoise", "decode"):
        for tensor in onnx.load(model / f"{graph}.onnx").graph.initializer:
            name, _, part = tensor.name.partition("[")
            if re.fullmatch(r"[a-zA-Z_]+(\.\w+)*", name):
                rows.setdefault(name, {})[int(part.split(":")[0] or 0)] = numpy_helper.to_array(tensor)
    return {name: torch.tensor(np.concatenate([parts[at] for at in sorted(parts)])) for name, parts in rows.items()}


@torch.inference_mode()
def sampled_latents(work: Path, generator: Generator, log: Log) -> torch.Tensor:
    """Latents of the generator's own, of unit variance; drawn once. [count, C, 8, 8]"""
    path = work / "sampled.pt"
    parts = torch.load(path, weights_only=True) if path.exists() else []
    labels = torch.arange(SAMPLED_COUNT + SAMPLED_HELD_OUT) % len(CLASSES)
    for k, part in enumerate(labels.split(60)):
        if k < len(parts):
            continue
        torch.manual_seed(1_000 + k)
        parts.append(sample_tokens(generator, part, SAMPLING).transpose(1, 2).reshape(len(part), LATENT, 8, 8))
        torch.save(parts, path)
        log(f"sampled {sum(map(len, parts))} of {len(labels)} latents")
    return torch.cat(parts)


@torch.inference_mode()
def measure(model: Autoencoder, pictures: np.ndarray, latents: torch.Tensor) -> str:
    """Held-out drawings through both halves, as bytes; and the latents found in held-out images of the model."""
    image = to_tensor(pictures)
    restored = torch.cat([model.decode(model.encode(part)) for part in image.split(50)])
    bytes_of = lambda x: ((x + 1) * 127.5).clamp(0, 255).round()
    difference = bytes_of(restored) - bytes_of(image)
    psnr = 10 * torch.log10(255**2 / difference.square().mean())
    found = model.encode(model.decode(latents))
    error = ((found - latents).square().mean() / latents.square().mean()).sqrt()
    return f"drawings: mean absolute {difference.abs().mean():.3f} of 255, PSNR {psnr:.2f} dB; latents: relative error {error:.4f}"


def latents_loss(model: Autoencoder, images: torch.Tensor, latents: torch.Tensor, rows: int, draw: torch.Generator):
    chosen = torch.randint(len(latents), (rows,), generator=draw)
    found = model.encode(images[chosen])
    return F.mse_loss(found, latents[chosen]) / latents.square().mean()


def drawings_loss(model: Autoencoder, pictures: np.ndarray, rows: int, draw: torch.Generator):
    chosen = torch.randint(len(pictures), (rows,), generator=draw)
    drawn = to_tensor(pictures[chosen.numpy()])
    restored = model.decode(model.encode(drawn))
    return F.mse_loss(restored, drawn) + 0.5 * F.l1_loss(restored, drawn)


def train(model: Autoencoder, pictures: np.ndarray, examples, budget: Budget, checkpoint: Checkpoint, log: Log) -> Autoencoder:
    """Trains until `budget` is spent; examples: images and their latents. Returns the averaged model."""
    average = Autoencoder().requires_grad_(False)
    average.load_state_dict(model.state_dict())
    optimizer = torch.optim.AdamW(model.trained(), lr=PEAK_RATE, betas=(0.9, 0.99), weight_decay=1e-4, fused=True)
    step = checkpoint.restore(model=model, average=average, optimizer=optimizer, budget=budget)
    sums = torch.zeros(2)
    while budget.share() < 1:
        draw = torch.Generator().manual_seed(step)
        with_drawings = budget.share() >= DRAWINGS_FROM
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(budget.share(), step, PEAK_RATE, WARM_UP, FLAT_UNTIL)
        with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
            apart = latents_loss(model, *examples, BATCH // 2 if with_drawings else BATCH, draw)
            drawn = drawings_loss(model, pictures, BATCH // 2, draw) if with_drawings else torch.zeros(())
        optimizer.zero_grad(set_to_none=True)
        (drawn + (0.1 if with_drawings else 1) * apart).backward()
        nn.utils.clip_grad_norm_(model.trained(), 1.0)
        optimizer.step()
        step += 1
        sums += torch.stack([apart.detach(), drawn.detach()])
        rate = min(0.99, (1 + step) / (10 + step))
        torch._foreach_lerp_(average.trained(), model.trained(), 1 - rate)
        budget.tick()
        if step % 50 == 0:
            apart, drawn = (sums / 50).tolist()
            log(f"encoder step {step} latents {apart:.4f} drawings {drawn:.4f}, {100 * budget.share():.0f} % of the time")
            sums = torch.zeros(2)
        checkpoint.save_when_due(step, model=model, average=average, optimizer=optimizer, budget=budget)
    checkpoint.save(step, model=model, average=average, optimizer=optimizer, budget=budget)
    return average


@torch.inference_mode()
def decoded_examples(work: Path, model: Autoencoder, latents: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Images as files hold them, and their latents: the given ones, and rectangles of them put into others."""
    path = work / "examples.pt"
    if not path.exists():
        draw = np.random.default_rng(6)
        composed = latents[torch.as_tensor(draw.integers(len(latents), size=COMPOSED_COUNT))].clone()
        for target in composed:
            (top, bottom), (left, right) = (sorted(draw.integers(0, 9, size=2)) for _ in range(2))
            target[:, top:bottom, left:right] = latents[draw.integers(len(latents))][:, top:bottom, left:right]
        latents = torch.cat([latents, composed])
        images = torch.cat([model.decode(part) for part in latents.split(40)])
        torch.save((((images + 1) * 127.5).clamp(0, 255).round() / 127.5 - 1, latents), path)
    images, latents = torch.load(path, weights_only=True)
    return images, latents


def publish(folder: Path, manifest: dict, weights: dict, model: Autoencoder) -> None:
    """Two checkpoints for `marimba import`: the generator as it was, and the tokenizer with its new encoder in float16."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = {name: tensor for name, tensor in weights.items() if not name.startswith("tokenizer.")}
    torch.save({"model_ema": generator}, folder / "checkpoint-last.pth")
    is_encoder = lambda name: name.startswith(("encoder.", "quant_conv."))
    tokenizer = {name: tensor.half() if is_encoder(name) else tensor for name, tensor in model.state_dict().items()}
    torch.save({"model": tokenizer}, folder / "kl16.ckpt")
    a = manifest["architecture"]
    heads = {f"{part}_num_heads": a["generator"][part]["heads"] for part in ("encoder", "decoder")}
    config = {"mar": {**heads, "norm_eps": a["generator"]["norm_eps"]}, "vae": {"scale": a["tokenizer"]["scale"]}}
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    (folder / "classes.json").write_text(json.dumps(CLASSES) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=Path(__file__).parent.parent / "models" / "demo")
    parser.add_argument("--work", type=Path, default=Path(__file__).parent / ".work")
    parser.add_argument("--minutes", type=float, default=20, help="processor time of the training itself")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    log = Log(args.work / "encoder.log")
    manifest, weights = json.loads((args.model / "model.json").read_text()), weights_of(args.model)
    generator = Generator()
    generator.load_state_dict({name: weights[name] for name in generator.state_dict()})
    torch.manual_seed(5)
    model = Autoencoder()
    for name, tensor in model.state_dict().items():
        if not name.startswith(("encoder.", "quant_conv.")):
            tensor.copy_(weights[f"tokenizer.{name}"])
    for part in (model.decoder, model.post_quant_conv):
        part.requires_grad_(False)
    latents = sampled_latents(args.work, generator.eval(), log) / manifest["architecture"]["tokenizer"]["scale"]
    pictures, _ = draw_many(TRAIN_COUNT, TRAIN_SEED)
    held_out, _ = draw_many(HELD_OUT_COUNT, HELD_OUT_SEED)
    examples = decoded_examples(args.work, model, latents[:SAMPLED_COUNT])
    budget, checkpoint = Budget(args.minutes, time.process_time), Checkpoint(args.work / "encoder.pt")
    average = train(model, pictures, examples, budget, checkpoint, log)
    average.encoder.half().float(), average.quant_conv.half().float()  # as they are stored
    log(f"{sum(p.numel() for p in average.trained())} parameters; {measure(average, held_out, latents[SAMPLED_COUNT:])}")
    publish(args.work / "encoder", manifest, weights, average)
    log(f"wrote {args.work / 'encoder'}")


if __name__ == "__main__":
    main()
