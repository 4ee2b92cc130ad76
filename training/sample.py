"""Samples a MAR's tokens with plain PyTorch, for the training of the demo's encoder."""

import math
from dataclasses import dataclass

import torch

from diffusion import Process, cosine_betas, kept_timesteps
from mar import Mar


@dataclass
class Settings:
    steps: int = 32
    guidance: float = 3.0
    schedule: str = "linear"
    temperature: float = 0.9
    diffusion_steps: int = 50
    max_timestep: int = 940


def denoise(head, process: Process, z, without, guidance: float, temperature: float):
    """z, without [N, D] (condition with and without the class) -> tokens [N, C]"""
    count = len(z)
    x = torch.randn(count, head.input_proj.in_features)
    both = torch.cat([z, without]) if guidance != 1 else z
    for k in reversed(range(len(process.timesteps))):
        rows = torch.full((len(both),), int(process.timesteps[k]))
        twice = torch.cat([x, x]) if guidance != 1 else x
        output = head(twice.unsqueeze(1), rows, both).squeeze(1)
        eps, between = output[:count].chunk(2, dim=1)
        if guidance != 1:
            eps_without = output[count:].chunk(2, dim=1)[0]
            eps = eps_without + guidance * (eps - eps_without)
        at = torch.full((count,), k)
        x = process.posterior_mean(process.start_from(x, eps, at), x, at)
        if k > 0:
            deviation = torch.exp(0.5 * process.log_variance(between, at))
            x = x + temperature * deviation * torch.randn_like(x)
    return x


@torch.inference_mode()
def sample_tokens(model: Mar, labels: torch.Tensor, settings: Settings) -> torch.Tensor:
    """labels [B] -> tokens [B, L, C], in latents of unit variance"""
    batch, length = len(labels), model.tokens
    process = Process(kept_timesteps(settings.diffusion_steps, settings.max_timestep), cosine_betas())
    orders = torch.rand(batch, length).argsort(1)  # consumed from the end: order[:, :masked] stays masked
    tokens = torch.zeros(batch, length, model.channels)
    classes, none = model.class_emb(labels), model.fake_latent.expand(batch, -1)
    masked = length
    for step in range(settings.steps):
        target = max(1, min(masked - 1, math.floor(length * math.cos(math.pi / 2 * (step + 1) / settings.steps))))
        left = 0 if step == settings.steps - 1 else target
        share = (length - target) / length
        guidance = settings.guidance if settings.schedule == "constant" else 1 + (settings.guidance - 1) * share
        known, chosen = orders[:, masked:], orders[:, left:masked]
        at = chosen[..., None].expand(-1, -1, model.mask_token.shape[2])
        z, without = (model.condition(tokens, known, c).gather(1, at).flatten(0, 1) for c in (classes, none))
        sampled = denoise(model.diffloss.net, process, z, without, guidance, settings.temperature)
        places = chosen[..., None].expand(-1, -1, model.channels)
        tokens = tokens.scatter(1, places, sampled.reshape(batch, -1, model.channels))
        masked = left
    return tokens
