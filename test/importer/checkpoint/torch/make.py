"""Writes the checkpoints beside this file, with PyTorch 2.13.0 and NumPy 2.4.6 on Python 3.11:

    pip install torch==2.13.0 numpy==2.4.6
    python make.py

Every tensor holds distinct numbers. The tests compare a strided tensor with the contiguous one of the same name in `expected`.
"""

import argparse
import collections
import datetime
import functools
import pathlib
import random
import sys
from copy import deepcopy

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

HERE = pathlib.Path(__file__).parent
torch.manual_seed(0)


class Generator(nn.Module):
    """The names of a few of MAR's tensors: enough for a file to be recognised."""

    def __init__(self):
        super().__init__()
        self.mask_token = nn.Parameter(torch.randn(1, 1, 3))
        self.class_emb = nn.Embedding(2, 3)
        self.z_proj = nn.Linear(3, 3)

    def forward(self, x):
        return self.z_proj(x) + self.mask_token


def write(name, value, **options):
    torch.save(value, HERE / name, **options)


def extras():
    """What training scripts keep beside the weights, of every kind that was seen."""
    layer = nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(layer.parameters())
    layer(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    attributed = torch.ones(2)
    attributed.tag = "x"
    args = argparse.Namespace(lr=1e-4, output=pathlib.PurePosixPath("out/mar"), device=torch.device("cuda:0"), amp=torch.bfloat16)
    return {
        "args": args,
        "epoch": 399,
        "loss": np.float64(0.25),
        "step": np.int64(12),
        "history": np.arange(6, dtype=np.float32).reshape(2, 3),
        "names": np.array(["a", None], dtype=object),
        "ema_decay": np.float32(0.9999),
        "rng": {
            "python": random.Random(0).getstate(),
            "numpy": np.random.RandomState(0).get_state(),
            "generator": np.random.default_rng(0),
            "torch": torch.get_rng_state(),
        },
        "started": datetime.datetime(2026, 11, 29, tzinfo=datetime.timezone.utc),
        "took": datetime.timedelta(hours=3),
        "seen": {1, 2},
        "frozen": frozenset(["a"]),
        "meters": collections.defaultdict(list, {"loss": [0.5, 0.25]}),
        "counts": collections.Counter("abca"),
        "recent": collections.deque([1, 2], maxlen=3),
        "note": b"\x00\xff",
        "buffer": bytearray(b"abc"),
        "large": 2**3000,
        "complex": 1 + 2j,
        "slice": slice(1, 2),
        "schedule": functools.partial(max, 1),
        "module": layer,
        "optimizer": optimizer.state_dict(),
        "sparse": torch.eye(3).to_sparse(),
        "compressed": torch.eye(3).to_sparse_csr(),
        "spectrum": torch.ones(2, dtype=torch.complex64),
        "eighth": torch.ones(2, dtype=torch.float8_e4m3fn),
        "unsigned": torch.ones(2, dtype=torch.uint16),
        "quantized": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
        "nowhere": torch.empty(2, device="meta"),
        "nested": torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
        "attributed": attributed,
        "storage": torch.ones(2).untyped_storage(),
        "model": {"w": torch.arange(6.0).reshape(2, 3), "tagged": attributed, "b": nn.Parameter(torch.tensor([7.0]))},
    }


def strided():
    base = torch.arange(120.0)
    tensors = {
        "transposed": base[:6].reshape(2, 3).t(),
        "permuted": base[:24].reshape(2, 3, 4).permute(2, 0, 1),
        "channels_last": base.reshape(2, 3, 4, 5).to(memory_format=torch.channels_last),
        "expanded": base[5:8].reshape(3, 1).expand(3, 4),
        "every_third": base[1::3],
        "inner_view": base.reshape(10, 12)[2:5, 3:7],
        "overlapping": base.as_strided((3, 4), (2, 1), 7),
        "diagonal": base[:100].reshape(10, 10).diagonal(),
        "half": base[:6].half().reshape(2, 3).t(),
        "brain": base[:6].bfloat16().reshape(2, 3).t(),
        "double": base[:6].double().reshape(2, 3).t(),
        "bytes": base[:6].to(torch.uint8).reshape(2, 3).t(),
        "parameter": nn.Parameter(base[:6].reshape(2, 3).t()),
    }
    expected = {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}
    # Its storage holds the values with the other sign: to be refused, not read as it lies.
    return {"strided": tensors, "expected": expected, "negated": {"w": torch._neg_view(base[:4])}}


def main():
    write("extras.pth", extras())
    write("extras-protocol-5.pth", extras(), pickle_protocol=5)
    write("strided.pth", strided())
    model = Generator()
    compiled = torch.compile(model)
    averaged = AveragedModel(compiled, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.5))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    averaged.update_parameters(compiled)
    write("averaged-model.pth", {"model": compiled.state_dict(), "averaged": averaged.state_dict()})
    shadow = [parameter.detach() + 5 for parameter in model.parameters()]
    write("ema-list.pth", {"model": model.state_dict(), "model_ema": shadow, "epoch": 1})
    write("ema-module.pth", {"model": model.state_dict(), "model_ema": deepcopy(model)})


if __name__ == "__main__":
    sys.exit(main())
