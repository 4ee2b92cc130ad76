"""Records what the official LlamaGen code computes with small random models, into llamagen/ beside this file.

    git clone https://github.com/FoundationVision/LlamaGen && git -C LlamaGen checkout ce98ec4
    pip install torch==2.13.0 safetensors
    python record_llamagen.py LlamaGen
"""

import json
import sys
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import save_file

HERE = Path(__file__).parent
# The constructors' arguments. `ch` and `num_res_blocks` are defaults of the official encoder and decoder (128 and 2).
SHAPES = {
    "4x4": {
        "model": dict(dim=32, n_layer=2, n_head=4, vocab_size=64, block_size=16, num_classes=10),
        "tokenizer": dict(codebook_size=64, codebook_embed_dim=8, codebook_show_usage=True, encoder_ch_mult=[1, 1],
                          decoder_ch_mult=[1, 1], z_channels=16),
        "autoencoder": dict(ch=32, num_res_blocks=2),
    },
    "6x6": {
        "model": dict(dim=40, n_layer=3, n_head=2, vocab_size=150, block_size=36, num_classes=7, multiple_of=32),
        "tokenizer": dict(codebook_size=150, codebook_embed_dim=5, codebook_show_usage=False, encoder_ch_mult=[1, 1],
                          decoder_ch_mult=[2, 1], z_channels=12),
        "autoencoder": dict(ch=32, num_res_blocks=1),
    },
}
# Name: labels, seed, and generate()'s settings.
RUNS = {
    "4x4": {
        "guided": ([3, 7], 1, dict(cfg_scale=2.0, temperature=1.0, top_k=0, top_p=1.0, sample_logits=True)),
        "greedy": ([0, 9], 2, dict(cfg_scale=1.5, temperature=1.0, top_k=0, top_p=1.0, sample_logits=False)),
        "unguided": ([2, 5], 3, dict(cfg_scale=1.0, temperature=0.8, top_k=10, top_p=0.9, sample_logits=True)),
    },
    "6x6": {
        "filtered": ([4], 4, dict(cfg_scale=4.0, temperature=1.2, top_k=40, top_p=0.95, sample_logits=True)),
        "interval": ([1], 5, dict(cfg_scale=3.0, cfg_interval=9, temperature=1.5, top_k=0, top_p=0.8, sample_logits=True)),
    },
}


def fill(model, seed, precision):
    """Random weights with norms and biases away from 0 and 1. The official last layer starts at zero."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        numbers = torch.randn(parameter.shape, generator=generator)
        if "norm" in name and name.endswith("weight"):
            numbers = 1 + numbers / 4
        elif name.startswith(("cls_embedding", "tok_embeddings")):
            numbers *= 0.02  # as official training starts; the norm's epsilon shows
        elif not name.startswith("quantize"):
            fan_in = parameter[0].numel() if parameter.dim() > 1 else 16
            numbers *= (3 if name == "output.weight" else 1) / fan_in**0.5
        parameter.data = numbers.to(precision).float()


def save(path, tensors, **metadata):
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path,
              {key: json.dumps(value) for key, value in {"system": "llamagen", **metadata}.items()})


def write_config(folder, config):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def record_stages(model, path):
    """The whole sequence at once, as in training, and token by token with the cache. The last row has no class."""
    torch.manual_seed(0)
    length, classes = model.block_size, model.num_classes
    labels = torch.tensor([1, classes - 1, classes])
    codes = torch.randint(model.vocab_size, (len(labels), length))
    positions = torch.arange(length)
    seen = {}
    keep = lambda name: lambda _module, _inputs, output: seen.__setitem__(f"forward.{name}", output)
    hooks = [model.cls_embedding.register_forward_hook(keep("class")), model.norm.register_forward_hook(keep("norm"))]
    hooks += [layer.register_forward_hook(keep(f"block.{i}")) for i, layer in enumerate(model.layers)]
    seen["forward.logits"] = model(codes[:, :-1], labels, input_pos=positions)[0]
    for hook in hooks:
        hook.remove()
    model.setup_caches(len(labels), length, torch.float32)
    cached = [model(None, labels, positions[:1])[0]]
    cached += [model(codes[:, i - 1 : i], None, positions[i : i + 1])[0] for i in range(1, length)]
    seen |= {"forward.codes": codes.int(), "forward.labels": labels.int(), "cached.logits": torch.cat(cached, 1)}
    save(path, seen)


def record_tokenizer(vq, side, path):
    torch.manual_seed(0)
    seen = {}
    keep = lambda name: lambda _module, _inputs, output: seen.__setitem__(name, output)
    image = torch.rand(2, 3, side, side) * 2 - 1
    hooks = [vq.encoder.register_forward_hook(keep("encode.encoder")), vq.quant_conv.register_forward_hook(keep("encode.latents"))]
    quantized, _, (_, _, indices) = vq.encode(image)
    for hook in hooks:
        hook.remove()
    latents = torch.randn_like(quantized)
    seen |= {"encode.image": image, "encode.indices": indices.view(2, *quantized.shape[2:]).int(),
             "encode.quantized": quantized, "decode.latents": latents, "decode.unquantized_image": vq.decode(latents)}
    hooks = [vq.post_quant_conv.register_forward_hook(keep("decode.post_quant")),
             vq.decoder.mid[-1].register_forward_hook(keep("decode.mid"))]
    nearest, _, (_, _, indices) = vq.quantize(latents)
    seen |= {"decode.indices": indices.view(2, *latents.shape[2:]).int(), "decode.image": vq.decode(nearest)}
    for hook in hooks:
        hook.remove()
    codes = torch.randint(vq.config.codebook_size, (2, *latents.shape[2:]))
    seen |= {"codes.indices": codes.int(), "codes.image": vq.decode_code(codes.view(2, -1), latents.shape)}
    save(path, seen)


def record_run(model, vq, path, labels, seed, settings):
    """sample_c2i.py's call, with pixels as sample_c2i_ddp.py saves them."""
    from autoregressive.models import generate as official

    torch.manual_seed(seed)
    seen = {"network": [], "logits": [], "probs": [], "exponential": []}
    forward, sample, multinomial = model.forward, official.sample, torch.multinomial

    def network(*inputs, **options):
        out = forward(*inputs, **options)
        seen["network"].append(out[0][:, -1])
        return out

    def sampled(logits, **options):
        ids, probs = sample(logits, **options)
        seen["logits"].append(logits[:, -1])
        seen["probs"].append(probs)
        return ids, probs

    def drawn(probs, num_samples):
        """PyTorch takes the largest probability over an exponential number."""
        state = torch.get_rng_state()
        noise = torch.empty_like(probs).exponential_(1)
        torch.set_rng_state(state)
        ids = multinomial(probs, num_samples)
        assert torch.equal(ids[:, 0], (probs / noise).argmax(-1))
        seen["exponential"].append(noise)
        return ids

    model.forward, official.sample, torch.multinomial = network, sampled, drawn
    codes = official.generate(model, torch.tensor(labels), model.block_size, **settings)
    model.forward, official.sample, torch.multinomial = forward, sample, multinomial
    side = int(model.block_size**0.5)
    image = vq.decode_code(codes, [len(labels), vq.config.codebook_embed_dim, side, side])
    pixels = torch.clamp(127.5 * image + 128.0, 0, 255).permute(0, 2, 3, 1).to(torch.uint8)
    tensors = {name: torch.stack(values) for name, values in seen.items() if values}
    sampler = "categorical" if settings["sample_logits"] else "greedy"
    save(path, tensors | {"codes": codes.int(), "image": image, "pixels": pixels}, sampler=sampler, labels=labels, seed=seed,
         **settings)


def main():
    sys.path.insert(0, sys.argv[1])
    from autoregressive.models.gpt import ModelArgs, Transformer
    from tokenizer.tokenizer_image import vq_model

    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    encoder, decoder = vq_model.Encoder, vq_model.Decoder
    for seed, (name, shape) in enumerate(SHAPES.items()):
        generator_folder, tokenizer_folder = HERE / "llamagen" / name, HERE / "llamagen" / f"vq-{name}"
        vq_model.Encoder, vq_model.Decoder = (partial(part, **shape["autoencoder"]) for part in (encoder, decoder))
        model = Transformer(ModelArgs(**shape["model"])).eval()
        vq = vq_model.VQModel(vq_model.ModelArgs(**shape["tokenizer"])).eval()
        fill(model, 2 * seed + 1, torch.float32)
        # Numbers of 16 bits, which the files hold without loss: an autoencoder with norms of 32 groups is large.
        fill(vq, 2 * seed + 2, torch.float16)
        image_size = int(model.block_size**0.5) * 2 ** (len(vq.config.encoder_ch_mult) - 1)
        write_config(generator_folder, {"model": shape["model"], "first_stage": f"../vq-{name}"})
        write_config(tokenizer_folder, {"tokenizer": shape["tokenizer"], "autoencoder": shape["autoencoder"], "image_size": image_size})
        # Published files hold {"model": ...}; a model trained with FSDP is the weights alone (--from-fsdp).
        weights = model.state_dict()
        torch.save({"model": weights} if name == "4x4" else weights, generator_folder / "c2i.pt")
        torch.save({"model": {key: tensor.half() for key, tensor in vq.state_dict().items()}}, tokenizer_folder / "vq.pt")
        record_stages(model, generator_folder / "stages.safetensors")
        record_tokenizer(vq, image_size, tokenizer_folder / "stages.safetensors")
        for run, settings in RUNS[name].items():
            record_run(model, vq, generator_folder / f"{run}.safetensors", *settings)


if __name__ == "__main__":
    main()
