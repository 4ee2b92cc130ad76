"""Images that are drawn: each module has CLASSES, SIZE and draw(label, seed)."""

import numpy as np

from . import detailed, plain

DRAWINGS = {"plain": plain, "detailed": detailed}


def draw_many(drawings, count: int, first_seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Drawings uint8 [count, size, size, 3] and labels int64 [count], the classes in turn."""
    labels = np.arange(count) % len(drawings.CLASSES)
    return np.stack([drawings.draw(int(label), first_seed + k) for k, label in enumerate(labels)]), labels
