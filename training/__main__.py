"""The command line: python -m training run CONFIG."""

import argparse
import sys
from pathlib import Path

import torch

from .errors import TrainingError
from .parallel import DEVICE
from .run import run

EPILOGUE = """A run that was interrupted, even by a kill, goes on where it stopped when the command is run again.
docs/training.md describes the configuration and the results."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training", epilog=EPILOGUE)
    command = parser.add_subparsers(dest="command", required=True).add_parser(
        "run", help="trains what a configuration states", epilog=EPILOGUE)
    command.add_argument("config", type=Path, help="a JSON file")
    command.add_argument("--work", type=Path, help="folder of the run (default: training/.work/NAME OF CONFIG)")
    command.add_argument("--import", dest="name", metavar="NAME", help="at the end, import the model under this name")
    command.add_argument("--record", action="store_true", help="write a recording for `npm run parity` beside the checkpoints")
    args = parser.parse_args()
    torch.set_num_threads(1)  # see parallel.py
    if DEVICE.type != "cpu":
        torch.set_default_device(DEVICE)
    work = args.work or Path(__file__).parent / ".work" / args.config.stem
    try:
        run(args.config, work, args.name, args.record)
    except TrainingError as error:
        print(f"training: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"training: {error.filename or work}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
