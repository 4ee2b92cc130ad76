"""Freshly drawn pictures as an .npz (arr_0, uint8 [N, 64, 64, 3]): what generated pictures are measured against.

    python training/reference.py --count 12000 --out drawn.npz
    node dist/main.js evaluate --images drawn.npz --write-reference models/demo/reference.npz
"""

import argparse

import numpy as np

from pictures import draw_many

FIRST_SEED = 200_000_000  # far from the generator's, the classifier's and its held-out pictures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=12_000)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--out", default="drawn.npz")
    args = parser.parse_args()
    pictures, labels = draw_many(args.count, args.first_seed)
    np.savez(args.out, arr_0=pictures, arr_1=labels)


if __name__ == "__main__":
    main()
