"""Records what the official SiT code computes with small random models, into sit/ and sit-patch-4/ beside this file.

    git clone https://github.com/willisma/SiT && git -C SiT checkout 947f95b
    pip install torch==2.13.0 timm torchdiffeq diffusers safetensors tqdm
    python record_sit.py SiT
"""

import argparse
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

HERE = Path(__file__).parent
SHAPES = {
    "sit": dict(input_size=8, patch_size=2, in_channels=4, hidden_size=32, depth=2, num_heads=4, mlp_ratio=4.0,
                num_classes=10, learn_sigma=True),
    "sit-patch-4": dict(input_size=8, patch_size=4, in_channels=4, hidden_size=36, depth=3, num_heads=3, mlp_ratio=3.0,
                        num_classes=5, learn_sigma=False),
}
# Name: mode, official --num-sampling-steps, our steps (an ODE over N times has N - 1 steps), labels, guidance, seed.
RUNS = {
    "sit": {
        "euler_8": ("euler", 9, 8, [3, 7], 4.0, 1),
        "heun_5": ("heun", 6, 5, [0, 9], 1.5, 2),
        "sde_8": ("sde", 8, 8, [3, 7], 4.0, 3),
        "sde_5_unguided": ("sde", 5, 5, [2], 1.0, 4),
    },
    "sit-patch-4": {
        "euler_25_unguided": ("euler", 26, 25, [4], 1.0, 5),
        "heun_3": ("heun", 4, 3, [1], 4.0, 6),
        "sde_25": ("sde", 25, 25, [3], 1.5, 7),
    },
}
SCALE = 0.18215


def fill(model, seed):
    """Random weights with gates and biases away from 0 and 1; the positions stay."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if name == "pos_embed":
            continue
        fan_in = parameter[0].numel() if parameter.dim() > 1 else 4
        parameter.data = torch.randn(parameter.shape, generator=generator) / fan_in**0.5
    table = model.y_embedder.embedding_table.weight
    table.data = torch.randn(table.shape, generator=generator)


def save(path, tensors, **metadata):
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path,
              {key: json.dumps(value) for key, value in {"system": "sit", **metadata}.items()})


def record_stages(model, path):
    torch.manual_seed(0)
    classes = model.y_embedder.num_classes
    shape = (model.in_channels, *([int(model.pos_embed.shape[1] ** 0.5) * model.patch_size] * 2))
    x = torch.randn(6, *shape)
    t = torch.tensor([0.0, 0.04, 0.25, 0.5, 0.96, 1.0])
    y = torch.tensor([0, 1, classes, 2, classes - 1, classes])
    seen = {}
    keep = lambda name: lambda _module, _inputs, output: seen.__setitem__(f"forward.{name}", output)
    hooks = [model.t_embedder.register_forward_hook(keep("time")), model.y_embedder.register_forward_hook(keep("class")),
             model.blocks[0].register_forward_pre_hook(lambda _m, inputs: seen.__setitem__("forward.tokens", inputs[0])),
             model.final_layer.register_forward_hook(keep("final"))]
    hooks += [block.register_forward_hook(keep(f"block.{i}")) for i, block in enumerate(model.blocks)]
    seen["forward.out"] = model.forward(x, t, y)
    for hook in hooks:
        hook.remove()
    half, times, scale = torch.randn(3, *shape), torch.tensor([0.0, 0.3, 0.9]), 4.0
    doubled = torch.cat([half, half]), torch.cat([times, times]), torch.tensor([0, 1, 2] + [classes] * 3)
    seen |= {"forward.x": x, "forward.t": t, "forward.y": y.int(), "cfg.x": half, "cfg.t": times,
             "cfg.y": doubled[2].int(), "cfg.scale": torch.tensor([scale]), "cfg.network": model.forward(*doubled),
             "cfg.out": model.forward_with_cfg(*doubled, cfg_scale=scale)}
    save(path, seen)


def record_run(model, vae, path, sampler, official_steps, steps, labels, cfg, seed):
    """sample.py's call, or without guidance sample_ddp.py's. Of the doubled rows, the first half is the image."""
    from transport import Sampler, create_transport, integrators

    torch.manual_seed(seed)
    images = len(labels)
    size = int(model.pos_embed.shape[1] ** 0.5) * model.patch_size
    noise = [torch.randn(images, model.in_channels, size, size)]
    seen = {"x": [], "timestep": [], "network": [], "x0": []}
    forward = model.forward

    def network(x, t, y):
        seen["network"].append(forward(x, t, y))
        return seen["network"][-1]

    def guided(x, t, y, **options):
        out = model.forward_with_cfg(x, t, y, **options) if cfg > 1 else network(x, t, y)
        seen["x"].append(x[:images])
        seen["timestep"].append(t[0])
        seen["x0"].append(x[:images] + (1 - t[0]) * out[:images])  # x_t = t image + (1 - t) noise
        return out

    def randn(shape):
        drawn = torch.randn(shape)
        noise.append(drawn[:images])
        return drawn

    model.forward = network
    integrators.th = type("Drawing", (), {"__getattr__": lambda _, name: randn if name == "randn" else getattr(torch, name)})()
    flow = Sampler(create_transport("Linear", "velocity"))
    if sampler == "sde":
        # The defaults of the command line (train_utils.py).
        sample = flow.sample_sde(sampling_method="Euler", diffusion_form="sigma", diffusion_norm=1.0, last_step="Mean",
                                 last_step_size=0.04, num_steps=official_steps)
    else:
        sample = flow.sample_ode(sampling_method={"euler": "euler", "heun": "heun2"}[sampler], num_steps=official_steps)
    z, options = noise[0], {"y": torch.tensor(labels)}
    if cfg > 1:
        nothing = torch.tensor([model.y_embedder.num_classes] * images)
        z, options = torch.cat([z, z]), {"y": torch.cat([options["y"], nothing]), "cfg_scale": cfg}
    latents = sample(z, guided, **options)[-1][:images]
    model.forward, integrators.th = forward, torch
    image = vae.decode(latents / SCALE).sample
    pixels = torch.clamp(127.5 * image + 128.0, 0, 255).permute(0, 2, 3, 1).to(torch.uint8)
    # The drift of the SDE asks the network twice, for velocity and score.
    tensors = {name: torch.stack(values[:: 2 if sampler == "sde" else 1]) for name, values in seen.items()}
    tensors |= {"x": torch.cat([tensors["x"], latents[None]]), "noise": torch.stack(noise), "latents": latents,
                "image": image, "pixels": pixels}
    save(path, tensors, sampler=sampler, steps=steps, labels=labels, cfg=cfg, seed=seed)


def main():
    sys.path.insert(0, sys.argv[1])
    from diffusers import AutoencoderKL
    from models import SiT

    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    vae = AutoencoderKL.from_pretrained(HERE / "kl8/diffusers").eval()
    for name, shape in SHAPES.items():
        folder = HERE / name
        folder.mkdir(exist_ok=True)
        model = SiT(**shape, class_dropout_prob=0.1).eval()
        if name == "sit":
            fill(model, 1)
            trained = {key: tensor.clone() for key, tensor in model.state_dict().items()}
        fill(model, 2)
        weights = model.state_dict()
        if name == "sit":
            # As train.py saves it.
            torch.save({"model": trained, "ema": weights, "opt": {}, "args": argparse.Namespace(model="SiT-XL/2")},
                       folder / "checkpoint.pt")
        save_file(weights, folder / "model.safetensors")
        # Our statement of the family, the constructor's arguments, and where the tokenizer is.
        config = {"family": "sit", "model": shape, "first_stage": "../kl8", "scale": SCALE}
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        record_stages(model, folder / "stages.safetensors")
        for run, settings in RUNS[name].items():
            record_run(model, vae, folder / f"{run}.safetensors", *settings)


if __name__ == "__main__":
    main()
