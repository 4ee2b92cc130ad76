"""The diffusion transformer with the tensor names of the published checkpoints, and its loss.

Peebles and Xie, "Scalable Diffusion Models with Transformers", arXiv 2212.09748. B images, L tokens of C numbers, D the
width. A token is a patch of the latents, (c, p, q).
"""

import torch
from torch import nn
from torch.nn import functional as F

from .diffusion import TIMESTEPS, Process, diffusion_loss, linear_betas
from .transformer import Attention, FeedForward, TimestepEmbedding, modulate


class Block(nn.Module):
    """Attention and MLP, each with its own shift, scale and gate (adaLN-Zero)."""

    def __init__(self, width: int, heads: int, mlp_ratio: float):
        super().__init__()
        self.attn = Attention(width, heads)
        self.mlp = FeedForward(width, int(width * mlp_ratio), gelu="tanh")
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))

    def forward(self, x, condition):
        """x [B, L, D], condition [B, 1, D]"""
        parts = self.adaLN_modulation(condition).chunk(6, dim=-1)
        x = x + parts[2] * self.attn(modulate(norm(x), parts[0], parts[1]))
        return x + parts[5] * self.mlp(modulate(norm(x), parts[3], parts[4]))


class FinalLayer(nn.Module):
    def __init__(self, width: int, outputs: int):
        super().__init__()
        self.linear = nn.Linear(width, outputs)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width))

    def forward(self, x, condition):
        shift, scale = self.adaLN_modulation(condition).chunk(2, dim=-1)
        return self.linear(modulate(norm(x), shift, scale))


class PatchEmbedding(nn.Module):
    def __init__(self, channels: int, patch: int, width: int):
        super().__init__()
        self.proj = nn.Conv2d(channels, width, patch, stride=patch)

    def forward(self, tokens):
        return F.linear(tokens, self.proj.weight.flatten(1), self.proj.bias)


class LabelEmbedding(nn.Module):
    def __init__(self, classes: int, width: int):
        super().__init__()
        self.embedding_table = nn.Embedding(classes + 1, width)  # the last row is "no class"

    def forward(self, labels):
        return self.embedding_table(labels)


def norm(x):
    return F.layer_norm(x, x.shape[-1:], eps=1e-6)


def position_embedding(width: int, side: int) -> torch.Tensor:
    """Half of the width for the column, half for the row: sines, then cosines. [1, side * side, width]"""
    quarter = width // 4
    rates = 10_000 ** (-torch.arange(quarter, dtype=torch.float64) / quarter)
    angles = torch.arange(side)[:, None] * rates
    waves = torch.cat([angles.sin(), angles.cos()], 1)  # [side, width / 2]
    columns, rows = waves.repeat(side, 1), waves.repeat_interleave(side, 0)
    return torch.cat([columns, rows], 1).float()[None]


class Dit(nn.Module):
    average_key = "ema"  # of the averaged weights in a published checkpoint

    def __init__(self, config: dict, label_dropout: float = 0.1):
        super().__init__()
        self.label_dropout = label_dropout
        width, channels, patch = config["hidden_size"], config["in_channels"], config["patch_size"]
        self.patch, self.no_class = patch, config["num_classes"]
        self.process = Process(range(TIMESTEPS), linear_betas())
        self.x_embedder = PatchEmbedding(channels, patch, width)
        self.t_embedder = TimestepEmbedding(width)
        self.y_embedder = LabelEmbedding(config["num_classes"], width)
        self.register_buffer("pos_embed", position_embedding(width, config["input_size"] // patch))
        self.blocks = nn.ModuleList(
            Block(width, config["num_heads"], config["mlp_ratio"]) for _ in range(config["depth"]))
        self.final_layer = FinalLayer(width, 2 * channels * patch**2)
        self.initialize()

    @staticmethod
    def sizes_for(_image: int, classes: int, channels: int, side: int) -> dict:
        """The sizes that follow from the images and their latents, [channels, side, side]."""
        return {"input_size": side, "in_channels": channels, "num_classes": classes}

    @staticmethod
    def published(sizes: dict, scale: float) -> tuple[dict, dict]:
        """A checkpoint's `args`, and what `marimba import --arch` takes."""
        return sizes, {"model": sizes, "scale": scale}

    def initialize(self) -> None:
        """As the paper's code does: Xavier for products, 0.02 for embeddings, every block the identity at first."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        nn.init.xavier_uniform_(self.x_embedder.proj.weight.data.flatten(1))
        nn.init.zeros_(self.x_embedder.proj.bias)
        for weight in (self.y_embedder.embedding_table.weight, self.t_embedder.mlp[0].weight, self.t_embedder.mlp[2].weight):
            nn.init.normal_(weight, std=0.02)
        for layer in (*(block.adaLN_modulation[1] for block in self.blocks), self.final_layer.adaLN_modulation[1],
                      self.final_layer.linear):
            nn.init.zeros_(layer.weight)

    def forward(self, x, timesteps, labels):
        """x [B, L, C], timesteps [B], labels [B] -> eps, then the variance's interpolation [B, L, 2C]"""
        condition = (self.t_embedder(timesteps) + self.y_embedder(labels)).unsqueeze(1)
        x = self.x_embedder(x) + self.pos_embed
        for block in self.blocks:
            x = block(x, condition)
        output = self.final_layer(x, condition)
        # the layout has a token's outputs as (p, q, c)
        return output.unflatten(2, (self.patch**2, -1)).transpose(2, 3).flatten(2)

    def loss(self, tokens, labels, draw):
        """tokens [B, L, C] of unit variance, labels [B] -> scalar"""
        rows = len(tokens)
        dropped = torch.rand(rows, generator=draw) < self.label_dropout
        timesteps = torch.randint(TIMESTEPS, (rows,), generator=draw)
        eps = torch.randn(tokens.shape, generator=draw)
        labels = torch.where(dropped, self.no_class, labels)
        return diffusion_loss(self.process, self, tokens, labels, timesteps, eps).mean()
