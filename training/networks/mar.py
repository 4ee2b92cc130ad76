"""The MAR generator with the tensor names of the published checkpoints, and its loss.

Li et al., "Autoregressive Image Generation without Vector Quantization", arXiv 2406.11838. B images, L tokens, D the width.
"""

import math

import torch
from torch import nn

from .heads import Objective, TokenGenerator, take
from .transformer import TransformerBlock


class Mar(TokenGenerator):
    positions = ("mask_token", "encoder_pos_embed_learned", "decoder_pos_embed_learned", "diffusion_pos_embed_learned")

    def __init__(self, config: dict, **objective):
        width, eps, ratio = config["encoder_embed_dim"], config["norm_eps"], config["mlp_ratio"]
        out_width = config["decoder_embed_dim"]
        super().__init__(config, width, **objective)
        self.buffer = config["buffer_size"]
        positions = self.tokens + self.buffer
        self.encoder_pos_embed_learned = nn.Parameter(torch.zeros(1, positions, width))
        self.encoder_blocks = nn.ModuleList(
            TransformerBlock(width, config["encoder_num_heads"], ratio, eps) for _ in range(config["encoder_depth"]))
        self.encoder_norm = nn.LayerNorm(width, eps=eps)
        self.decoder_embed = nn.Linear(width, out_width)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, out_width))
        self.decoder_pos_embed_learned = nn.Parameter(torch.zeros(1, positions, out_width))
        self.decoder_blocks = nn.ModuleList(
            TransformerBlock(out_width, config["decoder_num_heads"], ratio, eps) for _ in range(config["decoder_depth"]))
        self.decoder_norm = nn.LayerNorm(out_width, eps=eps)
        self.diffusion_pos_embed_learned = nn.Parameter(torch.zeros(1, self.tokens, out_width))
        self.diffloss = self.loss_given(config, out_width)
        self.initialize()

    @staticmethod
    def published(sizes: dict, scale: float) -> tuple[dict, dict]:
        """A checkpoint's `args`, and what `marimba import --arch` takes."""
        kept = ("img_size", "vae_stride", "buffer_size", "class_num")
        return {"model": "mar", **{key: sizes[key] for key in kept}}, {"mar": sizes, "vae": {"scale": scale}}

    def encode(self, tokens, known, classes):
        """tokens [B, L] or [B, L, C], known [B, K] positions, classes [B, D] -> [B, buffer + K, D]"""
        x = self.z_proj(take(tokens, known))  # [B, K, D]
        places = self.encoder_pos_embed_learned
        buffer = classes[:, None] + places[:, :self.buffer]  # [B, buffer, D]
        x = x + places[0, self.buffer:][known]
        x = self.z_proj_ln(torch.cat([buffer, x], 1))
        for block in self.encoder_blocks:
            x = block(x)
        return self.encoder_norm(x)

    def decode(self, encoded, known):
        """encoded [B, buffer + K, D] -> z at all positions [B, L, D]"""
        x = self.decoder_embed(encoded)
        rows, width = x.shape[0], x.shape[2]
        at = known[..., None].expand(-1, -1, width)
        padded = self.mask_token.to(x.dtype).expand(rows, self.tokens, width).scatter(1, at, x[:, self.buffer:])
        x = torch.cat([x[:, :self.buffer], padded], 1) + self.decoder_pos_embed_learned
        for block in self.decoder_blocks:
            x = block(x)
        return self.decoder_norm(x)[:, self.buffer:] + self.diffusion_pos_embed_learned

    def condition(self, tokens, known, classes):
        return self.decode(self.encode(tokens, known, classes), known)

    def loss(self, tokens, labels, draw):
        """tokens [B, L] codes or [B, L, C] of unit variance, labels [B] -> scalar"""
        rows, count = tokens.shape[:2]
        order = torch.rand(rows, count, generator=draw).argsort(1)
        masked = draw_masked_count(count, self.objective, draw)
        hidden, known = order[:, :masked], order[:, masked:]
        z = self.condition(tokens, known, self.classes_of(labels, draw))  # [B, L, D]
        return self.diffloss(take(z, hidden).flatten(0, 1), take(tokens, hidden).flatten(0, 1), self.objective, draw)


def draw_masked_count(tokens: int, objective: Objective, draw) -> int:
    """Masking ratio: normal around 1.0, truncated to [least_masked, 1.0]; by inversion."""
    deviation = objective.masked_deviation
    low = 0.5 * (1 + math.erf((objective.least_masked - 1.0) / deviation / math.sqrt(2)))
    share = low + (0.5 - low) * torch.rand((), generator=draw, dtype=torch.float64)
    ratio = 1.0 + deviation * math.sqrt(2) * torch.erfinv(2 * share - 1).item()
    return min(tokens, math.ceil(tokens * ratio))
