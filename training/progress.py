"""What lets a training run be cut short and go on: checkpoints and the log."""

import os
import time
from pathlib import Path

import torch

SAVE_EVERY_SECONDS = 120


class Checkpoint:
    """One file with everything a phase needs to go on, replaced atomically."""

    def __init__(self, path: Path):
        self.path = path
        self.saved = time.monotonic()

    def restore(self, **parts) -> int:
        """Loads every part from the file, if there is one; returns the step to go on from."""
        if not self.path.exists():
            return 0
        state = torch.load(self.path, weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(state[name])
        return state["step"]

    def save_when_due(self, step: int, **parts) -> None:
        if time.monotonic() - self.saved > SAVE_EVERY_SECONDS:
            self.save(step, **parts)

    def save(self, step: int, **parts) -> None:
        state = {name: part.state_dict() for name, part in parts.items()}
        temporary = self.path.with_suffix(".part")
        torch.save({"step": step, **state}, temporary)
        os.replace(temporary, self.path)
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
