"""Writes trained weights in the layout of the published checkpoints, with the files that `marimba import` takes beside them."""

import argparse
import json
import subprocess
from pathlib import Path

from torch import nn

from .errors import TrainingError
from .progress import save, write_atomically

ROOT = Path(__file__).parent.parent


def publish_tokenizer(folder: Path, tokenizer, float16: bool) -> None:
    """As soon as it is trained, because other trainings can begin with it."""
    folder.mkdir(exist_ok=True)
    weights = on_cpu(tokenizer.state_dict())
    save(folder / "tokenizer.ckpt", {"state_dict": {name: w.half() if float16 else w for name, w in weights.items()}})


def publish(folder: Path, model, average, sizes: dict, scale: float, classes: list[str], serve: dict) -> None:
    """`average` is the averaged generator, which sampling uses."""
    args, arch = model.published(sizes, round(scale, 6))
    ema = {name: nn.Parameter(tensor.clone()) for name, tensor in on_cpu(average.state_dict()).items()}
    save(folder / "generator.pt",
         {"model": on_cpu(model.state_dict()), model.average_key: ema, "args": argparse.Namespace(**args)})
    for name, content in {"config": arch, "classes": classes, "defaults": serve}.items():
        with write_atomically(folder / f"{name}.json") as file:
            file.write((json.dumps(content, indent=1) + "\n").encode())


def on_cpu(weights: dict) -> dict:
    return {name: tensor.cpu() for name, tensor in weights.items()}


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
