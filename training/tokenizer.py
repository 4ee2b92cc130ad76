"""The KL autoencoder ("tokenizer"), with the tensor names of the published kl16 checkpoints, and its training.

Stride 8: a 64x64 picture becomes 8x8 latents of 8 channels, one token each.
"""

import time

import torch
from torch import nn
from torch.nn import functional as F

from parallel import WORKERS, set_gradients

CONFIG = {"ch": 32, "ch_mult": [1, 1, 2, 4], "num_res_blocks": 1, "embed_dim": 8, "resolution": 64}
STRIDE = 2 ** (len(CONFIG["ch_mult"]) - 1)


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
    def __init__(self, widths: list[int], blocks: int, latent: int):
        super().__init__()
        last = len(widths) - 1
        self.conv_in = nn.Conv2d(3, widths[0], 3, padding=1)
        self.down = nn.ModuleList(
            Level(widths[max(k - 1, 0)], widths[k], blocks, "down" if k < last else None) for k in range(last + 1))
        self.mid = Middle(widths[-1])
        self.norm_out = group_norm(widths[-1])
        self.conv_out = nn.Conv2d(widths[-1], 2 * latent, 3, padding=1)

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
    def __init__(self, ch: int, ch_mult: list[int], num_res_blocks: int, embed_dim: int, **_):
        super().__init__()
        widths = [ch * m for m in ch_mult]
        self.encoder = Encoder(widths, num_res_blocks, embed_dim)
        self.decoder = Decoder(widths, num_res_blocks, embed_dim)
        self.quant_conv = nn.Conv2d(2 * embed_dim, 2 * embed_dim, 1)
        self.post_quant_conv = nn.Conv2d(embed_dim, embed_dim, 1)

    def encode(self, image):
        """Mean and log variance of the posterior, each [batch, embed_dim, height / 8, width / 8]."""
        mean, log_variance = self.quant_conv(self.encoder(image)).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-30, 20)

    def decode(self, latents):
        return self.decoder(self.post_quant_conv(latents))


KL_WEIGHT = 1e-4  # of the mean over latents, beside a mean over pixels; more of it blurs small details
ROBUST_NOISE = 0.05  # of the latents' spread: the decoder forgives the generator small errors


def tokenizer_loss(model: Tokenizer, image, generator):
    """image [batch, 3, 64, 64] in [-1, 1] -> loss, squared error, absolute error, KL a latent"""
    mean, log_variance = model.encode(image)
    noise = torch.randn(mean.shape, generator=generator)
    spread = mean.detach().std()
    std = (log_variance.exp() + (ROBUST_NOISE * spread) ** 2).sqrt()
    restored = model.decode(mean + std * noise).float()
    squared = F.mse_loss(restored, image)
    absolute = F.l1_loss(restored, image)
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
    return squared + 0.5 * absolute + KL_WEIGHT * kl, squared, absolute, kl


@torch.no_grad()
def level_channels(model: Tokenizer, mean, std, target: float) -> None:
    """Moves every latent channel to mean 0 and deviation `target`, inside the 1x1 convolutions around the latents.

    mean, std: what each channel has now, [embed_dim]. Pictures stay the same; the generator then learns from channels
    of one size.
    """
    latent, factor = len(mean), target / std
    weight, bias = model.quant_conv.weight, model.quant_conv.bias
    weight[:latent] *= factor[:, None, None, None]
    bias[:latent] = (bias[:latent] - mean) * factor
    bias[latent:] += 2 * factor.log()  # the second half is the log variance
    model.post_quant_conv.bias += model.post_quant_conv.weight[:, :, 0, 0] @ mean
    model.post_quant_conv.weight /= factor[None, :, None, None]


def to_tensor(pictures) -> torch.Tensor:
    """uint8 [count, height, width, 3] -> float32 [count, 3, height, width] in [-1, 1]"""
    # contiguous, because on the CPU convolutions of channels-last pictures are two to three times slower
    return torch.as_tensor(pictures).permute(0, 3, 1, 2).float().contiguous().div_(127.5).sub_(1)


def learning_rate(done: float, step: int, peak: float, warm_up: int, flat_until: float) -> float:
    """Warm-up in steps, then flat, then linear to 2 % as `done` (the share of the time spent) goes to 1."""
    decay = 1.0 if done < flat_until else 1.0 - 0.98 * (done - flat_until) / (1 - flat_until)
    return peak * min(1.0, (step + 1) / warm_up) * max(decay, 0.02)


def train_tokenizer(pictures, budget, checkpoint, log, batch: int = 16):
    """Trains until `budget` is spent. pictures: uint8 [count, 64, 64, 3]; returns the averaged model."""
    torch.manual_seed(1)
    model = Tokenizer(**CONFIG)
    average = Tokenizer(**CONFIG).requires_grad_(False)
    average.load_state_dict(model.state_dict())
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=1e-4, fused=True)
    step = checkpoint.restore(model=model, average=average, optimizer=optimizer, budget=budget)
    sums, counted, since = torch.zeros(3), 0, time.monotonic()

    def loss_of(draw):
        rows = torch.randint(len(pictures), (batch // WORKERS,), generator=draw)
        return tokenizer_loss(model, to_tensor(pictures[rows.numpy()]), draw)

    while budget.share() < 1:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(budget.share(), step, 1e-3, 100, 0.6)
        sums += set_gradients(model, loss_of, step)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step, counted = step + 1, counted + 1
        rate = min(0.998, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - rate)
        budget.tick()
        if step % 100 == 0:
            squared, absolute, kl = (sums / counted).tolist()
            seconds = (time.monotonic() - since) / counted
            log(f"tokenizer step {step} squared {squared:.5f} absolute {absolute:.4f} kl {kl:.2f} {seconds:.2f} s/step")
            sums, counted, since = torch.zeros(3), 0, time.monotonic()
        checkpoint.save_when_due(step, model=model, average=average, optimizer=optimizer, budget=budget)
    checkpoint.save(step, model=model, average=average, optimizer=optimizer, budget=budget)
    return average
