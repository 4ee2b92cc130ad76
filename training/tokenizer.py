"""Latent diffusion's first stages ("tokenizers"), KL and VQ, with the tensor names of its checkpoints, and their losses.

Stride 8 with four levels: a 64x64 picture becomes 8x8 latents.
"""

import torch
from torch import nn
from torch.nn import functional as F

KL_WEIGHT = 1e-4  # of the mean over latents, beside a mean over pixels; more of it blurs small details
ROBUST_NOISE = 0.05  # of the latents' spread: the decoder forgives the generator small errors
COMMITMENT = 0.25  # how much a latent is drawn to its entry of the codebook, beside the entry to its latents
REVIVAL = 0.1  # how much every entry is drawn to the latent nearest to it, so that none is left unused


def group_norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(32, channels, eps=1e-6)


class ResidualBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.norm1 = group_norm(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm2 = group_norm(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        if inputs != outputs:
            self.nin_shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x):
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h)))
        return h + (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x)


class SpatialAttention(nn.Module):
    """One head over all positions."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm = group_norm(channels)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(channels, channels, 1) for _ in range(4))

    def forward(self, x):
        normed = self.norm(x)
        # [batch, 1, positions, channels]
        q, k, v = (f(normed).flatten(2).transpose(1, 2).unsqueeze(1) for f in (self.q, self.k, self.v))
        attended = F.scaled_dot_product_attention(q, k, v)
        return x + self.proj_out(attended.squeeze(1).transpose(1, 2).reshape(x.shape))


class Downsample(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x):
        return self.conv(F.pad(x, (0, 1, 0, 1)))  # the layout pads right and below only


class Upsample(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Middle(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.block_1 = ResidualBlock(channels, channels)
        self.attn_1 = SpatialAttention(channels)
        self.block_2 = ResidualBlock(channels, channels)

    def forward(self, x):
        return self.block_2(self.attn_1(self.block_1(x)))


class Level(nn.Module):
    """The residual blocks of one resolution and the step to the next one."""

    def __init__(self, inputs: int, outputs: int, blocks: int, resample: str | None):
        super().__init__()
        self.block = nn.ModuleList(ResidualBlock(inputs if k == 0 else outputs, outputs) for k in range(blocks))
        if resample == "down":
            self.downsample = Downsample(outputs)
        if resample == "up":
            self.upsample = Upsample(outputs)

    def forward(self, x):
        for block in self.block:
            x = block(x)
        if hasattr(self, "downsample"):
            return self.downsample(x)
        return self.upsample(x) if hasattr(self, "upsample") else x


class Encoder(nn.Module):
    def __init__(self, widths: list[int], blocks: int, outputs: int):
        super().__init__()
        last = len(widths) - 1
        self.conv_in = nn.Conv2d(3, widths[0], 3, padding=1)
        self.down = nn.ModuleList(
            Level(widths[max(k - 1, 0)], widths[k], blocks, "down" if k < last else None) for k in range(last + 1))
        self.mid = Middle(widths[-1])
        self.norm_out = group_norm(widths[-1])
        self.conv_out = nn.Conv2d(widths[-1], outputs, 3, padding=1)

    def forward(self, x):
        x = self.conv_in(x)
        for level in self.down:
            x = level(x)
        return self.conv_out(F.silu(self.norm_out(self.mid(x))))


class Decoder(nn.Module):
    def __init__(self, widths: list[int], blocks: int, latent: int):
        super().__init__()
        last = len(widths) - 1
        self.conv_in = nn.Conv2d(latent, widths[-1], 3, padding=1)
        self.mid = Middle(widths[-1])
        # up[k] works at the resolution of down[k]; the layout gives each level one block more than the encoder's
        self.up = nn.ModuleList(
            Level(widths[min(k + 1, last)], widths[k], blocks + 1, "up" if k else None) for k in range(last + 1))
        self.norm_out = group_norm(widths[0])
        self.conv_out = nn.Conv2d(widths[0], 3, 3, padding=1)

    def forward(self, x):
        x = self.mid(self.conv_in(x))
        for level in reversed(self.up):
            x = level(x)
        return self.conv_out(F.silu(self.norm_out(x)))


class Tokenizer(nn.Module):
    moments = 1  # numbers that the encoder makes for each number of the latents

    def __init__(self, ch: int, ch_mult: list[int], num_res_blocks: int, embed_dim: int,
                 encoder_ch_mult: list[int] | None = None):
        super().__init__()
        widths, moments = [ch * m for m in ch_mult], self.moments * embed_dim
        self.encoder = Encoder([ch * m for m in encoder_ch_mult or ch_mult], num_res_blocks, moments)
        self.decoder = Decoder(widths, num_res_blocks, embed_dim)
        self.quant_conv = nn.Conv2d(moments, moments, 1)
        self.post_quant_conv = nn.Conv2d(embed_dim, embed_dim, 1)


class KlTokenizer(Tokenizer):
    moments = 2  # mean and log variance

    def posterior(self, image):
        """Mean and log variance, each [batch, embed_dim, height / stride, width / stride]."""
        mean, log_variance = self.quant_conv(self.encoder(image)).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-30, 20)

    def latents(self, image):
        """Mean and deviation, as `posterior`."""
        mean, log_variance = self.posterior(image)
        return mean, (0.5 * log_variance).exp()

    def decode(self, latents):
        return self.decoder(self.post_quant_conv(latents))

    def loss(self, image, draw, _done):
        """image [batch, 3, height, width] in [-1, 1]"""
        mean, log_variance = self.posterior(image)
        noise = torch.randn(mean.shape, generator=draw)
        spread = mean.detach().std()
        std = (log_variance.exp() + (ROBUST_NOISE * spread) ** 2).sqrt()
        errors = pixel_errors(self.decode(mean + std * noise), image)
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
        return {"loss": errors["squared"] + 0.5 * errors["absolute"] + KL_WEIGHT * kl, **errors, "kl": kl}

    @torch.no_grad()
    def level(self, mean, std, target: float) -> torch.Tensor:
        """Moves every latent channel to mean 0 and deviation `target`, inside the 1x1 convolutions around the latents.

        mean, std: what each channel has now, [embed_dim]. Pictures stay the same; the generator then learns from
        channels of one size. Returns the channels' factors.
        """
        latent, factor = len(mean), target / std
        weight, bias = self.quant_conv.weight, self.quant_conv.bias
        weight[:latent] *= factor[:, None, None, None]
        bias[:latent] = (bias[:latent] - mean) * factor
        bias[latent:] += 2 * factor.log()  # the second half is the log variance
        self.post_quant_conv.bias += self.post_quant_conv.weight[:, :, 0, 0] @ mean
        self.post_quant_conv.weight /= factor[None, :, None, None]
        return factor


class Codebook(nn.Module):
    def __init__(self, entries: int, width: int):
        super().__init__()
        self.embedding = nn.Embedding(entries, width)

    def distances(self, latents):
        """Squared, from every latent to every entry. latents [N, C] -> [N, entries]"""
        return torch.cdist(latents, self.embedding.weight).square()

    def forward(self, latents):
        """The nearest entries. [batch, C, height, width] -> the same"""
        rows = latents.permute(0, 2, 3, 1)
        nearest = self.distances(rows.flatten(0, 2)).argmin(1).reshape(rows.shape[:3])
        return self.embedding(nearest).permute(0, 3, 1, 2)


class VqTokenizer(Tokenizer):
    """The generator learns the latents before quantization; decoding begins with it."""

    def __init__(self, *, n_embed: int, embed_dim: int, **sizes):
        super().__init__(embed_dim=embed_dim, **sizes)
        self.quantize = Codebook(n_embed, embed_dim)

    def latents(self, image):
        """The latents and their deviation, 0, each [batch, embed_dim, height / stride, width / stride]."""
        latents = self.quant_conv(self.encoder(image)).float()
        return latents, torch.zeros_like(latents)

    def decode(self, latents):
        return self.decoder(self.post_quant_conv(self.quantize(latents)))

    def loss(self, image, _draw, _done):
        """image [batch, 3, height, width] in [-1, 1]"""
        latents, _ = self.latents(image)
        with torch.autocast("cpu", enabled=False):
            entries = self.quantize(latents)
            revival = self.quantize.distances(latents.detach().permute(0, 2, 3, 1).flatten(0, 2)).amin(0).mean()
        towards_entries = F.mse_loss(latents, entries.detach())
        towards_latents = F.mse_loss(entries, latents.detach())
        # the decoder's gradient passes the quantization as if it were not there
        errors = pixel_errors(self.decoder(self.post_quant_conv(latents + (entries - latents).detach())), image)
        book = towards_latents + COMMITMENT * towards_entries + REVIVAL * revival
        return {"loss": errors["squared"] + 0.5 * errors["absolute"] + book, **errors, "codebook": towards_latents}

    @torch.no_grad()
    def level(self, mean, std, _target: float) -> torch.Tensor:
        """Moves every channel to mean 0. Their sizes stay, because distances to the codebook depend on them."""
        self.quant_conv.bias -= mean
        self.quantize.embedding.weight -= mean
        self.post_quant_conv.bias += self.post_quant_conv.weight[:, :, 0, 0] @ mean
        return torch.ones_like(std)


def pixel_errors(restored, image) -> dict:
    restored = restored.float()
    return {"squared": F.mse_loss(restored, image), "absolute": F.l1_loss(restored, image)}


def to_tensor(pictures) -> torch.Tensor:
    """uint8 [count, height, width, 3] -> float32 [count, 3, height, width] in [-1, 1]"""
    # contiguous, because on the CPU convolutions of channels-last pictures are two to three times slower
    return torch.as_tensor(pictures).permute(0, 3, 1, 2).float().contiguous().div_(127.5).sub_(1)
