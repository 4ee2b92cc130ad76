"""Latent diffusion's first stages ("tokenizers"), KL and VQ, and their losses."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from .autoencoder import Decoder, Encoder

KL_WEIGHT = 1e-4  # of the mean over latents, beside a mean over pixels; more of it blurs small details
ROBUST_NOISE = 0.05  # of the latents' spread: the decoder forgives the generator small errors
COMMITMENT = 0.25  # how much a latent is drawn to its entry of the codebook, beside the entry to its latents
REVIVAL = 0.1  # how much every entry is drawn to the latent nearest to it, so that none is left unused


class Tokenizer(nn.Module):
    moments = 1  # numbers that the encoder makes for each number of the latents

    def __init__(self, ch: int, ch_mult: list[int], num_res_blocks: int, embed_dim: int,
                 encoder_ch_mult: list[int] | None = None, encoder_attention: tuple[int, ...] = (),
                 decoder_attention: tuple[int, ...] = ()):
        """The levels with attention are those besides the middle, which always has it."""
        super().__init__()
        widths, moments = [ch * m for m in ch_mult], self.moments * embed_dim
        self.encoder = Encoder([ch * m for m in encoder_ch_mult or ch_mult], num_res_blocks, encoder_attention, moments)
        self.decoder = Decoder(widths, num_res_blocks, decoder_attention, embed_dim)
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
        errors = self.decoder_loss(image, mean, (0.5 * log_variance).exp(), mean.detach().std(), draw)
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
        return {**errors, "loss": errors["loss"] + KL_WEIGHT * kl, "kl": kl}

    def decoder_loss(self, image, mean, deviation, spread, draw):
        """Of `image` restored from latents drawn from its posterior, and moved by a share of the `spread` of all latents."""
        std = (deviation.square() + (ROBUST_NOISE * spread) ** 2).sqrt()
        noise = torch.randn(mean.shape, generator=draw)
        errors = pixel_errors(self.decode(mean + std * noise), image)
        return {"loss": errors["squared"] + 0.5 * errors["absolute"], **errors}

    @torch.no_grad()
    def level(self, mean, std, target: float) -> torch.Tensor:
        """Moves every latent channel to mean 0 and deviation `target`, inside the 1x1 convolutions around the latents.

        mean, std: what each channel has now, [embed_dim]. Images stay the same; the generator then learns from
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

    def codes(self, latents):
        """The numbers of the nearest entries. [batch, C, height, width] -> [batch, height, width]"""
        rows = latents.permute(0, 2, 3, 1)
        return self.distances(rows.flatten(0, 2)).argmin(1).reshape(rows.shape[:3])

    def forward(self, latents):
        """The nearest entries. [batch, C, height, width] -> the same"""
        return self.entries(self.codes(latents))

    def entries(self, codes):
        """[batch, height, width] -> [batch, C, height, width]"""
        return self.embedding(codes).permute(0, 3, 1, 2)


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
        with torch.autocast(image.device.type, enabled=False):
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


def to_tensor(pixels) -> torch.Tensor:
    """uint8 [count, height, width, 3] -> float32 [count, 3, height, width] in [-1, 1]"""
    # contiguous, because on the CPU convolutions of channels-last images are two to three times slower
    return torch.as_tensor(np.array(pixels)).permute(0, 3, 1, 2).float().contiguous().div_(127.5).sub_(1)


def to_pixels(image: torch.Tensor):
    """The inverse of `to_tensor`, as an array."""
    return ((image.float() + 1) * 127.5).clamp(0, 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()


TOKENIZERS = {"kl": KlTokenizer, "vq": VqTokenizer}
