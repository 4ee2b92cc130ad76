"""Random weights that behave: activations stay near 1, every path matters, and sampling gives latents near 0.5.

The last needs care. One diffusion step at t = 999 multiplies what the head gets wrong by 318, so a head of plainly random
weights makes latents of thousands. This one carries x through its residual stream in a few directions W: `input_proj`
writes them, the blocks' outputs are orthogonal to them, `final_layer.linear` reads them, so that eps is near x. A large
constant in `OUTLIERS` channels, as trained networks have it too, keeps its LayerNorms nearly linear.
"""

import math
import zlib

import torch

HEAD = "diffloss.net."
OUTLIERS = 16
STREAM_RMS = 100.0
GATE, GATE_SPREAD = 0.5, 0.2


def random_tensor(name: str, shape: tuple[int, ...], seed: int) -> torch.Tensor:
    """float32; depends on the arguments alone."""
    generator = torch.Generator().manual_seed(zlib.crc32(f"{seed} {name}".encode()))
    draw = torch.randn(shape, generator=generator)
    if name.startswith(HEAD):
        return _head_tensor(name.removeprefix(HEAD), draw, seed)
    if len(shape) == 1:
        return _vector(name, draw)
    if not name.endswith(".weight") or name == "class_emb.weight":
        return draw.mul_(0.5)  # embeddings and positions
    return draw.mul_(_gain(name) / math.sqrt(math.prod(shape[1:])))


def _vector(name: str, draw: torch.Tensor) -> torch.Tensor:
    if name.endswith(".bias"):
        return draw.mul_(0.05)
    return draw.mul_(0.1).add_(1)  # a norm's scale


def _gain(name: str) -> float:
    """Keeps residual streams from growing with depth."""
    residual = name.endswith((".proj.weight", ".fc2.weight", ".conv2.weight", ".proj_out.weight"))
    return 0.5 if residual else 1.0


def _head_tensor(name: str, draw: torch.Tensor, seed: int) -> torch.Tensor:
    rows, columns = draw.shape[0], draw.shape[-1]
    if name == "input_proj.weight":
        return _stream(rows, columns, seed) * math.sqrt(rows)
    if name == "input_proj.bias":
        draw.mul_(0.05)[:OUTLIERS] = STREAM_RMS * math.sqrt(rows / OUTLIERS) * _alternating(OUTLIERS)
        return draw
    if name.endswith("in_ln.weight"):
        scale = draw.mul_(0.1).add_(1)
        scale[OUTLIERS:] *= STREAM_RMS / 4  # W x has rms 4
        scale[:OUTLIERS] *= math.sqrt(OUTLIERS / rows)
        return scale
    if name.endswith(".mlp.2.weight") and name.startswith("res_blocks."):
        return _off_stream(draw.div_(math.sqrt(columns)), seed)
    if name.startswith("final_layer."):
        return _final_tensor(name, draw, seed)
    if draw.dim() == 1:
        if name.endswith("adaLN_modulation.1.bias"):  # shift, scale, gate
            return draw.mul_(0.05).add_(torch.tensor([0, 0, GATE]).repeat_interleave(rows // 3))
        return draw.mul_(0.05)
    return draw.mul_((GATE_SPREAD if "adaLN" in name else 1) / math.sqrt(columns))


def _final_tensor(name: str, draw: torch.Tensor, seed: int) -> torch.Tensor:
    rows = draw.shape[0]
    if name == "final_layer.linear.weight":
        width, channels = draw.shape[1], rows // 2
        draw.mul_(0.1 * STREAM_RMS / math.sqrt(width))[:channels] = (
            _stream(width, channels, seed).T * (STREAM_RMS / math.sqrt(width))
        )
        draw[:, :OUTLIERS] /= STREAM_RMS
        return draw
    if name.startswith("final_layer.adaLN"):  # shift, scale
        draw.mul_(0.05 if draw.dim() == 1 else 1 / math.sqrt(draw.shape[1]))
        draw[: rows // 2] *= 0.2 / STREAM_RMS
        draw[rows // 2 :] *= 0.1
        return draw
    return draw.mul_(0.05)


def _stream(width: int, channels: int, seed: int) -> torch.Tensor:
    """W: orthonormal columns that are zero in the outliers. [width, channels]"""
    generator = torch.Generator().manual_seed(zlib.crc32(f"{seed} stream".encode()))
    basis = torch.linalg.qr(torch.randn(width - OUTLIERS, channels, generator=generator))[0]
    return torch.cat([torch.zeros(OUTLIERS, channels), basis])


def _off_stream(weight: torch.Tensor, seed: int) -> torch.Tensor:
    """[width, width], its outputs orthogonal to W."""
    stream = _stream(weight.shape[0], 16, seed)
    return weight.sub_(stream @ (stream.T @ weight))


def _alternating(count: int) -> torch.Tensor:
    return torch.tensor([1.0, -1.0]).repeat(count // 2)
