"""The images that networks learn from, files in folders or drawings; prepared once and kept on disk."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from .drawings import DRAWINGS
from .errors import TrainingError
from .progress import Log, write_atomically

LEAST_IMAGES = 8  # of one class
THREADS, AT_ONCE = 2, 240


@dataclass(frozen=True)
class Images:
    """pixels: uint8 [count, size, size, 3], on disk; labels: int64 [count], indices of `classes`."""

    pixels: np.ndarray
    labels: np.ndarray
    classes: list[str]


def load_images(data: dict, beside: Path, work: Path, log: Log) -> Images:
    """The images of a configuration's `data`; a relative folder in it is one in `beside`."""
    index, pixels = work / "images.json", work / "images.bin"
    if not index.exists():
        find = drawings if "drawings" in data else partial(files, beside)
        try:
            size, classes, jobs = find(**data)
        except TypeError as error:
            reason = str(error).replace("files()", "it").replace("drawings()", "it")
            raise TrainingError(f"the data cannot be read: {reason}") from error
        labels = prepare(jobs, pixels, data.get("mirror", False), log)
        check_counts(labels, classes)
        with write_atomically(index) as file:
            file.write(json.dumps({"size": size, "classes": classes, "labels": labels}).encode())
        log(f"prepared {len(labels)} images of {len(classes)} classes")
    found = json.loads(index.read_text())
    shape = (len(found["labels"]), found["size"], found["size"], 3)
    return Images(np.memmap(pixels, np.uint8, "r", shape=shape), np.array(found["labels"]), found["classes"])


def prepare(jobs: list, path: Path, mirror: bool, log: Log) -> list[int]:
    """Writes the images of the jobs, (label, name, function) each, one after another, and returns their labels."""
    labels, due = [], time.monotonic()
    with ThreadPoolExecutor(THREADS) as pool, write_atomically(path) as file:
        for start in range(0, len(jobs), AT_ONCE):
            part = jobs[start:start + AT_ONCE]
            for (label, name, _), (image, reason) in zip(part, pool.map(attempt, part)):
                if reason:
                    log(f"skipped {name}: {reason}")
                    continue
                for version in (image, image[:, ::-1]) if mirror else (image,):
                    labels.append(label)
                    file.write(version.tobytes())
            if time.monotonic() > due:
                log(f"images: {min(start + AT_ONCE, len(jobs))} of {len(jobs)}")
                due = time.monotonic() + 10
    return labels


def attempt(job) -> tuple[np.ndarray | None, str]:
    """The image, or why there is none."""
    _, _, make = job
    try:
        return make(), ""
    except UnidentifiedImageError:
        return None, "not an image"
    except Exception as error:  # a file can be broken in any way
        return None, str(error)


def drawings(drawings: str, count: int, first_seed: int = 0, mirror: bool = False):
    """The classes in turn: image k is the drawing of seed first_seed + k."""
    if drawings not in DRAWINGS:
        raise TrainingError(f'there are no drawings "{drawings}"; known are {", ".join(DRAWINGS)}')
    module = DRAWINGS[drawings]
    labels = (k % len(module.CLASSES) for k in range(count))
    jobs = [(label, "", partial(module.draw, label, first_seed + k)) for k, label in enumerate(labels)]
    return module.SIZE, module.CLASSES, jobs


def files(beside: Path, folder: str, size: int, mirror: bool = False):
    """Every file in the subfolders, in the order of their names; a subfolder is a class."""
    root = beside / folder
    if not root.is_dir():
        raise TrainingError(f"{root} is not a folder")
    classes = sorted(path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not classes:
        raise TrainingError(f"{root} has no subfolders: put the images of each class into a subfolder with the class's name")
    paths = [(label, path) for label, name in enumerate(classes) for path in sorted((root / name).rglob("*"))]
    jobs = [(label, str(path), partial(read, path, size)) for label, path in paths
            if path.is_file() and not path.name.startswith(".")]
    return size, classes, jobs


def read(path: Path, size: int) -> np.ndarray:
    """The largest square in the middle of a file's image, as uint8 [size, size, 3]; white where it is transparent."""
    with Image.open(path) as image:
        upright = ImageOps.exif_transpose(image).convert("RGBA")
    square = ImageOps.fit(upright, (size, size), Image.Resampling.LANCZOS)
    return np.asarray(Image.alpha_composite(Image.new("RGBA", square.size, "white"), square).convert("RGB"))


def check_counts(labels: list[int], classes: list[str]) -> None:
    for count, name in zip(np.bincount(labels, minlength=len(classes)).tolist(), classes):
        if count < LEAST_IMAGES:
            found = "no image that can be read" if count == 0 else f"only {count} images that can be read"
            raise TrainingError(f'the class "{name}" has {found}; at least {LEAST_IMAGES} are needed')
