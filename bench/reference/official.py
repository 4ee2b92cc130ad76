"""One run of the authors' PyTorch code, timed by part: `npm run bench:reference` starts it.

The code is theirs, unchanged (github.com/LTH14/mar): `sample_tokens` and `vae.decode`, under `no_grad` and autocast as in
engine_mar.py, but to bfloat16. What has to differ without CUDA: `.cuda()` does nothing, and autocast is the CPU's.
tf32 is float32 with TensorFloat-32 products. --faster names what peers.py changes before: `compiled`, `tuned` (compiled, with
the head's adaLN computed once a step) or `openvino`; --precision int8 is torchao's, or OpenVINO's own.
With --every k only every k-th step is computed; in the others encoder, decoder and head return noise at once.
Prints one JSON object; times are milliseconds.
"""

import argparse
import contextlib
import functools
import json
import sys
import time
from importlib import metadata
from pathlib import Path

import numpy as np
import torch

import peers


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--official", type=Path, required=True, help="a checkout of github.com/LTH14/mar")
    parser.add_argument("--packages", type=Path, help="a folder of packages, used where Python has none of its own")
    parser.add_argument("--generator", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--arch", type=Path, help="config.json of a generator that has none of the published sizes")
    parser.add_argument("--provider", choices=["cpu", "cuda"], required=True)
    parser.add_argument("--precision", choices=["fp32", "tf32", "bf16", "int8"], required=True)
    parser.add_argument("--faster", choices=["", "compiled", "tuned", "openvino"], default="")
    parser.add_argument("--deviation", action="store_true", help="measure how far the outputs are from float32")
    for name in ("batch", "every", "steps", "diffusion-steps", "threads"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--guidance", type=float, required=True)
    return parser.parse_args()


def load_networks(options: argparse.Namespace):
    sys.path.insert(0, str(options.official))
    if options.packages:
        sys.path.append(str(options.packages))
    from models import mar
    from models import vae as kl

    torch.serialization.add_safe_globals([argparse.Namespace])
    checkpoint = torch.load(options.generator, map_location="cpu", mmap=True, weights_only=True)
    state = checkpoint["model_ema"]
    if options.arch:
        config = json.loads(options.arch.read_text())
        norm_layer = functools.partial(torch.nn.LayerNorm, eps=config["mar"].pop("norm_eps"))
        constructor = functools.partial(mar.MAR, **config["mar"], norm_layer=norm_layer)
        tokenizer = {name: config["vae"].pop(name) for name in ("embed_dim", "ch_mult")}
        kl.Encoder = functools.partial(kl.Encoder, **config["vae"])
        kl.Decoder = functools.partial(kl.Decoder, **config["vae"])
    else:
        constructor = {768: mar.mar_base, 1024: mar.mar_large, 1280: mar.mar_huge}[state["fake_latent"].shape[1]]
        tokenizer = {"embed_dim": 16, "ch_mult": (1, 1, 2, 2, 4)}
    width = state["diffloss.net.input_proj.weight"].shape[0]
    depth = len({name.split(".")[3] for name in state if name.startswith("diffloss.net.res_blocks.")})
    model = constructor(**{"diffloss_d": depth, "diffloss_w": width, "num_sampling_steps": str(options.diffusion_steps)})
    model.load_state_dict(state)
    vae = kl.AutoencoderKL(**tokenizer, ckpt_path=str(options.tokenizer))
    return model.eval().requires_grad_(False).cuda(), vae.eval().requires_grad_(False).cuda()


def make_faster(model, vae, options: argparse.Namespace, run_examples) -> None:
    """`run_examples` runs the networks on inputs to choose scales for."""
    is_int8 = options.precision == "int8"
    if options.faster == "openvino":
        peers.use_openvino(model, vae, options.threads, run_examples if is_int8 else None)
        return
    if is_int8:
        peers.quantize(model)
    if options.faster:
        head = peers.SharedModulation(model.diffloss) if options.faster == "tuned" else model.diffloss.net
        peers.compile_networks(model, vae, head)


def seconds() -> float:
    """The time once the GPU has done all that it was given."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter()


class Parts:
    """Times the parts of `sample_tokens` from outside, and skips the steps that are not to be computed."""

    def __init__(self, model, every: int):
        self.model, self.every, self.device = model, every, model.mask_token.device
        self.encode, self.decode, self.sample = (
            model.forward_mae_encoder,
            model.forward_mae_decoder,
            model.diffloss.sample,
        )
        model.forward_mae_encoder, model.forward_mae_decoder = self.timed_encode, self.timed_decode
        model.diffloss.sample = self.timed_sample
        self.reset(every)

    def reset(self, every: int) -> None:
        self.every, self.step, self.steps, self.marks = every, -1, [], {}

    def end_step(self) -> None:
        if not self.marks:
            return
        begin, transformed, sampling, sampled = (self.marks[name] for name in ("begin", "z", "sample", "sampled"))
        whole = seconds() - begin
        transformer, head = transformed - begin, sampled - sampling
        times = {"transformer": transformer, "head": head, "other": whole - transformer - head}
        self.steps.append({"step": self.step, **{name: 1000 * value for name, value in times.items()}})
        print(f"step {self.step}: {whole:.2f} s", file=sys.stderr, flush=True)
        self.marks = {}

    @property
    def computed(self) -> bool:
        return self.step % self.every == self.every // 2

    def timed_encode(self, tokens, mask, class_embedding):
        self.end_step()
        self.step += 1
        if not self.computed:
            return tokens
        self.marks["begin"] = seconds()
        return self.encode(tokens, mask, class_embedding)

    def timed_decode(self, x, mask):
        if not self.computed:
            return torch.randn(*mask.shape, self.model.decoder_embed.out_features, device=self.device)
        z = self.decode(x, mask)
        self.marks["z"] = seconds()
        return z

    def timed_sample(self, z, temperature, guidance):
        if not self.computed:
            return torch.randn(z.shape[0], self.model.token_embed_dim, device=self.device)
        self.marks["sample"] = seconds()
        sampled = self.sample(z, temperature, guidance)
        self.marks["sampled"] = seconds()
        return sampled


def autocast(options: argparse.Namespace):
    # OpenVINO's networks have their precision from its settings. What torchao leaves out is best in bfloat16.
    is_theirs = options.precision in ("bf16", "int8") and options.faster != "openvino"
    return torch.autocast(options.provider, torch.bfloat16) if is_theirs else contextlib.nullcontext()


def run(model, vae, parts: Parts, options: argparse.Namespace, every: int) -> dict:
    parts.reset(every)
    labels = (torch.arange(options.batch) * 111 % model.num_classes).cuda()
    begin = seconds()
    with torch.no_grad(), autocast(options):
        tokens = model.sample_tokens(options.batch, options.steps, options.guidance, "linear", labels, temperature=1.0)
        parts.end_step()
        decoding = seconds()
        images = vae.decode(tokens / 0.2325)
        end = seconds()
    if not torch.isfinite(images).all():
        raise SystemExit("The images are not finite numbers.")
    return {"stepTimes": parts.steps, "decode": 1000 * (end - decoding), "wall": 1000 * (end - begin)}


def peak_mebibytes() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) / 1024


def versions(options: argparse.Namespace) -> str:
    """Of the packages that this side computes with."""
    is_openvino, is_int8 = options.faster == "openvino", options.precision == "int8"
    packages = ["torch", *(["openvino"] if is_openvino else []), *(["nncf" if is_openvino else "torchao"] if is_int8 else [])]
    return " with ".join(f"{package} {metadata.version(package)}" for package in packages)


def main() -> None:
    options = read_options()
    torch.set_num_threads(options.threads)
    if options.provider == "cpu":
        torch.Tensor.cuda = torch.nn.Module.cuda = lambda self, *_, **__: self
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = options.precision != "fp32"
    torch.backends.cudnn.benchmark = True  # as main_mar.py
    torch.manual_seed(0)
    np.random.seed(0)
    with contextlib.redirect_stdout(sys.stderr):  # theirs prints
        model, vae = load_networks(options)
        is_measured = options.deviation and options.precision != "fp32"
        deviation = peers.Deviation(model, vae, options.guidance) if is_measured else None
        make_faster(model, vae, options, run_examples=lambda: peers.Deviation(model, vae, options.guidance))
        with torch.no_grad(), autocast(options):
            deviations = deviation.measure() if deviation else []
        parts = Parts(model, options.every)
        # The warm-up is one step and the decoder; compiled code meets every shape before it is timed.
        run(model, vae, parts, options, options.every if options.faster else options.steps)
        Path("/proc/self/clear_refs").write_text("5")  # the peak of memory begins here, after loading
        result = run(model, vae, parts, options, options.every)
    result["deviations"] = deviations
    print(json.dumps({**result, "peakRssMib": peak_mebibytes(), "version": versions(options)}))


if __name__ == "__main__":
    main()
