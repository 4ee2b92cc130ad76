"""Names and shapes of every tensor of the published networks, in the order of their state dicts.

Those of models/mar.py, models/diffloss.py and models/vae.py of the authors' repository, github.com/LTH14/mar; sizes of its
README and util/download.py. KL-8 and VQ-16 are those of github.com/CompVis/latent-diffusion (models/first_stage_models), DiT-XL/2
and SiT-XL/2 (whose tensors are the same) those of github.com/facebookresearch/DiT, the consistency decoder that of diffusers, and
LlamaGen-L and its tokenizer those of github.com/FoundationVision/LlamaGen.
"""

from dataclasses import dataclass

TOKENS, BUFFER, CLASSES, CHANNELS, FREQUENCIES = 256, 64, 1000, 16, 256


@dataclass(frozen=True)
class Size:
    width: int
    depth: int
    head_width: int
    head_depth: int
    published_mib: int | None
    """The contents of checkpoint-last.pth: model and model_ema."""
    channels: int = CHANNELS
    """Of a token."""


SIZES = {
    "mar-b": Size(768, 12, 1024, 6, 1587),
    "mar-l": Size(1024, 16, 1280, 8, 3650),
    "mar-h": Size(1280, 20, 1536, 12, 7191),
    "mar-b-vq16": Size(768, 12, 1024, 6, None, channels=8),
}


@dataclass(frozen=True)
class Tokenizer:
    widths: tuple[int, ...]
    channels: int
    published_mib: int | None = None
    codes: int | None = None
    """Entries of the codebook. A KL autoencoder has none, and gives a variance for each channel."""
    key: str = "state_dict"
    """Of its tensors in the checkpoint; latent diffusion's is Lightning's."""
    encoder_attention: bool = True
    decoder_attention: bool = False
    """At the smallest images."""


TOKENIZERS = {
    "kl16": Tokenizer((128, 128, 256, 256, 512), 16, published_mib=254, key="model"),
    "kl8": Tokenizer((128, 256, 512, 512), 4, encoder_attention=False),
    "vq16": Tokenizer((128, 128, 256, 256, 512), 8, codes=16384, decoder_attention=True),
}

Shapes = dict[str, tuple[int, ...]]


def generator_shapes(size: Size) -> Shapes:
    shapes: Shapes = {}
    width = size.width
    shapes["fake_latent"] = (1, width)
    shapes["encoder_pos_embed_learned"] = (1, BUFFER + TOKENS, width)
    shapes["mask_token"] = (1, 1, width)
    shapes["decoder_pos_embed_learned"] = (1, BUFFER + TOKENS, width)
    shapes["diffusion_pos_embed_learned"] = (1, TOKENS, width)
    shapes["class_emb.weight"] = (CLASSES, width)
    _linear(shapes, "z_proj", width, size.channels)
    _norm(shapes, "z_proj_ln", width)
    _stack(shapes, "encoder", size)
    _linear(shapes, "decoder_embed", width, width)
    _stack(shapes, "decoder", size)
    _head(shapes, "diffloss.net", size)
    return shapes


def tokenizer_shapes(tokenizer: Tokenizer) -> Shapes:
    """An autoencoder with two residual blocks a level."""
    shapes: Shapes = {}
    encoded = tokenizer.channels if tokenizer.codes else 2 * tokenizer.channels
    _vae_encoder(shapes, tokenizer, encoded)
    _vae_decoder(shapes, tokenizer)
    _conv(shapes, "quant_conv", encoded, encoded, 1)
    _conv(shapes, "post_quant_conv", tokenizer.channels, tokenizer.channels, 1)
    if tokenizer.codes:
        shapes["quantize.embedding.weight"] = (tokenizer.codes, tokenizer.channels)
    return shapes


def detok_shapes(width: int = 768, depth: int = 12, patch: int = 16) -> Shapes:
    """DeTok-BB (models/detok.py of github.com/Jiawei-Yang/DeTok): as many blocks in either half."""
    shapes: Shapes = {}
    shapes["encoder.patch_embed.0.weight"] = (width, 3, patch, patch)
    shapes["encoder.patch_embed.0.bias"] = (width,)
    _vision_transformer(shapes, "encoder", width, depth)
    _linear(shapes, "encoder.latent_head", 2 * CHANNELS, width)
    shapes["decoder.mask_token"] = (1, 1, width)
    _linear(shapes, "decoder.decoder_embed", width, CHANNELS)
    _vision_transformer(shapes, "decoder", width, depth)
    _conv(shapes, "decoder.ffn.1", 3 * patch**2, width, 1)
    _conv(shapes, "decoder.conv_out", 3, 3, 3)
    return shapes


def dit_shapes(width: int = 1152, depth: int = 28, channels: int = 4, patch: int = 2) -> Shapes:
    """DiT-XL/2 and SiT-XL/2 for images of 256 x 256 pixels."""
    shapes: Shapes = {}
    shapes["pos_embed"] = (1, TOKENS, width)
    _conv(shapes, "x_embedder.proj", width, channels, patch)
    _linear(shapes, "t_embedder.mlp.0", width, FREQUENCIES)
    _linear(shapes, "t_embedder.mlp.2", width, width)
    shapes["y_embedder.embedding_table.weight"] = (CLASSES + 1, width)
    for index in range(depth):
        block = f"blocks.{index}"
        _linear(shapes, f"{block}.attn.qkv", 3 * width, width)
        _linear(shapes, f"{block}.attn.proj", width, width)
        _linear(shapes, f"{block}.mlp.fc1", 4 * width, width)
        _linear(shapes, f"{block}.mlp.fc2", width, 4 * width)
        _linear(shapes, f"{block}.adaLN_modulation.1", 6 * width, width)
    _linear(shapes, "final_layer.linear", 2 * channels * patch**2, width)
    _linear(shapes, "final_layer.adaLN_modulation.1", 2 * width, width)
    return shapes


def consistency_shapes(widths: tuple[int, ...] = (320, 640, 1024, 1024), blocks: int = 3, channels: int = 4) -> Shapes:
    """The U-Net of openai/consistency-decoder."""
    shapes: Shapes = {}
    first, time, last = widths[0], 4 * widths[0], len(widths) - 1
    _conv(shapes, "decoder_unet.conv_in", first, 3 + channels, 3)
    shapes["decoder_unet.time_proj.weight"] = (1024, first)
    _linear(shapes, "decoder_unet.time_embedding.linear_1", time, first)
    _linear(shapes, "decoder_unet.time_embedding.linear_2", time, time)
    skipped, width = [first], first
    for level, outputs in enumerate(widths):
        for block in range(blocks):
            _timed_residual(shapes, f"down_blocks.{level}.resnets.{block}", width, outputs, time)
            width = outputs
            skipped.append(width)
        if level < last:
            _timed_residual(shapes, f"down_blocks.{level}.downsamplers.0", width, width, time)
            skipped.append(width)
    for block in range(2):
        _timed_residual(shapes, f"mid_block.resnets.{block}", width, width, time)
    for level, outputs in enumerate(reversed(widths)):
        for block in range(blocks + 1):
            _timed_residual(shapes, f"up_blocks.{level}.resnets.{block}", width + skipped.pop(), outputs, time)
            width = outputs
        if level < last:
            _timed_residual(shapes, f"up_blocks.{level}.upsamplers.0", width, width, time)
    _norm(shapes, "decoder_unet.conv_norm_out", width)
    _conv(shapes, "decoder_unet.conv_out", 6, width, 3)
    return shapes


def llamagen_shapes(width: int = 1024, depth: int = 24, hidden: int = 2816, codes: int = 16384) -> Shapes:
    """LlamaGen-L (autoregressive/models/gpt.py), of any size of images."""
    shapes: Shapes = {}
    shapes["cls_embedding.embedding_table.weight"] = (CLASSES + 1, width)
    shapes["tok_embeddings.weight"] = (codes, width)
    for index in range(depth):
        layer = f"layers.{index}"
        shapes[f"{layer}.attention.wqkv.weight"] = (3 * width, width)
        shapes[f"{layer}.attention.wo.weight"] = (width, width)
        for part, side in {"w1": (hidden, width), "w3": (hidden, width), "w2": (width, hidden)}.items():
            shapes[f"{layer}.feed_forward.{part}.weight"] = side
        shapes[f"{layer}.attention_norm.weight"] = (width,)
        shapes[f"{layer}.ffn_norm.weight"] = (width,)
    shapes["norm.weight"] = (width,)
    shapes["output.weight"] = (codes, width)
    return shapes


def llamagen_tokenizer_shapes(channels: int = 8, latents: int = 256, codes: int = 16384) -> Shapes:
    """VQ-16 (tokenizer/tokenizer_image/vq_model.py), whose modules have other names than latent diffusion's."""
    shapes: Shapes = {}
    widths = (128, 128, 256, 256, 512)
    _conv(shapes, "encoder.conv_in", widths[0], 3, 3)
    width, last = widths[0], len(widths) - 1
    for level, outputs in enumerate(widths):
        _level(shapes, f"encoder.conv_blocks.{level}", 2, width, outputs, level == last)
        width = outputs
        if level < last:
            _conv(shapes, f"encoder.conv_blocks.{level}.downsample.conv", width, width, 3)
    _numbered_middle(shapes, "encoder", width)
    _norm(shapes, "encoder.norm_out", width)
    _conv(shapes, "encoder.conv_out", latents, width, 3)
    _conv(shapes, "decoder.conv_in", width, latents, 3)
    _numbered_middle(shapes, "decoder", width)
    for level, outputs in enumerate(reversed(widths)):
        _level(shapes, f"decoder.conv_blocks.{level}", 3, width, outputs, level == 0)
        width = outputs
        if level < last:
            _conv(shapes, f"decoder.conv_blocks.{level}.upsample.conv", width, width, 3)
    _norm(shapes, "decoder.norm_out", width)
    _conv(shapes, "decoder.conv_out", 3, width, 3)
    shapes["quantize.codebook_used"] = (65536,)
    shapes["quantize.embedding.weight"] = (codes, channels)
    _conv(shapes, "quant_conv", channels, latents, 1)
    _conv(shapes, "post_quant_conv", latents, channels, 1)
    return shapes


def _level(shapes: Shapes, name: str, blocks: int, inputs: int, outputs: int, attends: bool) -> None:
    for block in range(blocks):
        _residual(shapes, f"{name}.res.{block}", outputs if block else inputs, outputs)
    for block in range(blocks if attends else 0):
        _attention(shapes, f"{name}.attn.{block}", outputs)


def _numbered_middle(shapes: Shapes, name: str, channels: int) -> None:
    _residual(shapes, f"{name}.mid.0", channels, channels)
    _attention(shapes, f"{name}.mid.1", channels)
    _residual(shapes, f"{name}.mid.2", channels, channels)


def _timed_residual(shapes: Shapes, name: str, inputs: int, outputs: int, time: int) -> None:
    name = f"decoder_unet.{name}"
    _norm(shapes, f"{name}.norm1", inputs)
    _conv(shapes, f"{name}.conv1", outputs, inputs, 3)
    _linear(shapes, f"{name}.time_emb_proj", 2 * outputs, time)
    _norm(shapes, f"{name}.norm2", outputs)
    _conv(shapes, f"{name}.conv2", outputs, outputs, 3)
    if inputs != outputs:
        _conv(shapes, f"{name}.conv_shortcut", outputs, inputs, 1)


def _vision_transformer(shapes: Shapes, name: str, width: int, depth: int) -> None:
    shapes[f"{name}.positional_embedding"] = (1, TOKENS, width)
    hidden = int(2 / 3 * width * 4)
    norms = [f"transformer.{index}.norm{norm}" for index in range(depth) for norm in (1, 2)]
    for norm in ("ln_pre", *norms, "ln_post"):
        shapes[f"{name}.{norm}.weight"] = (width,)
    for index in range(depth):
        block = f"{name}.transformer.{index}"
        _linear(shapes, f"{block}.attn.qkv", 3 * width, width)
        _linear(shapes, f"{block}.attn.proj", width, width)
        _linear(shapes, f"{block}.mlp.w12", 2 * hidden, width)
        _linear(shapes, f"{block}.mlp.w3", width, hidden)


def _linear(shapes: Shapes, name: str, outputs: int, inputs: int) -> None:
    shapes[f"{name}.weight"] = (outputs, inputs)
    shapes[f"{name}.bias"] = (outputs,)


def _norm(shapes: Shapes, name: str, channels: int) -> None:
    shapes[f"{name}.weight"] = (channels,)
    shapes[f"{name}.bias"] = (channels,)


def _conv(shapes: Shapes, name: str, outputs: int, inputs: int, kernel: int) -> None:
    shapes[f"{name}.weight"] = (outputs, inputs, kernel, kernel)
    shapes[f"{name}.bias"] = (outputs,)


def _stack(shapes: Shapes, name: str, size: Size) -> None:
    width = size.width
    for index in range(size.depth):
        block = f"{name}_blocks.{index}"
        _norm(shapes, f"{block}.norm1", width)
        _linear(shapes, f"{block}.attn.qkv", 3 * width, width)
        _linear(shapes, f"{block}.attn.proj", width, width)
        _norm(shapes, f"{block}.norm2", width)
        _linear(shapes, f"{block}.mlp.fc1", 4 * width, width)
        _linear(shapes, f"{block}.mlp.fc2", width, 4 * width)
    _norm(shapes, f"{name}_norm", width)


def _head(shapes: Shapes, name: str, size: Size) -> None:
    width = size.head_width
    _linear(shapes, f"{name}.time_embed.mlp.0", width, FREQUENCIES)
    _linear(shapes, f"{name}.time_embed.mlp.2", width, width)
    _linear(shapes, f"{name}.cond_embed", width, size.width)
    _linear(shapes, f"{name}.input_proj", width, size.channels)
    for index in range(size.head_depth):
        block = f"{name}.res_blocks.{index}"
        _norm(shapes, f"{block}.in_ln", width)
        _linear(shapes, f"{block}.mlp.0", width, width)
        _linear(shapes, f"{block}.mlp.2", width, width)
        _linear(shapes, f"{block}.adaLN_modulation.1", 3 * width, width)
    _linear(shapes, f"{name}.final_layer.linear", 2 * size.channels, width)
    _linear(shapes, f"{name}.final_layer.adaLN_modulation.1", 2 * width, width)


def _residual(shapes: Shapes, name: str, inputs: int, outputs: int) -> None:
    _norm(shapes, f"{name}.norm1", inputs)
    _conv(shapes, f"{name}.conv1", outputs, inputs, 3)
    _norm(shapes, f"{name}.norm2", outputs)
    _conv(shapes, f"{name}.conv2", outputs, outputs, 3)
    if inputs != outputs:
        _conv(shapes, f"{name}.nin_shortcut", outputs, inputs, 1)


def _attention(shapes: Shapes, name: str, channels: int) -> None:
    _norm(shapes, f"{name}.norm", channels)
    for part in ("q", "k", "v", "proj_out"):
        _conv(shapes, f"{name}.{part}", channels, channels, 1)


def _middle(shapes: Shapes, name: str, channels: int) -> None:
    _residual(shapes, f"{name}.mid.block_1", channels, channels)
    _attention(shapes, f"{name}.mid.attn_1", channels)
    _residual(shapes, f"{name}.mid.block_2", channels, channels)


def _vae_encoder(shapes: Shapes, tokenizer: Tokenizer, outputs: int) -> None:
    widths = tokenizer.widths
    _conv(shapes, "encoder.conv_in", widths[0], 3, 3)
    channels, last = widths[0], len(widths) - 1
    for level, width in enumerate(widths):
        for block in range(2):
            _residual(shapes, f"encoder.down.{level}.block.{block}", channels, width)
            channels = width
        if level == last and tokenizer.encoder_attention:
            for block in range(2):
                _attention(shapes, f"encoder.down.{level}.attn.{block}", channels)
        if level < last:
            _conv(shapes, f"encoder.down.{level}.downsample.conv", channels, channels, 3)
    _middle(shapes, "encoder", channels)
    _norm(shapes, "encoder.norm_out", channels)
    _conv(shapes, "encoder.conv_out", outputs, channels, 3)


def _vae_decoder(shapes: Shapes, tokenizer: Tokenizer) -> None:
    widths = tokenizer.widths
    channels = widths[-1]
    _conv(shapes, "decoder.conv_in", channels, tokenizer.channels, 3)
    _middle(shapes, "decoder", channels)
    ups: dict[int, Shapes] = {}
    for level in reversed(range(len(widths))):
        ups[level] = {}
        for block in range(3):
            _residual(ups[level], f"decoder.up.{level}.block.{block}", channels, widths[level])
            channels = widths[level]
            if tokenizer.decoder_attention and level == len(widths) - 1:
                _attention(ups[level], f"decoder.up.{level}.attn.{block}", channels)
        if level > 0:
            _conv(ups[level], f"decoder.up.{level}.upsample.conv", channels, channels, 3)
    for level in range(len(widths)):
        shapes |= ups[level]
    _norm(shapes, "decoder.norm_out", channels)
    _conv(shapes, "decoder.conv_out", 3, channels, 3)
