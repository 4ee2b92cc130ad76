"""What a configuration may state, checked before hours of training are spent on it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from .errors import TrainingError
from .images import Images
from .loop import Recipe
from .networks.causal import Causal
from .networks.dit import Dit
from .networks.mar import Mar
from .networks.sample import sample_causal, sample_dit, sample_mar
from .networks.tokenizer import TOKENIZERS, VqTokenizer
from .progress import write_atomically
from .record import record


@dataclass(frozen=True)
class Family:
    """A kind of generator."""

    model: type
    sample: Callable
    record: Callable | None = None


FAMILIES = {"mar": Family(Mar, sample_mar, record), "dit": Family(Dit, sample_dit), "causal": Family(Causal, sample_causal, record)}


def read_config(path: Path) -> dict:
    try:
        config = json.loads(path.read_text())
    except ValueError as error:
        raise TrainingError(f"{path} is not JSON: {error}") from error
    missing = [key for key in ("data", "tokenizer", "generator", "serve") if key not in config]
    if missing:
        raise TrainingError(f"{path} lacks {' and '.join(missing)}; training/configs has examples")
    try:
        for part, check in (("tokenizer", check_tokenizer), ("generator", check_generator)):
            with torch.device("meta"):  # networks without memory for their weights
                made = check(**config[part])
            if part == "tokenizer" and made:
                check_codes(config["generator"].get("sizes", {}), made)
    except KeyError as error:
        raise TrainingError(f"{path}: the {part} lacks {error}") from error
    except (TypeError, ValueError) as error:
        reason = str(error).replace(".__init__()", "").replace(f"{check.__name__}() ", "it ")
        raise TrainingError(f"{path}: the {part} cannot be made: {reason}") from error
    return config


def check_tokenizer(checkpoint: str = "", scale: float = 0, float16: bool = False, bfloat16: bool = False, kind: str = "",
                    sizes: dict | None = None, recipe: dict | None = None,
                    decoder_recipe: dict | None = None) -> torch.nn.Module | None:
    """Takes what a configuration may state, and makes the network, if it is to be trained."""
    if decoder_recipe is not None:
        if checkpoint or kind != "kl":
            raise ValueError('only a tokenizer of the kind "kl" that is trained here takes a "decoder_recipe"')
        Recipe(**decoder_recipe)
    if checkpoint:
        return None
    if kind not in TOKENIZERS:
        raise ValueError(f'there is no kind "{kind}"; known are {" and ".join(TOKENIZERS)}')
    Recipe(**(recipe or {}))
    return TOKENIZERS[kind](**(sizes or {}))


def check_generator(family: str, sizes: dict, recipe: dict, loss: dict | None = None, bfloat16: bool = False) -> None:
    """The same."""
    if family not in FAMILIES:
        raise ValueError(f'there is no family "{family}"; known are {", ".join(FAMILIES)}')
    model = FAMILIES[family].model
    model({**sizes, **model.sizes_for(256, 2, 16, 16)}, **(loss or {}))
    Recipe(**recipe)


def keep_config(config: dict, work: Path) -> None:
    """Refuses to go on with images or networks other than those that the folder has."""
    fixed = {"data": config["data"]}
    for part in ("tokenizer", "generator"):
        fixed[part] = {key: value for key, value in config[part].items() if key not in ("recipe", "decoder_recipe")}
    kept = work / "config.json"
    if not kept.exists():
        with write_atomically(kept) as file:
            file.write(json.dumps(fixed, indent=1).encode())
    before = json.loads(kept.read_text())
    changed = [part for part in fixed if before[part] != fixed[part]]
    if changed:
        raise TrainingError(f"{work} was begun with another {' and '.join(changed)}: choose another --work, or delete it")


def complete_sizes(stated: dict, family: Family, images: Images, mean: torch.Tensor) -> dict:
    """Adds what follows from the images and their latents; what is stated must agree."""
    derived = family.model.sizes_for(images.pixels.shape[1], len(images.classes), mean.shape[1], mean.shape[2])
    wrong = [f"{key} {stated[key]}, not {value}" for key, value in derived.items() if stated.get(key, value) != value]
    if wrong:
        raise TrainingError(f"the generator's sizes do not fit the images and the tokenizer: it has {', '.join(wrong)}")
    return {**stated, **derived}


def check_codes(sizes: dict, tokenizer: torch.nn.Module) -> None:
    """A generator of codes learns those of a VQ tokenizer, one for a token."""
    if "codes" not in sizes:
        return
    found = len(tokenizer.quantize.embedding.weight) if isinstance(tokenizer, VqTokenizer) else 0
    if sizes["codes"] != found or sizes.get("patch_size") != 1:
        raise TrainingError(f"the generator learns {sizes['codes']} codes in patches of {sizes.get('patch_size')}: it must learn the "
                            f"tokenizer's {found}, in patches of 1")
