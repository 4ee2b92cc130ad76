"""Parts of the generators, with the tensor names of the published checkpoints."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from .diffusion import TIMESTEPS


class Attention(nn.Module):
    def __init__(self, width: int, heads: int, is_causal: bool = False):
        super().__init__()
        self.heads = heads
        self.is_causal = is_causal
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x):
        rows, tokens, width = x.shape
        q, k, v = self.qkv(x).reshape(rows, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        # written out, because PyTorch's fused attention takes five times as long for 72 tokens on a CPU
        scores = q * q.shape[-1] ** -0.5 @ k.transpose(2, 3)  # [rows, heads, tokens, tokens]
        if self.is_causal:
            scores = scores.masked_fill(torch.ones(tokens, tokens, dtype=torch.bool).triu(1), -torch.inf)
        attended = scores.softmax(-1).to(v.dtype) @ v
        return self.proj(attended.transpose(1, 2).reshape(rows, tokens, width))


class FeedForward(nn.Module):
    def __init__(self, width: int, hidden: int, gelu: str = "none"):
        """`gelu`: "none" for the erf form, "tanh" for its approximation."""
        super().__init__()
        self.gelu = gelu
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x), approximate=self.gelu))


class TransformerBlock(nn.Module):
    def __init__(self, width: int, heads: int, mlp_ratio: float, eps: float, is_causal: bool = False):
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=eps)
        self.attn = Attention(width, heads, is_causal)
        self.norm2 = nn.LayerNorm(width, eps=eps)
        self.mlp = FeedForward(width, int(width * mlp_ratio))

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


def modulate(x, shift, scale):
    return x * (1 + scale) + shift


class TimestepEmbedding(nn.Module):
    """Every timestep's embedding at once: 1000 rows are fewer than a training batch has."""

    def __init__(self, width: int, frequencies: int = 256):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(frequencies, width), nn.SiLU(), nn.Linear(width, width))
        half = frequencies // 2
        rates = torch.exp(-math.log(10_000) * torch.arange(half) / half)
        angles = torch.arange(TIMESTEPS)[:, None] * rates[None]
        self.register_buffer("waves", torch.cat([angles.cos(), angles.sin()], 1), persistent=False)  # [1000, 256]

    def forward(self, timesteps):
        return F.embedding(timesteps, self.mlp(self.waves))
