"""Steps of the official DiT code on the CPU: `npm run bench:dit` starts it.

The code is theirs, unchanged (github.com/facebookresearch/DiT): `forward_with_cfg` of one image, which is two rows, under
`no_grad` and, for bf16, autocast. Writes a checkpoint with random weights first. Then each line on standard input is a
precision, and the answer is a line with the milliseconds of a step.
"""

import argparse
import contextlib
import json
import sys
import time
from pathlib import Path

import torch

CLASSES, LATENT_SIZE, GUIDANCE = 1000, 32, 4.0


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--official", type=Path, required=True, help="a checkout of github.com/facebookresearch/DiT")
    parser.add_argument("--model", required=True)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    return parser.parse_args()


def random_model(name: str):
    from models import DiT_models

    torch.manual_seed(0)
    model = DiT_models[name](input_size=LATENT_SIZE, num_classes=CLASSES).eval()
    for parameter_name, parameter in model.named_parameters():
        # Layers that start at zero would leave the rest of the network without effect.
        if "adaLN" in parameter_name or "final_layer" in parameter_name:
            torch.nn.init.normal_(parameter, std=0.02)
    return model


def step_time(model, precision: str, steps: int) -> float:
    """Milliseconds of one step, after one that does not count. Autocast keeps its copies of the weights within the block."""
    x = torch.randn(1, model.in_channels, LATENT_SIZE, LATENT_SIZE)
    inputs = torch.cat([x, x]), torch.tensor([500, 500]), torch.tensor([207, CLASSES])
    autocast = torch.autocast("cpu", torch.bfloat16) if precision == "bf16" else contextlib.nullcontext()
    with torch.no_grad(), autocast:
        for step in range(steps + 1):
            if step == 1:
                begin = time.perf_counter()
            out = model.forward_with_cfg(*inputs, cfg_scale=GUIDANCE)
    if not torch.isfinite(out).all():
        raise SystemExit("The output has numbers that are not finite.")
    return 1000 * (time.perf_counter() - begin) / steps


def main() -> None:
    options = read_options()
    sys.path.insert(0, str(options.official))
    torch.set_num_threads(options.threads)
    model = random_model(options.model)
    if not options.checkpoint.exists():
        torch.save(model.state_dict(), options.checkpoint)
    answer = lambda value: print(json.dumps(value), flush=True)
    answer({"version": f"torch {torch.__version__}"})
    for line in sys.stdin:
        answer({"ms": step_time(model, line.strip(), options.steps)})


main()
