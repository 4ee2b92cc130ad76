"""Trains the demo model from nothing: pictures, tokenizer, latents, generator. Run again to go on where it stopped.

    python training/train.py --work training/.work
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch

from pictures import draw_many
from progress import Budget, Checkpoint, Log
from tokenizer import train_tokenizer

PICTURES = 24_000
CHUNK = 1_200


def load_pictures(work: Path, log: Log) -> tuple[np.ndarray, np.ndarray]:
    path = work / "pictures.npz"
    if not path.exists():
        firsts = range(0, PICTURES, CHUNK)
        with ProcessPoolExecutor(2) as pool:
            parts = list(pool.map(draw_many, [CHUNK] * len(firsts), firsts))
        pictures, labels = (np.concatenate(part) for part in zip(*parts))
        np.savez(path, pictures=pictures, labels=labels)
        log(f"drew {len(pictures)} pictures")
    data = np.load(path)
    return data["pictures"], data["labels"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path(__file__).parent / ".work")
    parser.add_argument("--tokenizer-minutes", type=float, default=22)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(2)
    log = Log(args.work / "training.log")
    pictures, labels = load_pictures(args.work, log)
    tokenizer = train_tokenizer(
        pictures, Budget(args.tokenizer_minutes), Checkpoint(args.work / "tokenizer.pt"), log)


if __name__ == "__main__":
    main()
