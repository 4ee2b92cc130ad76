"""Makes checkpoints of the published names, shapes, containers and sizes, with random weights.

    python -m venv .venv && .venv/bin/pip install -r bench/checkpoint/requirements.txt
    .venv/bin/python bench/checkpoint/make.py mar-b FOLDER     checkpoint-last.pth and mar.safetensors (its EMA alone)
    .venv/bin/python bench/checkpoint/make.py kl16 FOLDER      kl16.ckpt and kl16.safetensors; also kl8 and vq16
    .venv/bin/python bench/checkpoint/make.py detok FOLDER     DeTok-BB: detok.pth, detok.safetensors and stats.json; for mar-b and mar-l
    .venv/bin/python bench/checkpoint/make.py dit-xl-2 FOLDER  dit-xl-2.safetensors; also sit-xl-2 and consistency
    .venv/bin/python bench/checkpoint/make.py llamagen-l FOLDER  c2i_L_256.pt and vq_ds16_c2i.pt

mar-b-vq16 is a MAR-B on the latents of vq16; one on those of kl8, in patches of 2 x 2, is mar-b. mar-b, mar-l and mar-h take 2.4, 5.5 and 10.8 GB of disk, a third more while they are made, and little memory.
The images of such a model show nothing; its times, its memory and its rounding are those of the published one.
"""

import argparse
import json
from pathlib import Path

from containers import map_safetensors, write_safetensors, write_tokenizer_checkpoint, write_training_checkpoint
from networks import (SIZES, TOKENIZERS, Size, consistency_shapes, detok_shapes, dit_shapes, generator_shapes, llamagen_shapes,
                      llamagen_tokenizer_shapes, tokenizer_shapes)
from weights import random_tensor

MIB = 1 << 20


def make_generator(folder: Path, size: Size, seed: int) -> None:
    shapes = generator_shapes(size)
    averaged, scratch = folder / "mar.safetensors", folder / "model.safetensors.scratch"
    try:
        write_safetensors(averaged, shapes, lambda name, shape: random_tensor(name, shape, seed))
        write_safetensors(scratch, shapes, lambda name, shape: random_tensor(name, shape, seed + 1))
        checkpoint = folder / "checkpoint-last.pth"
        write_training_checkpoint(checkpoint, map_safetensors(scratch, shapes), map_safetensors(averaged, shapes))
    finally:
        scratch.unlink(missing_ok=True)
    report(averaged)
    report(checkpoint, size.published_mib)


def make_tokenizer(folder: Path, name: str, seed: int) -> None:
    shapes = tokenizer_shapes(TOKENIZERS[name])
    plain, checkpoint = folder / f"{name}.safetensors", folder / f"{name}.ckpt"
    write_safetensors(plain, shapes, lambda name, shape: random_tensor(name, shape, seed))
    write_tokenizer_checkpoint(checkpoint, map_safetensors(plain, shapes), TOKENIZERS[name].key)
    report(plain)
    report(checkpoint, TOKENIZERS[name].published_mib)


def make_detok(folder: Path, seed: int) -> None:
    shapes = detok_shapes()
    averaged = folder / "detok.safetensors"
    write_safetensors(averaged, shapes, lambda name, shape: random_tensor(name, shape, seed))
    tensors = map_safetensors(averaged, shapes)
    write_training_checkpoint(folder / "detok.pth", tensors, tensors)
    (folder / "stats.json").write_text(json.dumps({"mean": 0.1, "std": 1.5}))
    report(averaged)
    report(folder / "detok.pth")


def make_llamagen(folder: Path, seed: int) -> None:
    for name, shapes in {"c2i_L_256.pt": llamagen_shapes(), "vq_ds16_c2i.pt": llamagen_tokenizer_shapes()}.items():
        scratch = folder / f"{name}.scratch"
        try:
            write_safetensors(scratch, shapes, lambda name, shape: random_tensor(name, shape, seed))
            write_tokenizer_checkpoint(folder / name, map_safetensors(scratch, shapes), "model")
        finally:
            scratch.unlink(missing_ok=True)
        report(folder / name)


PLAIN = {"dit-xl-2": dit_shapes, "sit-xl-2": dit_shapes, "consistency": consistency_shapes}


def make_plain(folder: Path, name: str, seed: int) -> None:
    plain = folder / f"{name}.safetensors"
    write_safetensors(plain, PLAIN[name](), lambda name, shape: random_tensor(name, shape, seed))
    report(plain)


def report(path: Path, published_mib: int | None = None) -> None:
    """The authors' download script rounds up to whole mebibytes."""
    size = path.stat().st_size
    begun = -(-size // MIB)
    print(f"{path}: {size} bytes, {begun} MiB" + (f", published {published_mib}" if published_mib else ""))
    if published_mib not in (None, begun):
        raise SystemExit(f"{path} should have {published_mib} MiB.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=[*SIZES, *TOKENIZERS, *PLAIN, "detok", "llamagen-l"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.what in TOKENIZERS:
        make_tokenizer(options.folder, options.what, options.seed)
    elif options.what in PLAIN:
        make_plain(options.folder, options.what, options.seed)
    elif options.what == "detok":
        make_detok(options.folder, options.seed)
    elif options.what == "llamagen-l":
        make_llamagen(options.folder, options.seed)
    else:
        make_generator(options.folder, SIZES[options.what], options.seed)


if __name__ == "__main__":
    main()
