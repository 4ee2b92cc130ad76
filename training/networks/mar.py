"""The MAR generator with the tensor names of the published checkpoints, and its loss.

Li et al., "Autoregressive Image Generation without Vector Quantization", arXiv 2406.11838. B images, L tokens of C
numbers, D the width.
"""

import math
from dataclasses import dataclass

import torch
from torch import nn

from .diffusion import TIMESTEPS, Process, cosine_betas, diffusion_loss
from .transformer import TimestepEmbedding, TransformerBlock, modulate


@dataclass(frozen=True)
class Objective:
    """What a configuration may say about the loss. The paper's: `noisy_share` 0, `highest_timestep` 999."""

    label_dropout: float = 0.1
    least_masked: float = 0.7  # share of the tokens
    timesteps_a_token: int = 2
    noises_a_timestep: int = 2  # diffusion_batch_mul is the product of both; noises share adaLN's products
    highest_timestep: int = 955
    noisy_end: tuple[int, int] = (700, 950)  # where sampling starts and errors are multiplied most
    noisy_share: float = 0.3  # of the timesteps come from there, the others from everywhere


class HeadBlock(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.in_ln = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 3 * width))

    def forward(self, x, y):
        shift, scale, gate = self.adaLN_modulation(y).chunk(3, dim=-1)
        return x + gate * self.mlp(modulate(self.in_ln(x), shift, scale))


class HeadOutput(nn.Module):
    def __init__(self, width: int, outputs: int):
        super().__init__()
        self.norm_final = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.linear = nn.Linear(width, outputs)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width))

    def forward(self, x, y):
        shift, scale = self.adaLN_modulation(y).chunk(2, dim=-1)
        return self.linear(modulate(self.norm_final(x), shift, scale))


class DiffusionHead(nn.Module):
    """Predicts noise and variance of one token's numbers, given the transformer's output for it."""

    def __init__(self, channels: int, condition: int, width: int, depth: int):
        super().__init__()
        self.time_embed = TimestepEmbedding(width)
        self.cond_embed = nn.Linear(condition, width)
        self.input_proj = nn.Linear(channels, width)
        self.res_blocks = nn.ModuleList(HeadBlock(width) for _ in range(depth))
        self.final_layer = HeadOutput(width, 2 * channels)

    def forward(self, x, timesteps, z):
        """x [rows, noises, C], timesteps [rows], z [rows, D] -> [rows, noises, 2C]"""
        y = (self.time_embed(timesteps) + self.cond_embed(z)).unsqueeze(1)  # [rows, 1, width]
        x = self.input_proj(x)
        for block in self.res_blocks:
            x = block(x, y)
        return self.final_layer(x, y)


class DiffusionLossModule(nn.Module):
    """Exists for the layout's name, `diffloss.net`."""

    def __init__(self, net: DiffusionHead):
        super().__init__()
        self.net = net


class Mar(nn.Module):
    average_key = "model_ema"  # of the averaged weights in a published checkpoint

    def __init__(self, config: dict, **objective):
        super().__init__()
        self.objective = Objective(**objective)
        width, eps, ratio = config["encoder_embed_dim"], config["norm_eps"], config["mlp_ratio"]
        out_width = config["decoder_embed_dim"]
        self.channels = config["vae_embed_dim"] * config["patch_size"] ** 2
        self.tokens = (config["img_size"] // config["vae_stride"] // config["patch_size"]) ** 2
        self.buffer = config["buffer_size"]
        positions = self.tokens + self.buffer
        self.class_emb = nn.Embedding(config["class_num"], width)
        self.fake_latent = nn.Parameter(torch.zeros(1, width))  # the class "none", for guidance
        self.z_proj = nn.Linear(self.channels, width)
        self.z_proj_ln = nn.LayerNorm(width, eps=1e-6)
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
        self.process = Process(range(TIMESTEPS), cosine_betas())
        self.diffloss = DiffusionLossModule(
            DiffusionHead(self.channels, out_width, config["diffloss_w"], config["diffloss_d"]))
        self.initialize()

    @staticmethod
    def sizes_for(image: int, classes: int, channels: int, side: int) -> dict:
        """The sizes that follow from the images, [image, image], and their latents, [channels, side, side]."""
        return {"img_size": image, "vae_stride": image // side, "vae_embed_dim": channels, "class_num": classes}

    @staticmethod
    def published(sizes: dict, scale: float) -> tuple[dict, dict]:
        """A checkpoint's `args`, and what `marimba import --arch` takes."""
        kept = ("img_size", "vae_stride", "buffer_size", "class_num")
        return {"model": "mar", **{key: sizes[key] for key in kept}}, {"mar": sizes, "vae": {"scale": scale}}

    def initialize(self) -> None:
        """As the paper's code does: Xavier for products, 0.02 for embeddings, nothing from adaLN and output at first."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        head = self.diffloss.net
        for weight in (self.class_emb.weight, self.fake_latent, self.mask_token, self.encoder_pos_embed_learned,
                       self.decoder_pos_embed_learned, self.diffusion_pos_embed_learned,
                       head.time_embed.mlp[0].weight, head.time_embed.mlp[2].weight):
            nn.init.normal_(weight, std=0.02)
        for module in (*head.res_blocks, head.final_layer):
            nn.init.zeros_(module.adaLN_modulation[1].weight)
        nn.init.zeros_(head.final_layer.linear.weight)

    def encode(self, tokens, known, classes):
        """tokens [B, L, C], known [B, K] positions, classes [B, D] -> [B, buffer + K, D]"""
        at = known[..., None]
        x = self.z_proj(tokens.gather(1, at.expand(-1, -1, self.channels)))  # [B, K, D]
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
        """tokens [B, L, C] of unit variance, labels [B] -> scalar"""
        rows, count, channels = tokens.shape
        o = self.objective
        order = torch.rand(rows, count, generator=draw).argsort(1)
        masked = draw_masked_count(count, o.least_masked, draw)
        hidden, known = order[:, :masked], order[:, masked:]
        dropped = torch.rand(rows, 1, generator=draw) < o.label_dropout
        classes = torch.where(dropped, self.fake_latent, self.class_emb(labels))
        z = self.condition(tokens, known, classes)  # [B, L, D]
        z = z.gather(1, hidden[..., None].expand(-1, -1, z.shape[2])).flatten(0, 1)  # [B masked, D]
        target = tokens.gather(1, hidden[..., None].expand(-1, -1, channels)).flatten(0, 1)
        z = z.repeat(o.timesteps_a_token, 1)
        target = target.repeat(o.timesteps_a_token, 1).unsqueeze(1)  # [rows, 1, C]
        timesteps = draw_timesteps(len(z), o, draw)
        eps = torch.randn(len(z), o.noises_a_timestep, channels, generator=draw)
        return diffusion_loss(self.process, self.diffloss.net, target, z, timesteps, eps).mean()


def draw_timesteps(count: int, o: Objective, draw) -> torch.Tensor:
    anywhere = torch.randint(0, o.highest_timestep + 1, (count,), generator=draw)
    noisy = torch.randint(o.noisy_end[0], o.noisy_end[1] + 1, (count,), generator=draw)
    return torch.where(torch.rand(count, generator=draw) < o.noisy_share, noisy, anywhere)


def draw_masked_count(tokens: int, least: float, draw) -> int:
    """Masking ratio: normal around 1.0 with deviation 0.25, truncated to [least, 1.0]; by inversion."""
    low = 0.5 * (1 + math.erf((least - 1.0) / 0.25 / math.sqrt(2)))
    share = low + (0.5 - low) * torch.rand((), generator=draw, dtype=torch.float64)
    ratio = 1.0 + 0.25 * math.sqrt(2) * torch.erfinv(2 * share - 1).item()
    return min(tokens, math.ceil(tokens * ratio))
