"""Diffusion of 1000 timesteps with a learned-range variance (Nichol and Dhariwal, 2021), for both families."""

import math

import numpy as np
import torch

TIMESTEPS = 1000


def cosine_betas() -> np.ndarray:
    """Equation 17 of arXiv 2102.09672, with beta at most 0.999."""
    alpha_bar = lambda u: math.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2
    ratio = [alpha_bar((t + 1) / TIMESTEPS) / alpha_bar(t / TIMESTEPS) for t in range(TIMESTEPS)]
    return np.minimum(1 - np.array(ratio), 0.999)


def linear_betas() -> np.ndarray:
    """Ho et al., arXiv 2006.11239."""
    return np.linspace(1e-4, 0.02, TIMESTEPS)


def kept_timesteps(steps: int, highest: int) -> np.ndarray:
    """The timesteps that `steps` diffusion steps keep, ascending, spread evenly over 0..999 and then clamped."""
    stride, position, kept = (TIMESTEPS - 1) / (steps - 1), 0.0, []
    for _ in range(steps):
        kept.append(round(position))  # half to even, like the accumulated stride of the reference
        position += stride
    return np.unique(np.minimum(kept, highest))


class Process:
    """The coefficients for a list of kept timesteps, computed in float64 and used as float32."""

    def __init__(self, timesteps: np.ndarray, train_betas: np.ndarray):
        alpha_bar = np.cumprod(1 - train_betas)[timesteps]
        before = np.append(1.0, alpha_bar[:-1])
        betas = 1 - alpha_bar / before
        posterior = betas * (1 - before) / (1 - alpha_bar)
        # the posterior variance is 0 at the first timestep: its logarithm takes the second's
        logarithm = np.log(np.append(posterior[1], posterior[1:]))
        tensor = lambda array: torch.tensor(array, dtype=torch.float32)
        self.timesteps = torch.tensor(timesteps)
        self.signal, self.noise = tensor(np.sqrt(alpha_bar)), tensor(np.sqrt(1 - alpha_bar))
        self.inverse_signal, self.inverse_noise = tensor(np.sqrt(1 / alpha_bar)), tensor(np.sqrt(1 / alpha_bar - 1))
        self.from_start = tensor(betas * np.sqrt(before) / (1 - alpha_bar))
        self.from_noisy = tensor((1 - before) * np.sqrt(1 - betas) / (1 - alpha_bar))
        self.log_smallest, self.log_largest = tensor(logarithm), tensor(np.log(betas))

    def noisy(self, x0, eps, k):
        """x_t [..., C] of step k [...]"""
        return self.signal[k, None] * x0 + self.noise[k, None] * eps

    def posterior_mean(self, x0, xt, k):
        return self.from_start[k, None] * x0 + self.from_noisy[k, None] * xt

    def start_from(self, xt, eps, k):
        return self.inverse_signal[k, None] * xt - self.inverse_noise[k, None] * eps

    def log_variance(self, between, k):
        """`between` is the network's second half: -1 means the posterior variance, 1 means beta."""
        share = (between + 1) / 2
        return share * self.log_largest[k, None] + (1 - share) * self.log_smallest[k, None]


def normal_cdf(x):
    return 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def first_step_nll(x0, mean, log_scale):
    """-log p(x_0 | x_1), x_0 taken as a value rounded to 1/127.5, as the published loss does."""
    inverse, centred = torch.exp(-log_scale), x0 - mean
    upper, lower = normal_cdf(inverse * (centred + 1 / 255)), normal_cdf(inverse * (centred - 1 / 255))
    inside = torch.log((upper - lower).clamp(min=1e-12))
    above, below = torch.log((1 - lower).clamp(min=1e-12)), torch.log(upper.clamp(min=1e-12))
    return -torch.where(x0 < -0.999, below, torch.where(x0 > 0.999, above, inside))


def variational_bound(process: Process, x0, xt, eps, between, k):
    """The term of the variational bound in bits, [...]; it trains the variance alone, so eps comes detached."""
    true_mean = process.posterior_mean(x0, xt, k)
    mean = process.posterior_mean(process.start_from(xt, eps, k), xt, k)
    true_log, log = process.log_smallest[k, None], process.log_variance(between, k)
    divergence = 0.5 * (log - true_log - 1 + torch.exp(true_log - log) + (true_mean - mean) ** 2 * torch.exp(-log))
    bound = torch.where(k[..., None] == 0, first_step_nll(x0, mean, 0.5 * log), divergence)
    return bound.mean(-1) / math.log(2)


def diffusion_loss(process: Process, network, x0, condition, k, eps):
    """Mean squared error of eps plus the bound.

    x0 [rows, 1, C]; eps [rows, noises, C]; condition [rows, D]; k [rows] -> [rows, noises]
    """
    row_k = k[:, None]
    xt = process.noisy(x0, eps, row_k)
    predicted, between = network(xt, k, condition).float().chunk(2, dim=-1)
    bound = variational_bound(process, x0, xt, predicted.detach(), between, row_k)
    return (predicted - eps).square().mean(-1) + bound
