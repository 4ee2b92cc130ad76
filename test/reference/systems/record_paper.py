"""Records the generators of MAR's paper that have no official code, from those of training/, with random weights.

    PYTHONPATH=. python test/reference/systems/record_paper.py
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from training.networks.causal import Causal
from training.networks.mar import Mar
from training.record import causal_stages, draw_tokens, mar_stages, write

FOLDER = Path(__file__).parent / "paper"
# The grids fit the tokenizers ../kl8 and ../llamagen/vq-*, whose codebooks have 64 and 150 entries.
SMALL = {"img_size": 32, "vae_stride": 8, "patch_size": 1, "vae_embed_dim": 4, "class_num": 10, "mlp_ratio": 4.0, "norm_eps": 1e-6}
ODD = {"img_size": 48, "vae_stride": 8, "patch_size": 1, "vae_embed_dim": 4, "class_num": 7, "mlp_ratio": 3.0, "norm_eps": 1e-5}
SMALL_DECODER = {"decoder_embed_dim": 32, "decoder_depth": 2, "decoder_num_heads": 2}
ODD_DECODER = {"decoder_embed_dim": 36, "decoder_depth": 3, "decoder_num_heads": 3}
SMALL_MAR = SMALL | SMALL_DECODER | {
    "buffer_size": 4, "encoder_embed_dim": 32, "encoder_depth": 2, "encoder_num_heads": 2}
ODD_MAR = ODD | ODD_DECODER | {"buffer_size": 3, "encoder_embed_dim": 40, "encoder_depth": 1, "encoder_num_heads": 4}
SMALL_CODES = {"img_size": 8, "vae_stride": 2, "vae_embed_dim": 8, "codes": 64}
ODD_CODES = {"img_size": 12, "vae_stride": 2, "vae_embed_dim": 5, "codes": 150}
MODELS = {
    "raster-diffusion": (Causal, SMALL | SMALL_DECODER | {"order": "raster", "diffloss_w": 32, "diffloss_d": 2}),
    "random-diffusion": (Causal, ODD | ODD_DECODER | {"patch_size": 2, "order": "random", "diffloss_w": 40, "diffloss_d": 1}),
    "raster-codes": (Causal, ODD | ODD_DECODER | ODD_CODES | {"order": "raster"}),
    "random-codes": (Causal, SMALL | SMALL_DECODER | SMALL_CODES | {"order": "random"}),
    "mar-codes": (Mar, SMALL_MAR | SMALL_CODES),
    "mar-codes-odd": (Mar, ODD_MAR | ODD_CODES),
}


@torch.inference_mode()
def randomise(model: torch.nn.Module) -> None:
    """No weight stays 0 or 1, so that every path of a network shows in the numbers."""
    for name, weight in model.named_parameters():
        weight += 0.1 * torch.randn(weight.shape) if weight.ndim > 1 else 0.3 * torch.randn(weight.shape)


def main() -> None:
    torch.set_num_threads(1)
    for index, (name, (network, config)) in enumerate(MODELS.items()):
        torch.manual_seed(index)
        draw = torch.Generator().manual_seed(100 + index)
        model = network(config)
        randomise(model)
        folder = FOLDER / name
        folder.mkdir(parents=True, exist_ok=True)
        save_file(model.state_dict(), folder / "generator.safetensors")
        kind = "mar" if network is Mar else "causal"
        vq = "../../llamagen/vq-4x4" if config["img_size"] == 8 else "../../llamagen/vq-6x6"
        stated = {kind: config, "first_stage": vq if "codes" in config else "../../kl8"}
        (folder / "config.json").write_text(json.dumps(stated, indent=1) + "\n")
        labels = [0, config["class_num"] - 1]
        with torch.inference_mode():
            stages = (mar_stages if network is Mar else causal_stages)(model, draw_tokens(model, draw), labels, draw)
        write(folder / "stages.safetensors", stages, {"labels": json.dumps(labels)})


if __name__ == "__main__":
    main()
