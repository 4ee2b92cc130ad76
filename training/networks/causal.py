"""The paper's causal generators, in raster or random order, and their loss.

Li et al., "Autoregressive Image Generation without Vector Quantization", arXiv 2406.11838, section 3.4: MAR's decoder alone, of
doubled depth, with a triangular mask and teacher forcing. The position of the next token is told by an embedding of its own.
B images, L tokens, D the width.
"""

import torch
from torch import nn

from .heads import TokenGenerator, take
from .transformer import TransformerBlock


class Causal(TokenGenerator):
    positions = ("decoder_pos_embed_learned", "target_pos_embed_learned")

    def __init__(self, config: dict, **objective):
        width, eps = config["decoder_embed_dim"], config["norm_eps"]
        super().__init__(config, width, **objective)
        if config["order"] not in ("raster", "random"):
            raise ValueError(f'its order is "{config["order"]}", not raster or random')
        self.order = config["order"]
        self.decoder_pos_embed_learned = nn.Parameter(torch.zeros(1, 1 + self.tokens, width))  # the class, then the tokens
        self.target_pos_embed_learned = nn.Parameter(torch.zeros(1, self.tokens, width))
        self.decoder_blocks = nn.ModuleList(
            TransformerBlock(width, config["decoder_num_heads"], config["mlp_ratio"], eps, is_causal=True)
            for _ in range(config["decoder_depth"]))
        self.decoder_norm = nn.LayerNorm(width, eps=eps)
        self.diffloss = self.loss_given(config, width)
        self.initialize()

    @staticmethod
    def published(sizes: dict, scale: float) -> tuple[dict, dict]:
        """A checkpoint's `args`, and what `marimba import --arch` takes."""
        return {"model": "causal", "order": sizes["order"]}, {"causal": sizes, "vae": {"scale": scale}}

    def draw_order(self, rows: int, draw) -> torch.Tensor:
        """[B, L] positions, in the order in which they are generated."""
        if self.order == "raster":
            return torch.arange(self.tokens).expand(rows, -1)
        return torch.rand(rows, self.tokens, generator=draw).argsort(1)

    def condition(self, known, order, classes):
        """z of each of the first N targets, from the class and the tokens before it.

        known [B, N - 1] or [B, N - 1, C], in order; order [B, N]; classes [B, D] -> [B, N, D]
        """
        own, target = self.decoder_pos_embed_learned[0], self.target_pos_embed_learned[0]
        start = (classes + own[0])[:, None]
        x = self.z_proj(known) + own[1:][order[:, :-1]]
        x = self.z_proj_ln(torch.cat([start, x], 1) + target[order])
        for block in self.decoder_blocks:
            x = block(x)
        return self.decoder_norm(x)

    def loss(self, tokens, labels, draw):
        """tokens [B, L] codes or [B, L, C] of unit variance, labels [B] -> scalar. Teacher forcing: all targets at once."""
        order = self.draw_order(len(tokens), draw)
        ordered = take(tokens, order)
        z = self.condition(ordered[:, :-1], order, self.classes_of(labels, draw))  # [B, L, D]
        return self.diffloss(z.flatten(0, 1), ordered.flatten(0, 1), self.objective, draw)
