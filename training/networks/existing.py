"""Tokenizers that were trained elsewhere: in a checkpoint, or in a model that Marimba serves."""

import json
import re
from pathlib import Path

import numpy as np
import torch

from ..errors import TrainingError
from ..progress import load
from .tokenizer import KlTokenizer, VqTokenizer


def checkpoint_tokenizer(path: Path) -> KlTokenizer | VqTokenizer:
    """A tokenizer from a file in the layout of latent diffusion, as MAR's kl16.ckpt. Kind and sizes follow from its tensors."""
    if not path.is_file():
        raise TrainingError(f"there is no tokenizer {path}")
    content = load(path)
    weights = next((content[key] for key in ("model_ema", "state_dict", "model") if key in content), content)
    try:
        sizes = sizes_of(weights)
        entries = weights.get("quantize.embedding.weight")
        tokenizer = KlTokenizer(**sizes) if entries is None else VqTokenizer(n_embed=len(entries), **sizes)
        tokenizer.load_state_dict({name: weights[name].float() for name in tokenizer.state_dict()})
    except (KeyError, ValueError, RuntimeError) as error:
        raise TrainingError(f"{path} is not a KL or VQ tokenizer in the layout of latent diffusion: {error}") from error
    return tokenizer


def sizes_of(weights: dict[str, torch.Tensor]) -> dict:
    """The arguments of a tokenizer's network."""

    def levels(pattern: str) -> list[int]:
        return sorted({int(match[1]) for name in weights if (match := re.match(pattern, name))})

    def widths(half: str) -> list[int]:
        return [len(weights[f"{half}.{k}.block.0.conv1.weight"]) for k in levels(rf"{half}\.(\d+)\.")]

    return {"ch": 1, "ch_mult": widths("decoder.up"), "encoder_ch_mult": widths("encoder.down"),
            "num_res_blocks": len(levels(r"encoder\.down\.0\.block\.(\d+)\.")),
            "encoder_attention": tuple(levels(r"encoder\.down\.(\d+)\.attn\.")),
            "decoder_attention": tuple(levels(r"decoder\.up\.(\d+)\.attn\.")),
            "embed_dim": weights["post_quant_conv.weight"].shape[1]}


def manifest_of(model: Path) -> dict:
    return json.loads((model / "model.json").read_text())


def weights_of(model: Path) -> dict[str, torch.Tensor]:
    """The weights of a float32 model's graphs by their checkpoint names; rows that the graphs use separately are joined."""
    import onnx  # here, because training needs it for nothing else
    from onnx import numpy_helper

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
    tokenizer.load_state_dict({name: weights[f"tokenizer.{name}"].float() for name in tokenizer.state_dict()})
    return tokenizer, sizes["scale"]
