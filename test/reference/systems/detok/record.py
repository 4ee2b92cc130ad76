"""Records what the official DeTok code (github.com/Jiawei-Yang/DeTok) computes with a small model of random weights.

    python -m venv .venv && .venv/bin/pip install torch==2.13.0 numpy scipy einops safetensors tqdm
    git clone https://github.com/Jiawei-Yang/DeTok official
    .venv/bin/python record.py official OUT small        one of SHAPES
    .venv/bin/python record.py official OUT '{"img_size": 64, ...}'        the fields of a shape

Float32 on one thread of a CPU. README.md says what each file holds.
"""

import json
import pickle
import sys
import types
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

STATS_KEY = "detok-BB-gamm3.0-m0.7"
SHAPES = {
    "small": {
        "img_size": 32, "patch_size": 8, "channels": 16, "classes": 10, "buffer": 8, "seed": 1,
        "encoder": {"layers": 2, "heads": 2, "width": 24}, "decoder": {"layers": 2, "heads": 2, "width": 32},
        "mar": {"layers": 2, "heads": 2, "width": 24}, "head": {"layers": 2, "width": 32},
        "containers": ["pth"], "stats": "torch",
    },
    "deep": {
        "img_size": 24, "patch_size": 4, "channels": 6, "classes": 7, "buffer": 5, "seed": 2,
        "encoder": {"layers": 3, "heads": 3, "width": 24}, "decoder": {"layers": 4, "heads": 5, "width": 40},
        "mar": {"layers": 3, "heads": 4, "width": 32}, "head": {"layers": 3, "width": 24},
        "containers": ["safetensors"], "stats": "numpy",
    },
}
RUNS = {
    "guided": {"num_iter": 6, "cfg": 3.9, "cfg_schedule": "linear", "temperature": 1.0, "keep": [0, 1, 3, 5], "trace": 2},
    "unguided": {"num_iter": 4, "cfg": 1.0, "cfg_schedule": "linear", "temperature": 0.95, "keep": [0, 2], "trace": 1},
    "unconditional": {"num_iter": 3, "cfg": 1.0, "cfg_schedule": "constant", "temperature": 1.0, "keep": [1], "trace": 2},
}  # fmt: skip
DIFFUSION_STEPS = 12


def import_official(folder: str):
    """Its packages without those that models and sampling don't need; `.cuda()` stays on the CPU."""
    package = types.ModuleType("models")
    package.__path__ = [f"{folder}/models"]
    transport = types.ModuleType("transport")
    transport.Sampler = transport.create_transport = None
    backbone = types.ModuleType("diffusers.models")
    backbone.AutoencoderKL = None
    loader = types.ModuleType("utils.loader")
    loader.CONSTANTS = {}
    sys.modules |= {"models": package, "transport": transport, "diffusers.models": backbone, "utils.loader": loader}
    sys.path.insert(0, folder)
    torch.Tensor.cuda = lambda self, *_, **__: self
    torch.set_num_threads(1)
    from models import detok, mar

    return detok, mar


def build(shape: dict, detok, mar):
    """Both networks of the official constructors; sizes go through the tables that these look them up in."""
    for table, name in ((detok.SIZE_DICT, "encoder"), (detok.SIZE_DICT, "decoder"), (mar.MAR_SIZE_DICT, "mar")):
        table[name] = shape[name]
    tokenizer = detok.DeTok(
        img_size=shape["img_size"], patch_size=shape["patch_size"], token_channels=shape["channels"],
        vit_enc_model_size="encoder", vit_dec_model_size="decoder", mask_ratio=0.0,
    )  # fmt: skip
    generator = mar.MAR(
        img_size=shape["img_size"], tokenizer_patch_size=shape["patch_size"], token_channels=shape["channels"],
        model_size="mar", num_classes=shape["classes"], buffer_size=shape["buffer"], no_dropout_in_mlp=True,
        diffloss_d=shape["head"]["layers"], diffloss_w=shape["head"]["width"], num_sampling_steps=str(DIFFUSION_STEPS),
    )  # fmt: skip
    randomise(tokenizer)
    randomise(generator)
    return tokenizer.eval(), generator.eval()


def randomise(network: nn.Module) -> None:
    """No weight at 0 or 1, and attention far from uniform, so that every path shows in the numbers."""
    for name, parameter in network.named_parameters():
        draw = torch.randn(parameter.shape)
        is_scale = parameter.dim() == 1 and name.endswith("weight")
        if is_scale:
            parameter.data = 1 + 0.3 * draw
        elif name.endswith(".bias"):
            parameter.data = 0.2 * draw
        elif not name.endswith(".weight") or name == "class_emb.weight":
            parameter.data = 0.7 * draw
        else:
            gain = 1.6 if "qkv" in name else 0.5 if name.startswith("diffloss.net.final_layer.linear") else 1.0
            parameter.data = gain * draw / parameter[0].numel() ** 0.5


def statistics(tokenizer, shape: dict) -> dict:
    """As utils/train_utils.py collects them: of all moments, means and log variances."""
    moments = tokenizer.encode_into_posteriors(images(shape, 8)).parameters
    means = moments[..., : shape["channels"]]
    single = means.mean(), (means**2).mean().sub(means.mean() ** 2).sqrt()
    mean = moments.mean(dim=(0, 1))
    channel = mean, ((moments**2).mean(dim=(0, 1)) - mean**2).sqrt()
    return {"single": single, "channel": channel}


def images(shape: dict, count: int) -> torch.Tensor:
    """Smooth random images in [-1, 1]."""
    coarse = torch.randn(count, 3, 6, 6)
    side = (shape["img_size"],) * 2
    return torch.tanh(nn.functional.interpolate(coarse, size=side, mode="bicubic") + 0.1 * torch.randn(count, 3, *side))


def save_checkpoints(folder: Path, shape: dict, tokenizer, generator) -> None:
    for name, network in (("tokenizer", tokenizer), ("generator", generator)):
        averaged = {key: value.detach().clone() for key, value in network.named_parameters()}
        if "safetensors" in shape["containers"]:
            save_file(averaged, folder / f"{name}.safetensors")
        if "pth" in shape["containers"]:
            save_training_checkpoint(folder / f"{name}.pth", network, averaged)


def save_training_checkpoint(path: Path, network: nn.Module, averaged: dict) -> None:
    """The keys of utils/misc.py's save_checkpoint. Sampling uses `model_ema`; `model` differs."""
    optimizer = torch.optim.AdamW(network.parameters())
    trained = {key: value + 0.1 * torch.randn(value.shape) for key, value in network.state_dict().items()}
    checkpoint = {
        "model": trained, "model_ema": averaged, "optimizer": optimizer.state_dict(), "loss_scaler": {"scale": 65536.0},
        "epoch": 199, "last_elapsed_time": 1234.5,
    }  # fmt: skip
    if hasattr(network, "decoder"):  # the tokenizer's
        checkpoint["loss_module"] = {"discriminator.heads.0.weight": torch.randn(4, 4), "perceptual_loss.mean": torch.randn(3)}
        checkpoint["discriminator_optimizer"] = optimizer.state_dict()
    with on_cuda():
        torch.save(checkpoint, path)


class on_cuda:
    """Files say that their tensors were on a GPU, as those of a training do."""

    def __enter__(self):
        self.tag = torch.serialization.location_tag
        torch.serialization.location_tag = lambda _: "cuda:0"

    def __exit__(self, *_):
        torch.serialization.location_tag = self.tag


def record_tokenizer(tokenizer, shape: dict) -> dict[str, torch.Tensor]:
    """Both halves, layer by layer, on images and latents of unit variance."""
    recorded = {}

    def hook(name):
        return lambda _module, _inputs, output: recorded.__setitem__(name, output)

    def hook_half(half: str, network) -> list:
        handles = [network.ln_pre.register_forward_hook(hook(f"{half}.ln_pre"))]
        handles += [b.register_forward_hook(hook(f"{half}.block.{i}")) for i, b in enumerate(network.transformer)]
        return [*handles, network.ln_post.register_forward_hook(hook(f"{half}.ln_post"))]

    handles = hook_half("encode", tokenizer.encoder) + hook_half("decode", tokenizer.decoder)
    recorded["encode.image"] = images(shape, 2)
    moments = tokenizer.encode_into_posteriors(recorded["encode.image"]).parameters
    recorded["encode.moments"] = moments
    recorded["encode.latents"] = tokenizer.tokenize(recorded["encode.image"])
    side = shape["img_size"] // shape["patch_size"]
    recorded["decode.latents"] = torch.randn(2, shape["channels"], side, side)
    tokens = recorded["decode.latents"].flatten(2).transpose(1, 2)
    recorded["decode.denormalized"] = tokenizer.denormalize_z(tokens)
    recorded["decode.image"] = tokenizer.decoder(recorded["decode.denormalized"])
    # utils/train_utils.py, to_uint8_numpy
    shown = tokenizer.detokenize(recorded["decode.latents"])
    recorded["decode.pixels"] = (shown * 255.0).permute(0, 2, 3, 1).to(dtype=torch.uint8)
    for handle in handles:
        handle.remove()
    return recorded


def record_stages(tokenizer, generator, shape: dict) -> tuple[dict, dict]:
    """predict, denoise and decode as in ../../README.md."""
    recorded = {}
    L, C, width = generator.seq_len, generator.token_embed_dim, shape["mar"]["width"]
    labels = [1, shape["classes"] - 1]
    B = len(labels)
    classes = torch.cat([generator.class_emb(torch.tensor(labels)), generator.fake_latent.repeat(B, 1)])
    for j, known in enumerate([0, 1, L // 3, L - 1]):
        tokens = torch.randn(B, L, C)
        mask = torch.ones(B, L)
        for row in range(B):
            mask[row, torch.randperm(L)[:known]] = 0
        both, masks = torch.cat([tokens, tokens]), torch.cat([mask, mask])
        encoder = generator.forward_mae_encoder(both, masks, classes)
        decoder = generator.forward_mae_decoder(encoder, masks)
        recorded |= {f"predict.{j}.tokens": tokens, f"predict.{j}.mask": mask.to(torch.uint8)}
        recorded |= {f"predict.{j}.encoder": encoder, f"predict.{j}.decoder": decoder}
    recorded |= record_denoise(generator.diffloss, width, C)
    side = shape["img_size"] // shape["patch_size"]
    recorded["decode.latents"] = torch.randn(2, shape["channels"], side, side)
    recorded["decode.image"] = decode(tokenizer, recorded["decode.latents"])
    return recorded, {"labels": labels}


def record_denoise(diffloss, width: int, C: int) -> dict[str, torch.Tensor]:
    diffusion, rows = diffloss.gen_diffusion, 5
    z = torch.randn(2 * rows, width)
    x, noise = torch.randn(DIFFUSION_STEPS, rows, C), torch.randn(DIFFUSION_STEPS, rows, C)
    recorded = {"denoise.z": z, "denoise.x": x, "denoise.noise": noise}
    recorded["denoise.timestep"] = torch.tensor(diffusion.timestep_map[::-1], dtype=torch.int32)
    for j, (guidance, temperature) in enumerate([(1.0, 0.95), (3.9, 1.0)]):
        count = rows if guidance == 1 else 2 * rows
        networks, outputs = [], []
        for k in range(DIFFUSION_STEPS):
            with recording(diffloss.net, "forward") as calls, drawing(lambda k=k: noise[k].repeat(count // rows, 1)):
                call = diffloss.net.forward if guidance == 1 else diffloss.net.forward_with_cfg
                options = {"c": z[:count]} | ({} if guidance == 1 else {"cfg_scale": guidance})
                step = torch.tensor([DIFFUSION_STEPS - 1 - k] * count)
                out = diffusion.p_sample(
                    call, x[k].repeat(count // rows, 1), step, model_kwargs=options, temperature=temperature
                )
            networks.append(calls[0][1])
            outputs.append(out["sample"][:rows])
        recorded |= {f"denoise.{j}.network": torch.stack(networks), f"denoise.{j}.out": torch.stack(outputs)}
        recorded |= {f"denoise.{j}.guidance": torch.tensor([guidance])}
        recorded |= {f"denoise.{j}.temperature": torch.tensor([temperature])}
    return recorded


class recording:
    """The inputs and output of each call of a method."""

    def __init__(self, owner, name: str):
        self.owner, self.name, self.original = owner, name, getattr(owner, name)

    def __enter__(self) -> list:
        calls = []

        def wrapped(*args, **options):
            inputs = [a.detach().clone() if isinstance(a, torch.Tensor) else a for a in args]
            output = self.original(*args, **options)
            calls.append((inputs, output.detach().clone(), options))
            return output

        setattr(self.owner, self.name, wrapped)
        return calls

    def __exit__(self, *_):
        delattr(self.owner, self.name)


class drawing:
    """torch.randn_like gives what `draw` gives."""

    def __init__(self, draw):
        self.draw, self.original = draw, torch.randn_like

    def __enter__(self):
        torch.randn_like = lambda _: self.draw()

    def __exit__(self, *_):
        torch.randn_like = self.original


def record_run(tokenizer, generator, shape: dict, run: dict, labels: list[int] | None, seed: int) -> tuple[dict, dict]:
    """MAR.sample_tokens, with what it draws and computes in each step."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    B, recorded, noises = 2, {}, []

    def draw_like(x: torch.Tensor) -> torch.Tensor:
        noises.append(torch.randn(x.shape))
        return noises[-1]

    original, torch.randn_like = torch.randn_like, draw_like
    diffloss = generator.diffloss
    try:
        with (
            recording(generator, "sample_orders") as orders,
            recording(generator, "forward_mae_encoder") as encoders,
            recording(generator, "forward_mae_decoder") as decoders,
            recording(diffloss, "sample") as samples,
            recording(diffloss.net, "forward") as networks,
        ):
            options = {key: run[key] for key in ("num_iter", "cfg", "cfg_schedule", "temperature")}
            classes = None if labels is None else torch.tensor(labels)
            latents = generator.sample_tokens(B, labels=classes, **options)
    finally:
        torch.randn_like = original
    recorded["orders"] = orders[0][1].to(torch.int32)
    for i, (inputs, sampled, _) in enumerate(samples):
        z, _, cfg = inputs
        count = len(z) if run["cfg"] == 1 else len(z) // 2
        own = slice(i * DIFFUSION_STEPS, (i + 1) * DIFFUSION_STEPS)
        traced = networks[own]
        drawn = [traced[0][0][0], *noises[own]]
        recorded[f"mask.{i}"] = encoders[i][0][1][:B].to(torch.uint8)
        recorded[f"cfg.{i}"] = torch.tensor([float(cfg)])
        recorded[f"noise.{i}"] = torch.stack([n[:count] for n in drawn])
        recorded[f"sampled.{i}"] = sampled[:count]
        if i in run["keep"]:
            recorded[f"tokens.{i}"] = encoders[i][0][0][:B]
            recorded |= {f"encoder.{i}": encoders[i][1], f"decoder.{i}": decoders[i][1], f"z.{i}": z}
        if i == run["trace"]:
            recorded[f"trace.x.{i}"] = torch.stack([call[0][0] for call in traced])
            recorded[f"trace.out.{i}"] = torch.stack([call[1] for call in traced])
    recorded |= {"latents": latents, "image": decode(tokenizer, latents)}
    return recorded, {"labels": labels, "seed": seed, **run}


def decode(tokenizer, latents: torch.Tensor) -> torch.Tensor:
    """DeTok.detokenize before it clips."""
    return tokenizer.decoder(tokenizer.denormalize_z(latents.flatten(2).transpose(1, 2)))


def save(path: Path, recorded: dict, metadata: dict | None = None) -> None:
    tensors = {name: tensor.detach().contiguous().clone() for name, tensor in recorded.items()}
    save_file(tensors, path, {key: json.dumps(value) for key, value in (metadata or {}).items()})


def config(shape: dict) -> dict:
    """What a user states of a model that is not a published one."""
    heads = shape["mar"]["heads"]
    return {
        "mar": {"encoder_num_heads": heads, "decoder_num_heads": heads},
        "detok": {"encoder_num_heads": shape["encoder"]["heads"], "decoder_num_heads": shape["decoder"]["heads"]},
    }


@torch.inference_mode()
def main(official: str, out: str, name: str) -> None:
    shape = SHAPES["small"] | json.loads(name) if name.startswith("{") else SHAPES[name]
    detok, mar = import_official(official)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(shape["seed"])
    tokenizer, generator = build(shape, detok, mar)
    save_checkpoints(folder, shape, tokenizer, generator)
    stats = statistics(tokenizer, shape)
    as_array = {kind: tuple(value.numpy() for value in pair) for kind, pair in stats.items()}
    with on_cuda(), open(folder / "stats.pkl", "wb") as file:
        pickle.dump({STATS_KEY: stats if shape["stats"] == "torch" else as_array}, file)
    mean, std = stats["channel"]
    tokenizer.reset_stats(mean[: shape["channels"]], std[: shape["channels"]])  # main_diffusion.py
    (folder / "config.json").write_text(json.dumps(config(shape), indent=2) + "\n")
    save(folder / "tokenizer_stages.safetensors", record_tokenizer(tokenizer, shape))
    save(folder / "stages.safetensors", *record_stages(tokenizer, generator, shape))
    for number, (run, settings) in enumerate(RUNS.items()):
        labels = None if run == "unconditional" else [3, 0]
        save(folder / f"{run}.safetensors", *record_run(tokenizer, generator, shape, settings, labels, 10 + number))


if __name__ == "__main__":
    main(*sys.argv[1:])
