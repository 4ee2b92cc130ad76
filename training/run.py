"""A training from its images to a model, in phases, each of which goes on where it stopped."""

from pathlib import Path

import torch

from .config import FAMILIES, Family, check_codes, complete_sizes, keep_config, read_config
from .errors import TrainingError
from .images import Images, load_images
from .latents import AT_ONCE, Codes, Latents, encode_images, level, patchify
from .loop import Recipe, train
from .networks.existing import checkpoint_tokenizer
from .networks.tokenizer import TOKENIZERS, to_tensor
from .progress import Log, load, save
from .publish import import_model, publish, publish_tokenizer
from .sheets import show_generated, show_restored


def run(path: Path, work: Path, name: str | None = None, record: bool = False) -> None:
    """Trains what the configuration in `path` states. `name` imports the model; `record` writes a recording for parity."""
    config = read_config(path)
    family = FAMILIES[config["generator"]["family"]]
    if record and not family.record:
        raise TrainingError(f"there are no recordings of the family {config['generator']['family']}, only of mar and causal")
    work.mkdir(parents=True, exist_ok=True)
    keep_config(config, work)
    log = Log(work / "training.log")
    images = load_images(config["data"], path.parent, work, log)
    found = prepare_latents(config["tokenizer"], images, path.parent, work, log)
    tokenizer = finished_tokenizer(config["tokenizer"], images, found, path.parent, work, log)
    publish_tokenizer(work / "out", tokenizer, config["tokenizer"].get("float16", False))
    sizes = complete_sizes(config["generator"]["sizes"], family, images, found["mean"])
    model, average = train_generator(config["generator"], family, sizes, images, tokenizer, found, work, log)
    publish(work / "out", model, average, sizes, found["scale"], images.classes, config["serve"])
    if record:
        family.record(work / "out", average, tokenizer, found["scale"], images)
    log(f"wrote {work / 'out'}")
    if name:
        import_model(work / "out", name)


def prepare_latents(config: dict, images: Images, beside: Path, work: Path, log: Log) -> dict:
    """The tokenizer's weights, its scale, and the latents of the images times the scale."""
    path = work / "latents.pt"
    if not path.exists():
        if "checkpoint" in config:
            tokenizer = checkpoint_tokenizer(beside / config["checkpoint"])
            mean, deviation = encode_images(tokenizer, images.pixels, log)
            scale = config.get("scale") or 1 / (mean.var() + deviation.square().mean()).sqrt().item()
            mean, deviation = mean * scale, deviation * scale
        else:
            tokenizer = train_tokenizer(config, images, work, log)
            mean, deviation, scale = level(tokenizer, *encode_images(tokenizer, images.pixels, log), log)
        save(path, {"tokenizer": tokenizer.state_dict(), "scale": scale, "mean": mean, "deviation": deviation})
    return load(path)


def finished_tokenizer(config: dict, images: Images, found: dict, beside: Path, work: Path, log: Log) -> torch.nn.Module:
    """The tokenizer that made the latents. With a `decoder_recipe`, its decoder has learned on from them."""
    if "checkpoint" in config:
        tokenizer = checkpoint_tokenizer(beside / config["checkpoint"])
    else:
        tokenizer = TOKENIZERS[config["kind"]](**config["sizes"])
    tokenizer.load_state_dict(found["tokenizer"])
    if config.get("decoder_recipe") is not None:
        tokenizer = train_decoder(Recipe(**config["decoder_recipe"]), tokenizer, images, found, work, log)
    return rounded(tokenizer, config).requires_grad_(False)


def train_tokenizer(config: dict, images: Images, work: Path, log: Log):
    torch.manual_seed(1)
    recipe = Recipe(**config["recipe"])
    model = TOKENIZERS[config["kind"]](**config["sizes"])
    loss_of = lambda image, _rows, draw, done: model.loss(image, draw, done)
    return train_to_restore(model, loss_of, recipe, images, work / "tokenizer.pt", log)


def train_decoder(recipe: Recipe, tokenizer, images: Images, found: dict, work: Path, log: Log):
    """The latents stay as they are, so the generator can learn from them at any time."""
    for part in (tokenizer.encoder, tokenizer.quant_conv):
        part.requires_grad_(False)
    scale, spread = found["scale"], found["mean"].std() / found["scale"]

    def loss_of(image, rows, draw, _done):
        return tokenizer.decoder_loss(image, found["mean"][rows] / scale, found["deviation"][rows] / scale, spread, draw)

    return train_to_restore(tokenizer, loss_of, recipe, images, work / "decoder.pt", log)


def train_to_restore(tokenizer, loss_of, recipe: Recipe, images: Images, path: Path, log: Log):
    """`loss_of(image, rows, draw, done)` is the loss of the images in `rows`; the rest is as `train` takes it."""

    def loss_of_share(draw, done):
        rows = torch.randint(len(images.pixels), (recipe.share,), generator=draw)
        return loss_of(to_tensor(images.pixels[rows.cpu().numpy()]), rows, draw, done)

    show = lambda step, average: show_restored(path.parent / "sheets" / f"{path.stem}-{step:06}.png", average, images.pixels)
    return train(tokenizer, loss_of_share, recipe, path, log, show)


def tokens_of(images: Images, tokenizer, found: dict, sizes: dict) -> Latents | Codes:
    labels = torch.as_tensor(images.labels)
    check_codes(sizes, tokenizer)
    if "codes" in sizes:
        codes = [tokenizer.quantize.codes(part / found["scale"]).flatten(1) for part in found["mean"].split(AT_ONCE)]
        return Codes(torch.cat(codes), labels)
    return Latents(*(patchify(found[part], sizes["patch_size"]) for part in ("mean", "deviation")), labels)


def train_generator(config: dict, family: Family, sizes: dict, images: Images, tokenizer, found: dict, work: Path, log: Log):
    """The model and its average."""
    torch.manual_seed(2)
    recipe, patch, scale = Recipe(**config["recipe"]), sizes["patch_size"], found["scale"]
    latents = tokens_of(images, tokenizer, found, sizes)
    model = family.model(sizes, **config.get("loss", {}))

    def loss_of(draw, _done):
        return {"loss": model.loss(*latents.draw(recipe.share, draw), draw)}

    def show(step, average):
        sheet = work / "sheets" / f"generator-{step:06}.png"
        show_generated(sheet, family.sample, average, len(images.classes), patch, tokenizer, scale)

    average = train(model, loss_of, recipe, work / "generator.pt", log, show)
    return model, rounded(average, config)


def rounded(network: torch.nn.Module, config: dict) -> torch.nn.Module:
    """As a configuration wants its weights. Those of bfloat16 take half the space of float32's when they are compressed."""
    if config.get("bfloat16"):
        network.bfloat16().float()
    if config.get("float16"):
        network.half().float()  # as it will be stored
    return network
