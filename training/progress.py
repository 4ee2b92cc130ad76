"""What lets a training run be cut short and go on: checkpoints, the log and the table of losses."""

import csv
import io
import os
import time
from contextlib import contextmanager
from pathlib import Path

import torch

from .parallel import DEVICE

SAVE_EVERY_SECONDS = 120


@contextmanager
def write_atomically(path: Path):
    """A file to write to, which gets its name when it is complete. A full disk is an OSError with the file's name."""
    temporary = path.with_name(path.name + ".part")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, error.filename or str(path)) from error
    os.replace(temporary, path)


def save(path: Path, content) -> None:
    """As torch.save does, which reports a full disk in a way that nobody understands."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with write_atomically(path) as file:
        file.write(buffer.getbuffer())


def load(path: Path):
    return torch.load(path, weights_only=True, map_location=DEVICE)


class Checkpoint:
    """One file with everything a phase needs to go on."""

    def __init__(self, path: Path):
        self.path = path
        self.saved = time.monotonic()

    def restore(self, **parts) -> int:
        """Loads every part from the file, if there is one; returns the step to go on from."""
        if not self.path.exists():
            return 0
        state = load(self.path)
        for name, part in parts.items():
            part.load_state_dict(state[name])
        return state["step"]

    def save_when_due(self, step: int, **parts) -> None:
        if time.monotonic() - self.saved > SAVE_EVERY_SECONDS:
            self.save(step, **parts)

    def save(self, step: int, **parts) -> None:
        save(self.path, {"step": step, **{name: part.state_dict() for name, part in parts.items()}})
        self.saved = time.monotonic()


class Log:
    """Prints and appends lines with the seconds since the first one."""

    def __init__(self, path: Path):
        self.path = path
        self.start = time.time()
        if path.exists():
            self.start = path.stat().st_mtime - self._last_second()

    def _last_second(self) -> float:
        lines = self.path.read_text().splitlines()
        return float(lines[-1].split()[0]) if lines else 0.0

    def __call__(self, text: str) -> None:
        line = f"{time.time() - self.start:7.0f} {text}"
        print(line, flush=True)
        with self.path.open("a") as file:
            file.write(line + "\n")


class Losses:
    """One network's losses as CSV, a row for every stretch of steps, and as a chart."""

    def __init__(self, path: Path, step: int):
        """Goes on at `step`: rows of later steps are dropped, because they come again."""
        self.path = path
        self.rows: list[dict[str, float]] = []
        if path.exists():
            with path.open(newline="") as file:
                self.rows = [{key: float(number) for key, number in row.items()} for row in csv.DictReader(file)]
        self.rows = [row for row in self.rows if row["step"] <= step]

    def add(self, step: int, numbers: dict[str, float]) -> None:
        self.rows.append({"step": step, **{key: round(number, 6) for key, number in numbers.items()}})
        text = io.StringIO(newline="")
        table = csv.DictWriter(text, self.rows[0].keys(), lineterminator="\n")
        table.writeheader()
        table.writerows(self.rows)
        with write_atomically(self.path) as file:
            file.write(text.getvalue().encode())

    def draw(self) -> None:
        import matplotlib  # here, because it takes a second to load
        matplotlib.use("Agg")
        from matplotlib import pyplot

        figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
        for key in [key for key in self.rows[0] if key not in ("step", "seconds")] if self.rows else []:
            axes.plot([row["step"] for row in self.rows], [row[key] for row in self.rows], label=key)
        axes.set(xlabel="step", yscale="log", title=self.path.stem)
        if axes.lines:
            axes.legend()
        figure.savefig(self.path.with_suffix(".png"), dpi=120)
        pyplot.close(figure)


def as_duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"
