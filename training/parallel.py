"""Two workers of one thread each compute the gradients of one batch's two halves.

PyTorch's own threads meet at the end of every operation; on cores that other programs use too they mostly wait for each
other. Here the workers meet once a step.
"""

from concurrent.futures import ThreadPoolExecutor

import torch
from torch import nn

WORKERS = 2
POOL = ThreadPoolExecutor(WORKERS, initializer=torch.set_num_threads, initargs=(1,))


def set_gradients(model: nn.Module, loss_of, step: int) -> torch.Tensor:
    """Averages the workers' gradients into `model`.

    `loss_of(draw)` gives the loss (and any numbers to report) of one worker's share of the batch; everything random in
    it comes from the generator `draw`, seeded by step and worker. Returns the averaged numbers.
    """
    parameters = list(model.parameters())

    def work(worker: int):
        draw = torch.Generator().manual_seed(step * WORKERS + worker)
        with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
            loss, *numbers = loss_of(draw)
        return torch.autograd.grad(loss, parameters), torch.stack([n.detach() for n in numbers])

    results = list(POOL.map(work, range(WORKERS)))
    for parameter, *gradients in zip(parameters, *(gradients for gradients, _ in results)):
        parameter.grad = sum(gradients) / WORKERS
    return sum(numbers for _, numbers in results) / WORKERS
