"""Fresh drawings as an .npz (arr_0, uint8 [N, size, size, 3]): what generated images are measured against.

    python -m training.demo.reference --count 12000 --out drawn.npz
    node dist/main.js evaluate --images drawn.npz --write-reference models/demo/reference.npz
"""

import argparse

import numpy as np

from ..drawings import DRAWINGS, draw_many

FIRST_SEED = 200_000_000  # far from the generator's, the classifier's and its held-out drawings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--drawings", choices=DRAWINGS, default="plain")
    parser.add_argument("--count", type=int, default=12_000)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--out", default="drawn.npz")
    args = parser.parse_args()
    pixels, labels = draw_many(DRAWINGS[args.drawings], args.count, args.first_seed)
    np.savez(args.out, arr_0=pixels, arr_1=labels)


if __name__ == "__main__":
    main()
