"""The two halves of latent diffusion's autoencoders, with the tensor names of its checkpoints.

Every level but the last halves the image's sides: with five levels, an image of 128x128 becomes latents of 8x8.
"""

from torch import nn
from torch.nn import functional as F


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

    def __init__(self, inputs: int, outputs: int, blocks: int, attention: bool, resample: str | None):
        super().__init__()
        self.block = nn.ModuleList(ResidualBlock(inputs if k == 0 else outputs, outputs) for k in range(blocks))
        self.attn = nn.ModuleList(SpatialAttention(outputs) for _ in range(blocks if attention else 0))
        if resample == "down":
            self.downsample = Downsample(outputs)
        if resample == "up":
            self.upsample = Upsample(outputs)

    def forward(self, x):
        for k, block in enumerate(self.block):
            x = block(x)
            if self.attn:
                x = self.attn[k](x)
        if hasattr(self, "downsample"):
            return self.downsample(x)
        return self.upsample(x) if hasattr(self, "upsample") else x


class Encoder(nn.Module):
    def __init__(self, widths: list[int], blocks: int, attention: tuple[int, ...], outputs: int):
        super().__init__()
        last = len(widths) - 1
        self.conv_in = nn.Conv2d(3, widths[0], 3, padding=1)
        self.down = nn.ModuleList(
            Level(widths[max(k - 1, 0)], widths[k], blocks, k in attention, "down" if k < last else None)
            for k in range(last + 1))
        self.mid = Middle(widths[-1])
        self.norm_out = group_norm(widths[-1])
        self.conv_out = nn.Conv2d(widths[-1], outputs, 3, padding=1)

    def forward(self, x):
        x = self.conv_in(x)
        for level in self.down:
            x = level(x)
        return self.conv_out(F.silu(self.norm_out(self.mid(x))))


class Decoder(nn.Module):
    def __init__(self, widths: list[int], blocks: int, attention: tuple[int, ...], latent: int):
        super().__init__()
        last = len(widths) - 1
        self.conv_in = nn.Conv2d(latent, widths[-1], 3, padding=1)
        self.mid = Middle(widths[-1])
        # up[k] works at the resolution of down[k]; the layout gives each level one block more than the encoder's
        self.up = nn.ModuleList(
            Level(widths[min(k + 1, last)], widths[k], blocks + 1, k in attention, "up" if k else None)
            for k in range(last + 1))
        self.norm_out = group_norm(widths[0])
        self.conv_out = nn.Conv2d(widths[0], 3, 3, padding=1)

    def forward(self, x):
        x = self.mid(self.conv_in(x))
        for level in reversed(self.up):
            x = level(x)
        return self.conv_out(F.silu(self.norm_out(x)))
