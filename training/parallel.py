"""Gradients of one batch, computed in shares.

On a CPU, workers of one thread each take a share at a time. PyTorch's own threads meet at the end of every operation; on cores
that other programs use too they mostly wait for each other. Here the workers meet once a step. On a GPU, the shares follow one
another. The shares, and with them the results, depend on the recipe alone.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import cache

import torch
from torch import nn

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


@cache
def pool(workers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,))


def set_gradients(parameters: list[nn.Parameter], loss_of, step: int, workers: int, shares: int) -> dict[str, float]:
    """Gives `parameters` the shares' averaged gradients.

    `loss_of(draw)` gives {"loss": ..., any numbers to report} of one share of the batch; everything random in it comes from the
    generator `draw`, seeded by step and share. Returns the averaged numbers.
    """

    def work(share: int):
        draw = torch.Generator(DEVICE).manual_seed(step * shares + share)
        with torch.autocast(DEVICE.type, torch.bfloat16, cache_enabled=False):
            numbers = loss_of(draw)
        return torch.autograd.grad(numbers["loss"], parameters), {key: number.item() for key, number in numbers.items()}

    run = pool(workers).map if DEVICE.type == "cpu" else map
    sums, totals = None, {}
    for gradients, numbers in run(work, range(shares)):
        sums = list(gradients) if sums is None else [a + b for a, b in zip(sums, gradients)]
        totals = {key: totals.get(key, 0) + number / shares for key, number in numbers.items()}
    for parameter, gradient in zip(parameters, sums):
        parameter.grad = gradient / shares
    return totals
