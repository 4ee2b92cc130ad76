"""Samples with plain PyTorch: sheets in the course of a training, and the latents that the demo's encoder learns from."""

import math
from dataclasses import dataclass

import torch

from .causal import Causal
from .diffusion import Process, cosine_betas, kept_timesteps, linear_betas
from .dit import Dit
from .heads import TokenGenerator, take
from .mar import Mar


@dataclass
class Settings:
    steps: int = 32
    guidance: float = 3.0
    schedule: str = "linear"
    temperature: float = 0.9
    diffusion_steps: int = 50
    max_timestep: int = 940

    def guidance_at(self, share: float) -> float:
        """`share` of the tokens that are known after the step"""
        return self.guidance if self.schedule == "constant" else 1 + (self.guidance - 1) * share


def step_back(process: Process, x, eps, between, k: int, temperature: float, noise):
    """x_t of step k -> x of the step before"""
    at = torch.full(x.shape[:-1], k)
    x = process.posterior_mean(process.start_from(x, eps, at), x, at)
    if k == 0:
        return x
    return x + temperature * torch.exp(0.5 * process.log_variance(between, at)) * noise


def denoise(head, process: Process, z, without, guidance: float, temperature: float, draw):
    """z, without [N, D] (condition with and without the class) -> tokens [N, C]"""
    count = len(z)
    x = torch.randn(count, head.input_proj.in_features, generator=draw)
    both = torch.cat([z, without]) if guidance != 1 else z
    for k in reversed(range(len(process.timesteps))):
        rows = torch.full((len(both),), int(process.timesteps[k]))
        twice = torch.cat([x, x]) if guidance != 1 else x
        output = head(twice.unsqueeze(1), rows, both).squeeze(1)
        eps, between = output[:count].chunk(2, dim=1)
        if guidance != 1:
            eps_without = output[count:].chunk(2, dim=1)[0]
            eps = eps_without + guidance * (eps - eps_without)
        x = step_back(process, x, eps, between, k, temperature, torch.randn(x.shape, generator=draw))
    return x


def draw_tokens(model: TokenGenerator, z, without, guidance: float, settings: Settings, draw):
    """z, without [N, D] (condition with and without the class) -> tokens [N] or [N, C]"""
    if model.is_categorical:
        logits, logits_without = model.diffloss.logits(z), model.diffloss.logits(without)
        weights = ((logits_without + guidance * (logits - logits_without)) / settings.temperature).softmax(1)
        return torch.multinomial(weights, 1, generator=draw)[:, 0]
    process = Process(kept_timesteps(settings.diffusion_steps, settings.max_timestep), cosine_betas())
    return denoise(model.diffloss.net, process, z, without, guidance, settings.temperature, draw)


@torch.inference_mode()
def sample_mar(model: Mar, labels: torch.Tensor, settings: Settings, draw: torch.Generator) -> torch.Tensor:
    """labels [B] -> tokens [B, L] or [B, L, C], in latents of unit variance"""
    batch, length = len(labels), model.tokens
    orders = torch.rand(batch, length, generator=draw).argsort(1)  # consumed from the end: order[:, :masked] stays masked
    tokens, rows = model.unknown(batch), torch.arange(batch)[:, None]
    classes, none = model.class_emb(labels), model.fake_latent.expand(batch, -1)
    masked, steps = length, min(settings.steps, length)
    for step in range(steps):
        target = max(1, min(masked - 1, math.floor(length * math.cos(math.pi / 2 * (step + 1) / steps))))
        left = 0 if step == steps - 1 else target
        guidance = settings.guidance_at((length - target) / length)
        known, chosen = orders[:, masked:], orders[:, left:masked]
        z, without = (take(model.condition(tokens, known, c), chosen).flatten(0, 1) for c in (classes, none))
        sampled = draw_tokens(model, z, without, guidance, settings, draw)
        tokens[rows, chosen] = sampled.unflatten(0, chosen.shape)
        masked = left
    return tokens


@torch.inference_mode()
def sample_causal(model: Causal, labels: torch.Tensor, settings: Settings, draw: torch.Generator) -> torch.Tensor:
    """labels [B] -> tokens [B, L] or [B, L, C], in latents of unit variance; one after another"""
    batch, length = len(labels), model.tokens
    order, tokens, rows = model.draw_order(batch, draw), model.unknown(batch), torch.arange(batch)
    classes, none = model.class_emb(labels), model.fake_latent.expand(batch, -1)
    for step in range(length):
        known, targets = take(tokens, order[:, :step]), order[:, :step + 1]
        z, without = (model.condition(known, targets, c)[:, -1] for c in (classes, none))
        guidance = settings.guidance_at((step + 1) / length)
        tokens[rows, order[:, step]] = draw_tokens(model, z, without, guidance, settings, draw)
    return tokens


@torch.inference_mode()
def sample_dit(model: Dit, labels: torch.Tensor, settings: Settings, draw: torch.Generator) -> torch.Tensor:
    """labels [B] -> tokens [B, L, C], in latents of unit variance, without guidance"""
    length, channels = model.pos_embed.shape[1], model.x_embedder.proj.weight[0].numel()
    process = Process(kept_timesteps(settings.diffusion_steps, 999), linear_betas())
    x = torch.randn(len(labels), length, channels, generator=draw)
    for k in reversed(range(len(process.timesteps))):
        rows = torch.full((len(labels),), int(process.timesteps[k]))
        eps, between = model(x, rows, labels).chunk(2, dim=2)
        x = step_back(process, x, eps, between, k, settings.temperature, torch.randn(x.shape, generator=draw))
    return x
