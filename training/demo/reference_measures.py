"""Measures by torch-fidelity on recorded features: what test/model/evaluation compares with.

    pip install torch-fidelity==0.4.0
    python training/demo/reference_measures.py test/model/evaluation

Writes `recorded.npz` (features and logits of two sets of made-up images, from a fixed seed) and `recorded.json`.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

WIDTH, CLASSES, NEIGHBOURS = 24, 12, 3


def made_up(rng, count: int, shift: float) -> tuple[np.ndarray, np.ndarray]:
    """Features behind a ReLU that hang together, a few of them always 0, and classes' scores."""
    mix = np.random.default_rng(5).normal(size=(WIDTH, WIDTH)) / np.sqrt(WIDTH)
    features = np.maximum(rng.normal(size=(count, WIDTH)) @ mix + 0.3 + shift, 0)
    features[:, -3:] = 0
    logits = rng.normal(size=(count, CLASSES)) + 4 * np.eye(CLASSES)[np.arange(count) % CLASSES]
    return features.astype(np.float32), logits.astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    rng = np.random.default_rng(11)
    images, logits = made_up(rng, 360, 0.1)
    reference, _ = made_up(rng, 300, 0.0)
    np.savez_compressed(folder / "recorded.npz", features=images, logits=logits, reference=reference)
    a, b = torch.from_numpy(images), torch.from_numpy(reference)
    statistics = [fid_features_to_statistics(x) for x in (a, b)]
    fid = fid_statistics_to_metric(*statistics, False)["frechet_inception_distance"]
    isc = isc_features_to_metric(torch.from_numpy(logits), splits=10, shuffle=False)
    prc = prc_features_to_metric(a, b, prc_neighborhood=NEIGHBOURS, prc_batch_size=100, save_cpu_ram=False, verbose=False)
    numbers = {"frechet_distance": fid, "neighbours": NEIGHBOURS, **isc, **prc}
    (folder / "recorded.json").write_text(json.dumps({k: float(v) for k, v in numbers.items()}, indent=2) + "\n")
    print(numbers)


if __name__ == "__main__":
    main()
