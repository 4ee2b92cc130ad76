"""The weights of a model that Marimba serves, by the names that they had in its checkpoints."""

import json
import re
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from tokenizer import KlTokenizer


def manifest_of(model: Path) -> dict:
    return json.loads((model / "model.json").read_text())


def weights_of(model: Path) -> dict[str, torch.Tensor]:
    """The weights of a float32 model's graphs by their checkpoint names; rows that the graphs use separately are joined."""
    rows: dict[str, dict[int, np.ndarray]] = {}
    for path in sorted(model.glob("*code.onnx")) + [model / "predict.onnx", model / "denoise.onnx"]:
        for tensor in onnx.load(path).graph.initializer:
            name, _, part = tensor.name.partition("[")
            if re.fullmatch(r"[a-zA-Z_]+(\.\w+)*", name):
                rows.setdefault(name, {})[int(part.split(":")[0] or 0)] = numpy_helper.to_array(tensor)
    return {name: torch.tensor(np.concatenate([parts[at] for at in sorted(parts)])) for name, parts in rows.items()}


def served_tokenizer(model: Path) -> tuple[KlTokenizer, float]:
    """The KL tokenizer of a model with an encoder, and its scale. Its encoder has means only, no deviations."""
    sizes = manifest_of(model)["architecture"]["tokenizer"]
    widths = [level["channels"] for level in reversed(sizes["levels"])]
    encoder_widths = [level["channels"] for level in sizes["encoder_levels"]]
    blocks = sizes["encoder_levels"][0]["blocks"]
    tokenizer = KlTokenizer(1, widths, blocks, sizes["latent_channels"], encoder_ch_mult=encoder_widths)
    weights = weights_of(model)
    tokenizer.load_state_dict({name: weights[f"tokenizer.{name}"] for name in tokenizer.state_dict()})
    return tokenizer, sizes["scale"]
