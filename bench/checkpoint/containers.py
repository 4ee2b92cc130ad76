"""The two containers, written tensor by tensor: only one tensor is in memory at a time."""

import json
from collections import OrderedDict
from pathlib import Path
from typing import Callable

import numpy as np
import torch

from networks import Shapes

Draw = Callable[[str, tuple[int, ...]], torch.Tensor]


def write_safetensors(path: Path, shapes: Shapes, draw: Draw) -> None:
    """float32, ordered by name, as the safetensors library writes it."""
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for name in sorted(shapes):
        begin, end = end, end + 4 * int(np.prod(shapes[name]))
        header[name] = {"dtype": "F32", "shape": list(shapes[name]), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in sorted(shapes):
            file.write(draw(name, shapes[name]).numpy().data)


def map_safetensors(path: Path, shapes: Shapes) -> OrderedDict[str, torch.Tensor]:
    """The file's tensors, mapped into memory, in the order of `shapes`, each with a storage of its own."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))

    def tensor(name):
        offset = 8 + length + header[name]["data_offsets"][0]
        return torch.from_numpy(np.memmap(path, dtype=np.float32, mode="c", offset=offset, shape=shapes[name]))

    return OrderedDict((name, tensor(name)) for name in shapes)


def write_training_checkpoint(path: Path, model: OrderedDict, model_ema: OrderedDict) -> None:
    """As the authors' script saves from a GPU, without optimizer, epoch, scaler and args: the EMA's tensors are Parameters."""
    parameters = OrderedDict((name, torch.nn.Parameter(value)) for name, value in model_ema.items())
    _save_as_from_gpu({"model": model, "model_ema": parameters}, path)


def write_tokenizer_checkpoint(path: Path, state: OrderedDict, key: str) -> None:
    _save_as_from_gpu({key: state}, path)


def _save_as_from_gpu(value: dict, path: Path) -> None:
    """`torch.save` with storages located on cuda:0."""
    entry = (0, lambda storage: "cuda:0", lambda storage, location: None)
    registry = torch.serialization._package_registry
    registry.insert(0, entry)
    try:
        torch.save(value, path)
    finally:
        registry.remove(entry)
