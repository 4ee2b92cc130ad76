"""A training of a second: a folder of images, and a configuration."""

import copy
import json
from pathlib import Path

from PIL import Image

from ..drawings import plain

RECIPE = {"steps": 6, "batch": 4, "warm_up": 2}
CONFIG = {
    "data": {"folder": "images", "size": 16},
    "tokenizer": {
        "kind": "kl",
        "sizes": {"ch": 32, "ch_mult": [1, 1], "num_res_blocks": 1, "embed_dim": 4},
        "recipe": RECIPE,
    },
    "generator": {
        "family": "mar",
        "sizes": {
            "patch_size": 2, "buffer_size": 2, "encoder_embed_dim": 32, "encoder_depth": 1, "encoder_num_heads": 2,
            "decoder_embed_dim": 32, "decoder_depth": 1, "decoder_num_heads": 2, "mlp_ratio": 2.0, "norm_eps": 1e-6,
            "diffloss_d": 1, "diffloss_w": 32, "num_sampling_steps": "50",
        },
        "recipe": RECIPE,
    },
    "serve": {"description": "Tiny.", "defaults": {
        "steps": 4, "guidance_scale": 2, "guidance_schedule": "linear", "temperature": 1, "diffusion_steps": 5,
        "max_timestep": 940, "order": "random"}},
}


def write_images(folder: Path, classes: int = 2, count: int = 8) -> None:
    for label, name in enumerate(plain.CLASSES[:classes]):
        (folder / name).mkdir(parents=True)
        for seed in range(count):
            Image.fromarray(plain.draw(label, seed)).save(folder / name / f"{seed:02}.png")


def write_config(path: Path, **changes) -> Path:
    path.write_text(json.dumps(copy.deepcopy(CONFIG) | changes))
    return path
