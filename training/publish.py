"""Writes trained weights in the layout of the published checkpoints, with the files that `marimba import` takes beside them."""

import argparse
import json
import subprocess
from pathlib import Path

from torch import nn

from .errors import TrainingError
from .progress import save, write_atomically

ROOT = Path(__file__).parent.parent


def publish(folder: Path, model, average, sizes: dict, tokenizer: dict, scale: float, classes: list[str], serve: dict) -> None:
    """`average` is the averaged generator, which sampling uses; `tokenizer` its tokenizer's weights."""
    folder.mkdir(exist_ok=True)
    args, arch = model.published(sizes, round(scale, 6))
    on_cpu = lambda weights: {name: tensor.cpu() for name, tensor in weights.items()}
    ema = {name: nn.Parameter(tensor.clone()) for name, tensor in on_cpu(average.state_dict()).items()}
    save(folder / "generator.pt",
         {"model": on_cpu(model.state_dict()), model.average_key: ema, "args": argparse.Namespace(**args)})
    save(folder / "tokenizer.ckpt", {"state_dict": on_cpu(tokenizer)})
    for name, content in {"config": arch, "classes": classes, "defaults": serve}.items():
        with write_atomically(folder / f"{name}.json") as file:
            file.write((json.dumps(content, indent=1) + "\n").encode())


def import_model(folder: Path, name: str) -> None:
    """Makes it a model that Marimba serves."""
    files = {"generator": "generator.pt", "tokenizer": "tokenizer.ckpt", "arch": "config.json", "classes": "classes.json",
             "defaults": "defaults.json"}
    options = [part for option, file in files.items() for part in (f"--{option}", str((folder / file).resolve()))]
    for command in (["npm", "run", "--silent", "build"], ["node", "dist/main.js", "import", "--name", name, *options]):
        try:
            subprocess.run(command, cwd=ROOT, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            reason = error.strerror if isinstance(error, OSError) else "see above"
            raise TrainingError(f"the checkpoints are in {folder}, but {command[0]} could not import them: {reason}") from error
