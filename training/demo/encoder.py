"""Trains a small encoder for a model whose own one is gone, against its frozen decoder, and writes both halves.

    python -m training.demo.encoder --model models/demo   # trains, writes training/.work/encoder; run it again to resume

First from images that the model decodes from latents of its own, some of them put together from two: the encoder must find
these latents, because the generator is used to them. At the end half of each batch are drawings: what the decoder makes
of their latents must look like them.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from ..drawings import draw_many, plain
from ..loop import Recipe, train
from ..networks.existing import manifest_of, weights_of
from ..networks.mar import Mar
from ..networks.sample import Settings, sample_mar
from ..networks.tokenizer import KlTokenizer, pixel_errors, to_tensor
from ..progress import Log
from ..publish import ROOT

LATENT = 8
# the encoder is narrower than the decoder, and stored as float16: the demo must stay small
SIZES = {"ch": 32, "ch_mult": [1, 1, 2, 4], "num_res_blocks": 1, "embed_dim": LATENT, "encoder_ch_mult": [1, 1, 2, 2]}
TRAIN_SEED, TRAIN_COUNT = 60_000_000, 2_400  # far from what generator and classifier were trained on
HELD_OUT_SEED, HELD_OUT_COUNT = 95_000_000, 300
SAMPLED_COUNT, SAMPLED_HELD_OUT, COMPOSED_COUNT = 720, 60, 480
SAMPLING = Settings(steps=12, guidance=2.0, diffusion_steps=18)
RECIPE = Recipe(steps=4_300, batch=8, rate=2e-3, warm_up=50, flat_until=0.5, betas=(0.9, 0.99), weight_decay=1e-4, clip=1.0,
                average=0.99)
DRAWINGS_FROM = 0.87  # of the steps: one with the decoder takes three times as long


def encode(model: KlTokenizer, image):
    """Mean of the posterior; nothing trains the other half of the moments."""
    return model.posterior(image)[0]


@torch.inference_mode()
def sampled_latents(work: Path, generator: Mar, log: Log) -> torch.Tensor:
    """Latents of the generator's own, of unit variance; drawn once. [count, C, 8, 8]"""
    path = work / "sampled.pt"
    parts = torch.load(path, weights_only=True) if path.exists() else []
    labels = torch.arange(SAMPLED_COUNT + SAMPLED_HELD_OUT) % len(plain.CLASSES)
    for k, part in enumerate(labels.split(60)):
        if k < len(parts):
            continue
        tokens = sample_mar(generator, part, SAMPLING, torch.Generator().manual_seed(1_000 + k))
        parts.append(tokens.transpose(1, 2).reshape(len(part), LATENT, 8, 8))
        torch.save(parts, path)
        log(f"sampled {sum(map(len, parts))} of {len(labels)} latents")
    return torch.cat(parts)


@torch.inference_mode()
def measure(model: KlTokenizer, pixels: np.ndarray, latents: torch.Tensor) -> str:
    """Held-out drawings through both halves, as bytes; and the latents found in held-out images of the model."""
    image = to_tensor(pixels)
    restored = torch.cat([model.decode(encode(model, part)) for part in image.split(50)])
    bytes_of = lambda x: ((x + 1) * 127.5).clamp(0, 255).round()
    difference = bytes_of(restored) - bytes_of(image)
    psnr = 10 * torch.log10(255**2 / difference.square().mean())
    found = encode(model, model.decode(latents))
    error = ((found - latents).square().mean() / latents.square().mean()).sqrt()
    return f"drawings: mean absolute {difference.abs().mean():.3f} of 255, PSNR {psnr:.2f} dB; latents: relative error {error:.4f}"


def latents_loss(model: KlTokenizer, images: torch.Tensor, latents: torch.Tensor, rows: int, draw: torch.Generator):
    chosen = torch.randint(len(latents), (rows,), generator=draw)
    found = encode(model, images[chosen])
    return F.mse_loss(found, latents[chosen]) / latents.square().mean()


def drawings_loss(model: KlTokenizer, pixels: np.ndarray, rows: int, draw: torch.Generator):
    chosen = torch.randint(len(pixels), (rows,), generator=draw)
    drawn = to_tensor(pixels[chosen.numpy()])
    errors = pixel_errors(model.decode(encode(model, drawn)), drawn)
    return errors["squared"] + 0.5 * errors["absolute"]


def encoder_loss(model: KlTokenizer, pixels: np.ndarray, examples, draw: torch.Generator, done: float) -> dict:
    """examples: images and their latents."""
    if done < DRAWINGS_FROM:
        apart = latents_loss(model, *examples, RECIPE.share, draw)
        return {"loss": apart, "latents": apart}
    apart = latents_loss(model, *examples, RECIPE.share // 2, draw)
    drawn = drawings_loss(model, pixels, RECIPE.share // 2, draw)
    return {"loss": drawn + 0.1 * apart, "latents": apart, "drawings": drawn}


@torch.inference_mode()
def decoded_examples(work: Path, model: KlTokenizer, latents: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
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


def publish(folder: Path, manifest: dict, weights: dict, model: KlTokenizer) -> None:
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
    (folder / "classes.json").write_text(json.dumps(plain.CLASSES) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "demo")
    parser.add_argument("--work", type=Path, default=ROOT / "training" / ".work")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    log = Log(args.work / "encoder.log")
    manifest, weights = manifest_of(args.model), weights_of(args.model)
    configuration = json.loads((ROOT / "training" / "configs" / "mar.json").read_text())
    sizes = Mar.sizes_for(plain.SIZE, len(plain.CLASSES), LATENT, 8)
    generator = Mar({**configuration["generator"]["sizes"], **sizes})
    generator.load_state_dict({name: weights[name] for name in generator.state_dict()})
    torch.manual_seed(5)
    model = KlTokenizer(**SIZES)
    for name, tensor in model.state_dict().items():
        if not name.startswith(("encoder.", "quant_conv.")):
            tensor.copy_(weights[f"tokenizer.{name}"])
    for part in (model.decoder, model.post_quant_conv):
        part.requires_grad_(False)
    latents = sampled_latents(args.work, generator.eval(), log) / manifest["architecture"]["tokenizer"]["scale"]
    pixels, _ = draw_many(plain, TRAIN_COUNT, TRAIN_SEED)
    held_out, _ = draw_many(plain, HELD_OUT_COUNT, HELD_OUT_SEED)
    examples = decoded_examples(args.work, model, latents[:SAMPLED_COUNT])
    loss_of = lambda draw, done: encoder_loss(model, pixels, examples, draw, done)
    average = train(model, loss_of, RECIPE, args.work / "encoder.pt", log)
    average.encoder.half().float(), average.quant_conv.half().float()  # as they are stored
    size = sum(p.numel() for part in (average.encoder, average.quant_conv) for p in part.parameters())
    log(f"{size} parameters; {measure(average, held_out, latents[SAMPLED_COUNT:])}")
    publish(args.work / "encoder", manifest, weights, average)
    log(f"wrote {args.work / 'encoder'}")


if __name__ == "__main__":
    main()
