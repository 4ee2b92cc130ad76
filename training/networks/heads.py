"""What MAR and the causal generators share: classes, embedded tokens, and a loss of each token given the transformer's output z.

Li et al., "Autoregressive Image Generation without Vector Quantization", arXiv 2406.11838. A token is C numbers, with the
diffusion loss of the paper and the tensor names of its checkpoints, or the number of one of K codes, with cross-entropy.
B images, L tokens, D the transformer's width.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from ..errors import TrainingError
from .diffusion import TIMESTEPS, Process, cosine_betas, diffusion_loss
from .transformer import TimestepEmbedding, modulate


@dataclass(frozen=True)
class Objective:
    """What a configuration may say about the loss. The paper's: `noisy_share` 0, `highest_timestep` 999."""

    label_dropout: float = 0.1
    least_masked: float = 0.7  # share of the tokens
    masked_deviation: float = 0.25  # how far that share spreads below 1
    timesteps_a_token: int = 2
    noises_a_timestep: int = 2  # diffusion_batch_mul is the product of both; noises share adaLN's products
    highest_timestep: int = 955
    noisy_end: tuple[int, int] = (700, 950)  # where sampling starts and errors are multiplied most
    noisy_share: float = 0.3  # of the timesteps come from there, the others from everywhere

    def __post_init__(self):
        if not (0 <= self.least_masked <= 1 and self.masked_deviation > 0):
            raise TrainingError(f"least_masked must be a share from 0 to 1, not {self.least_masked}, and masked_deviation above 0, "
                                f"not {self.masked_deviation}")


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


class DiffusionLoss(nn.Module):
    def __init__(self, channels: int, condition: int, width: int, depth: int):
        super().__init__()
        self.net = DiffusionHead(channels, condition, width, depth)
        self.process = Process(range(TIMESTEPS), cosine_betas())

    def initialize(self) -> None:
        for weight in (self.net.time_embed.mlp[0].weight, self.net.time_embed.mlp[2].weight):
            nn.init.normal_(weight, std=0.02)
        for module in (*self.net.res_blocks, self.net.final_layer):
            nn.init.zeros_(module.adaLN_modulation[1].weight)
        nn.init.zeros_(self.net.final_layer.linear.weight)

    def forward(self, z, target, o: Objective, draw):
        """z [N, D], target [N, C] -> scalar"""
        z = z.repeat(o.timesteps_a_token, 1)
        target = target.repeat(o.timesteps_a_token, 1).unsqueeze(1)  # [rows, 1, C]
        timesteps = draw_timesteps(len(z), o, draw)
        eps = torch.randn(len(z), o.noises_a_timestep, target.shape[2], generator=draw)
        return diffusion_loss(self.process, self.net, target, z, timesteps, eps).mean()


class CrossEntropy(nn.Module):
    def __init__(self, condition: int, codes: int):
        super().__init__()
        self.logits = nn.Linear(condition, codes)

    def initialize(self) -> None:
        nn.init.zeros_(self.logits.weight)

    def forward(self, z, target, _objective, _draw):
        """z [N, D], target [N] codes -> scalar"""
        return F.cross_entropy(self.logits(z).float(), target)


class TokenGenerator(nn.Module):
    """A network that gives z of each token from the class and other tokens."""

    average_key = "model_ema"  # of the averaged weights in a published checkpoint
    positions: tuple[str, ...]  # names of the learned embeddings that begin with a deviation of 0.02

    def __init__(self, config: dict, width: int, **objective):
        super().__init__()
        self.objective = Objective(**objective)
        self.channels = config["vae_embed_dim"] * config["patch_size"] ** 2
        self.tokens = (config["img_size"] // config["vae_stride"] // config["patch_size"]) ** 2
        self.class_emb = nn.Embedding(config["class_num"], width)
        self.fake_latent = nn.Parameter(torch.zeros(1, width))  # the class "none", for guidance
        self.is_categorical = "codes" in config
        self.z_proj = nn.Embedding(config["codes"], width) if self.is_categorical else nn.Linear(self.channels, width)
        self.z_proj_ln = nn.LayerNorm(width, eps=1e-6)

    @staticmethod
    def sizes_for(image: int, classes: int, channels: int, side: int) -> dict:
        """The sizes that follow from the images, [image, image], and their latents, [channels, side, side]."""
        return {"img_size": image, "vae_stride": image // side, "vae_embed_dim": channels, "class_num": classes}

    def loss_given(self, config: dict, z_width: int) -> DiffusionLoss | CrossEntropy:
        if self.is_categorical:
            return CrossEntropy(z_width, config["codes"])
        return DiffusionLoss(self.channels, z_width, config["diffloss_w"], config["diffloss_d"])

    def initialize(self) -> None:
        """As the paper's code does: Xavier for products, 0.02 for embeddings, nothing from adaLN and output at first."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
        for name in ("fake_latent", *self.positions):
            nn.init.normal_(getattr(self, name), std=0.02)
        self.diffloss.initialize()

    def classes_of(self, labels, draw):
        """Embedded, some of them dropped for guidance. labels [B] -> [B, D]"""
        dropped = torch.rand(len(labels), 1, generator=draw) < self.objective.label_dropout
        return torch.where(dropped, self.fake_latent, self.class_emb(labels))

    def unknown(self, rows: int) -> torch.Tensor:
        """Tokens before they are sampled, [B, L] codes or [B, L, C]."""
        if self.is_categorical:
            return torch.zeros(rows, self.tokens, dtype=torch.int64)
        return torch.zeros(rows, self.tokens, self.channels)


def take(tokens, positions):
    """Tokens [B, L] or [B, L, C] at positions [B, N] -> [B, N] or [B, N, C]"""
    return tokens[torch.arange(len(tokens))[:, None], positions]


def draw_timesteps(count: int, o: Objective, draw) -> torch.Tensor:
    anywhere = torch.randint(0, o.highest_timestep + 1, (count,), generator=draw)
    noisy = torch.randint(o.noisy_end[0], o.noisy_end[1] + 1, (count,), generator=draw)
    return torch.where(torch.rand(count, generator=draw) < o.noisy_share, noisy, anywhere)
