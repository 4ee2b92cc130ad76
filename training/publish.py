"""Writes trained weights in the layout of the published checkpoints, with the files that `marimba import` takes beside them."""

import argparse
import json
from pathlib import Path

import torch
from torch import nn

from pictures import CLASSES


def publish(folder: Path, config: dict, trained, tokenizer: dict[str, torch.Tensor], scale: float) -> None:
    """`trained` is the generator and its average, which sampling uses."""
    model, average = trained
    folder.mkdir(parents=True, exist_ok=True)
    sizes, scale = config["generator"]["sizes"], round(scale, 6)
    ema = {name: nn.Parameter(tensor.clone()) for name, tensor in average.state_dict().items()}
    if config["generator"]["family"] == "mar":
        args = argparse.Namespace(model="mar_demo", img_size=sizes["img_size"], vae_stride=sizes["vae_stride"],
                                  buffer_size=sizes["buffer_size"], class_num=sizes["class_num"])
        checkpoint = {"model": model.state_dict(), "model_ema": ema, "args": args}
        arch = {"mar": sizes, "vae": {"scale": scale}}
    else:
        checkpoint = {"model": model.state_dict(), "ema": ema, "args": argparse.Namespace(**sizes)}
        arch = {"model": sizes, "scale": scale}
    torch.save(checkpoint, folder / "generator.pt")
    torch.save({"state_dict": tokenizer}, folder / "tokenizer.ckpt")
    files = {"config": arch, "classes": CLASSES, "defaults": config["serve"]}
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")
