"""Recordings of a trained MAR or causal generator and its tokenizer: `npm run parity` compares with them what Marimba computes."""

import json
from pathlib import Path

import torch
from safetensors.torch import save as as_safetensors

from .images import Images
from .latents import unpatchify
from .networks.causal import Causal
from .networks.diffusion import Process, cosine_betas, kept_timesteps
from .networks.heads import TokenGenerator, take
from .networks.mar import Mar
from .networks.sample import step_back
from .networks.tokenizer import KlTokenizer, to_tensor
from .parallel import DEVICE
from .progress import write_atomically

DIFFUSION_STEPS, ROWS, TEMPERATURE = 20, 5, 0.9


@torch.inference_mode()
def record(folder: Path, model: TokenGenerator, tokenizer, scale: float, images: Images) -> None:
    """stages.safetensors, and encode.safetensors of a MAR whose tokenizer is a KL autoencoder."""
    draw = torch.Generator(DEVICE).manual_seed(11)
    tokens, labels = draw_tokens(model, draw), [0, len(images.classes) - 1]
    stages = (mar_stages if isinstance(model, Mar) else causal_stages)(model, tokens, labels, draw)
    if not model.is_categorical:
        image = to_tensor(images.pixels[:2])
        latents, _ = tokenizer.latents(image)
        patch = round((model.channels / latents.shape[1]) ** 0.5)
        is_kl = isinstance(tokenizer, KlTokenizer)
        stages["decode.latents"] = unpatchify(tokens, patch) if is_kl else latents * scale
        stages["decode.image"] = tokenizer.decode(stages["decode.latents"] / scale)
        if is_kl and isinstance(model, Mar):  # others can't edit, so their encoder is not imported
            moments = tokenizer.quant_conv(tokenizer.encoder(image))
            write(folder / "encode.safetensors", {"image": image, "moments": moments})
    write(folder / "stages.safetensors", stages, {"labels": json.dumps(labels)})


def draw_tokens(model: TokenGenerator, draw) -> torch.Tensor:
    """[2, L] codes or [2, L, C]"""
    unknown = model.unknown(2)
    if model.is_categorical:
        return torch.randint(model.z_proj.num_embeddings, unknown.shape, generator=draw)
    return torch.randn(unknown.shape, generator=draw)


def mar_stages(model: Mar, tokens, labels: list[int], draw) -> dict:
    classes = torch.cat([model.class_emb(torch.tensor(labels)), model.fake_latent.expand(2, -1)])
    stages, z = {}, None
    for j, known in enumerate((0, 1, model.tokens // 3, model.tokens - 1)):
        z = record_prediction(stages, j, model, tokens, known, classes, draw)
    if not model.is_categorical:
        record_diffusion(stages, model, torch.cat([z[0, :ROWS], z[2, :ROWS]]), draw)
    return stages


def causal_stages(model: Causal, tokens, labels: list[int], draw) -> dict:
    """Every position given the tokens before it; with the classes, then without."""
    twice = lambda x: torch.cat([x, x])
    order = model.draw_order(2, draw)
    classes = torch.cat([model.class_emb(torch.tensor(labels)), model.fake_latent.expand(2, -1)])
    stages = {"forward.tokens": tokens if tokens.is_floating_point() else tokens.to(torch.int32),
              "forward.order": order.to(torch.int32)}
    parts = {"input": model.z_proj_ln, **{f"block.{i}": block for i, block in enumerate(model.decoder_blocks)}}
    hooks = [part.register_forward_hook(lambda _, __, output, name=name: stages.update({f"forward.{name}": output}))
             for name, part in parts.items()]
    z = model.condition(twice(take(tokens, order))[:, :-1], twice(order), classes)
    for hook in hooks:
        hook.remove()
    if model.is_categorical:
        return stages | {"forward.logits": model.diffloss.logits(z)}
    record_diffusion(stages, model, torch.cat([z[0, :ROWS], z[2, :ROWS]]), draw)
    return stages | {"forward.z": z}


def record_prediction(stages: dict, j: int, model: Mar, tokens, known_count: int, classes, draw) -> torch.Tensor:
    """The transformer's results for a mask with `known_count` known tokens; with and without the classes."""
    order = torch.rand(len(tokens), model.tokens, generator=draw).argsort(1)
    known = order[:, :known_count].sort(1).values
    mask = torch.ones(len(tokens), model.tokens).scatter(1, known, 0.0)
    shown = tokens * (1 - mask if model.is_categorical else (1 - mask)[..., None]).to(tokens.dtype)
    encoded = model.encode(torch.cat([shown, shown]), torch.cat([known, known]), classes)
    decoded = model.decode(encoded, torch.cat([known, known]))
    stages |= {f"predict.{j}.tokens": shown, f"predict.{j}.mask": mask.to(torch.uint8),
               f"predict.{j}.encoder": encoded, f"predict.{j}.decoder": decoded}
    if model.is_categorical:
        stages[f"predict.{j}.tokens"] = shown.to(torch.int32)
        stages[f"predict.{j}.logits"] = model.diffloss.logits(decoded)
    return decoded


def record_diffusion(stages: dict, model: TokenGenerator, z, draw) -> None:
    """Every diffusion step by itself, on random inputs: without guidance, then with it."""
    process = Process(kept_timesteps(DIFFUSION_STEPS, 999), cosine_betas())
    shape = (len(process.timesteps), ROWS, model.channels)
    x, noise = torch.randn(shape, generator=draw), torch.randn(shape, generator=draw)
    falling = list(reversed(range(len(process.timesteps))))
    stages |= {"denoise.x": x, "denoise.noise": noise, "denoise.z": z,
               "denoise.timestep": process.timesteps[falling].to(torch.int32)}
    for j, guidance in enumerate((1.0, 2.5)):
        rows = ROWS if guidance == 1 else 2 * ROWS
        networks, results = [], []
        for i, k in enumerate(falling):
            timesteps = torch.full((rows,), int(process.timesteps[k]))
            output = model.diffloss.net(torch.cat([x[i], x[i]])[:rows, None], timesteps, z[:rows]).squeeze(1)
            eps, between = output[:ROWS].chunk(2, dim=1)
            if guidance != 1:
                without = output[ROWS:].chunk(2, dim=1)[0]
                eps = without + guidance * (eps - without)
            networks.append(output)
            results.append(step_back(process, x[i], eps, between, k, TEMPERATURE, noise[i]))
        stages |= {f"denoise.{j}.network": torch.stack(networks), f"denoise.{j}.out": torch.stack(results),
                   f"denoise.{j}.guidance": torch.tensor([guidance]), f"denoise.{j}.temperature": torch.tensor([TEMPERATURE])}


def write(path: Path, tensors: dict, metadata: dict | None = None) -> None:
    content = {name: tensor.contiguous().cpu() for name, tensor in tensors.items()}
    with write_atomically(path) as file:
        file.write(as_safetensors(content, metadata))
