"""Writes trained weights in the layout of the published checkpoints, as .pth/.ckpt and as .safetensors."""

import argparse
import json
import struct
from pathlib import Path

import torch
from torch import nn

import generator
import tokenizer
from pictures import CLASSES


def write_safetensors(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    """8 bytes of header length, a JSON header padded to 8 bytes, then the tensors' bytes in the header's order."""
    header, offset = {}, 0
    for name, tensor in tensors.items():
        size = tensor.numel() * 4
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            file.write(tensor.detach().contiguous().float().numpy().tobytes())


def publish(folder: Path, model, average, autoencoder, scale: float, steps: int, classes: list[str] = CLASSES) -> None:
    """`model` and `average` are generators; sampling uses the average."""
    folder.mkdir(parents=True, exist_ok=True)
    args = argparse.Namespace(model="mar_demo", batch_size=generator.BATCH, img_size=64, vae_stride=tokenizer.STRIDE,
                              buffer_size=generator.CONFIG["buffer_size"], class_num=len(classes), ema_rate=0.999)
    ema = {name: nn.Parameter(tensor.clone()) for name, tensor in average.state_dict().items()}
    torch.save({"model": model.state_dict(), "model_ema": ema, "epoch": steps, "args": args},
               folder / "checkpoint-last.pth")
    write_safetensors(folder / "mar.safetensors", average.state_dict())
    torch.save({"model": autoencoder.state_dict()}, folder / "kl16.ckpt")
    write_safetensors(folder / "kl16.safetensors", autoencoder.state_dict())
    config = {"mar": generator.CONFIG, "vae": {**tokenizer.CONFIG, "scale": round(scale, 6)}}
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    (folder / "classes.json").write_text(json.dumps(classes) + "\n")
