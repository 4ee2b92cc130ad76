"""Trains a tokenizer and a generator on drawings, as a configuration says. Run again to go on where it stopped.

    python training/train.py training/configs/mar.json --work training/.work
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from dit import Dit
from latents import Latents, encode_pictures, level, load_pictures, patchify
from loop import Recipe, train
from mar import Mar
from progress import Log
from publish import publish
from served import served_tokenizer
from tokenizer import KlTokenizer, VqTokenizer, to_tensor

ROOT = Path(__file__).parent.parent
TOKENIZERS = {"kl": KlTokenizer, "vq": VqTokenizer}
GENERATORS = {"mar": Mar, "dit": Dit}


def train_tokenizer(config: dict, pictures: np.ndarray, path: Path, log: Log):
    torch.manual_seed(1)
    recipe = Recipe(**config["recipe"])
    model = TOKENIZERS[config["kind"]](**config["sizes"])

    def loss_of(draw, done):
        rows = torch.randint(len(pictures), (recipe.worker_batch,), generator=draw)
        return model.loss(to_tensor(pictures[rows.numpy()]), draw, done)

    return train(model, loss_of, recipe, path, log)


def prepare_latents(config: dict, pictures: np.ndarray, work: Path, log: Log) -> dict:
    """The tokenizer, its scale, and the latents of the pictures times the scale; kept in one file."""
    path = work / "latents.pt"
    if not path.exists():
        if "served" in config:
            tokenizer, scale = served_tokenizer(ROOT / config["served"])
            mean = encode_pictures(tokenizer, pictures)[0] * scale
            deviation = torch.zeros(1).expand_as(mean)
        else:
            tokenizer = train_tokenizer(config, pictures, work / "tokenizer.pt", log)
            mean, deviation, scale = level(tokenizer, *encode_pictures(tokenizer, pictures), log)
        torch.save({"tokenizer": tokenizer.state_dict(), "scale": scale, "mean": mean, "deviation": deviation}, path)
    return torch.load(path, weights_only=True)


def train_generator(config: dict, latents: Latents, path: Path, log: Log):
    """The model and its average."""
    torch.manual_seed(2)
    recipe = Recipe(**config["recipe"])
    model = GENERATORS[config["family"]](config["sizes"])

    def loss_of(draw, _done):
        return {"loss": model.loss(*latents.draw(recipe.worker_batch, draw), draw)}

    return model, train(model, loss_of, recipe, path, log)


def run(config: dict, pictures: np.ndarray, labels: np.ndarray, work: Path, log: Log) -> None:
    work.mkdir(parents=True, exist_ok=True)
    found = prepare_latents(config["tokenizer"], pictures, work, log)
    patch = config["generator"]["sizes"]["patch_size"]
    latents = Latents(*(patchify(found[part], patch) for part in ("mean", "deviation")), torch.as_tensor(labels))
    trained = train_generator(config["generator"], latents, work / "generator.pt", log)
    publish(work / "out", config, trained, found["tokenizer"], found["scale"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("--work", type=Path, default=Path(__file__).parent / ".work")
    args = parser.parse_args()
    work = args.work / args.config.stem
    work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)  # see parallel.py
    log = Log(work / "training.log")
    pictures, labels = load_pictures(args.work / "pictures.npz", log)
    run(json.loads(args.config.read_text()), pictures, labels, work, log)
    log(f"wrote {work / 'out'}")


if __name__ == "__main__":
    main()
