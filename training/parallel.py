"""Two workers of one thread each compute the gradients of one batch's two halves.

PyTorch's own threads meet at the end of every operation; on cores that other programs use too they mostly wait for each
other. Here the workers meet once a step.
"""

from concurrent.futures import ThreadPoolExecutor

import torch
from torch import nn

WORKERS = 2
POOL = ThreadPoolExecutor(WORKERS, initializer=torch.set_num_threads, initargs=(1,))


def set_gradients(parameters: list[nn.Parameter], loss_of, step: int) -> dict[str, float]:
    """Gives `parameters` the workers' averaged gradients.

    `loss_of(draw)` gives {"loss": ..., any numbers to report} of one worker's share of the batch; everything random in
    it comes from the generator `draw`, seeded by step and worker. Returns the averaged numbers.
    """

    def work(worker: int):
        draw = torch.Generator().manual_seed(step * WORKERS + worker)
        with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
            numbers = loss_of(draw)
        return torch.autograd.grad(numbers["loss"], parameters), numbers

    results = list(POOL.map(work, range(WORKERS)))
    for parameter, *gradients in zip(parameters, *(gradients for gradients, _ in results)):
        parameter.grad = sum(gradients) / WORKERS
    return {key: sum(numbers[key].item() for _, numbers in results) / WORKERS for key in results[0][1]}
