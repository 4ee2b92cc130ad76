"""Trains a small encoder for a model whose own one is gone, against its frozen decoder, and writes both halves.

    python training/encoder.py --model models/demo     # trains, writes training/.work/encoder; run it again to resume

Half of each batch are drawings: what the decoder makes of their latents must look like them. The other half are images
that the model decodes from latents of its own: the encoder must find these latents, because the generator is used to them.
"""

import argparse
import json
import re
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn
from torch.nn import functional as F

from generator import Generator
from pictures import CLASSES, draw_many
from progress import Checkpoint, Log
from sample import Settings, sample_tokens
from tokenizer import Decoder, Encoder, learning_rate, to_tensor

LATENT = 8
WIDTHS, BLOCKS = [32, 32, 32, 32], 1  # less than the decoder: the demo must stay small
TRAIN_SEED, TRAIN_COUNT = 60_000_000, 6_000  # far from what generator and classifier were trained on
HELD_OUT_SEED, HELD_OUT_COUNT = 95_000_000, 600
SAMPLED_COUNT, SAMPLED_HELD_OUT = 720, 60
SAMPLING = Settings(steps=12, guidance=2.0, diffusion_steps=18)
BATCH, PEAK_RATE, WARM_UP = 16, 2e-3, 100


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


def loss_of(model: Autoencoder, pictures: np.ndarray, images: torch.Tensor, latents: torch.Tensor, draw: torch.Generator):
    half = BATCH // 2
    rows = torch.randint(len(pictures), (half,), generator=draw)
    drawn = to_tensor(pictures[rows.numpy()])
    made = torch.randint(len(latents), (half,), generator=draw)
    found = model.encode(torch.cat([drawn, images[made]]))
    restored = model.decode(found[:half])
    squared, absolute = F.mse_loss(restored, drawn), F.l1_loss(restored, drawn)
    apart = F.mse_loss(found[half:], latents[made]) / latents.square().mean()
    return squared + 0.5 * absolute + 0.1 * apart, squared, absolute, apart


def train(model: Autoencoder, pictures: np.ndarray, latents: torch.Tensor, steps: int, checkpoint: Checkpoint, log: Log):
    """Returns the averaged model."""
    with torch.inference_mode():
        images = torch.cat([model.decode(part) for part in latents.split(50)])
    images = ((images + 1) * 127.5).clamp(0, 255).round() / 127.5 - 1  # as files hold them
    average = Autoencoder().requires_grad_(False)
    average.load_state_dict(model.state_dict())
    optimizer = torch.optim.AdamW(model.trained(), lr=PEAK_RATE, betas=(0.9, 0.99), weight_decay=1e-4, fused=True)
    step = checkpoint.restore(model=model, average=average, optimizer=optimizer)
    sums = torch.zeros(3)
    while step < steps:
        draw = torch.Generator().manual_seed(step)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step / steps, step, PEAK_RATE, WARM_UP, 0.5)
        with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
            loss, *numbers = loss_of(model, pictures, images, latents, draw)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.trained(), 1.0)
        optimizer.step()
        step += 1
        sums += torch.stack([number.detach() for number in numbers])
        rate = min(0.998, (1 + step) / (10 + step))
        torch._foreach_lerp_(average.trained(), model.trained(), 1 - rate)
        if step % 50 == 0:
            squared, absolute, apart = (sums / 50).tolist()
            log(f"encoder step {step} squared {squared:.5f} absolute {absolute:.4f} latents {apart:.4f}")
            sums = torch.zeros(3)
        checkpoint.save_when_due(step, model=model, average=average, optimizer=optimizer)
    checkpoint.save(step, model=model, average=average, optimizer=optimizer)
    return average


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
    parser.add_argument("--steps", type=int, default=3_000)
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
    apart = latents[SAMPLED_COUNT:]
    average = train(model, pictures, latents[:SAMPLED_COUNT], args.steps, Checkpoint(args.work / "encoder.pt"), log)
    average.encoder.half().float(), average.quant_conv.half().float()  # as they are stored
    log(f"{sum(p.numel() for p in average.trained())} parameters; {measure(average, held_out, apart)}")
    publish(args.work / "encoder", manifest, weights, average)
    log(f"wrote {args.work / 'encoder'}")


if __name__ == "__main__":
    main()
