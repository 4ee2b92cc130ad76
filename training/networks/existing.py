"""Tokenizers that were trained elsewhere."""

import re
from pathlib import Path

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
