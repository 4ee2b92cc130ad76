"""Trains a small classifier, with which `npm run recognition` and `marimba evaluate` measure models.

    python -m training.classifier training/configs/demo-classifier.json   # writes training/.work/demo-classifier/classifier.onnx

It learns from the `data` of a configuration, four of five images; the others measure it. It is trained with blur, noise and shifted
colours, so that it judges shape and not sharpness.
"""

import argparse
import json
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from .images import Images, load_images
from .networks.tokenizer import to_tensor
from .progress import Log, write_atomically

STEPS, BATCH, HELD_OUT_EVERY = 500, 64, 5
WIDTHS, FEATURES = [3, 24, 48, 72, 96], 96


class Classifier(nn.Module):
    def __init__(self, classes: int):
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in zip(WIDTHS, WIDTHS[1:]))
        self.norms = nn.ModuleList(nn.BatchNorm2d(b) for b in WIDTHS[1:])
        self.hidden = nn.Linear(WIDTHS[-1] * 4, FEATURES)
        self.output = nn.Linear(FEATURES, classes)

    def forward(self, image):
        """image [N, 3, H, W] in [-1, 1] -> logits [N, classes], features [N, 96]"""
        x = image
        for layer, norm in zip(self.layers, self.norms):
            x = F.relu(norm(layer(x)))
        features = F.relu(self.hidden(F.adaptive_avg_pool2d(x, 2).flatten(1)))  # [N, 96, 2, 2] before flattening
        return self.output(features), features


def disturb(image):
    """Blur, noise, gain and a shift of a few pixels."""
    rows = len(image)
    sigma = torch.rand(()) * 1.2 + 0.05
    kernel = torch.exp(-0.5 * (torch.arange(-3, 4) / sigma) ** 2)
    kernel = (kernel / kernel.sum()).expand(3, 1, 1, 7)
    blurred = F.conv2d(F.pad(image, (3, 3, 3, 3), mode="replicate"), kernel, groups=3)
    blurred = F.conv2d(blurred, kernel.transpose(2, 3), groups=3)
    gain = 1 + 0.15 * torch.randn(rows, 3, 1, 1)
    noisy = blurred * gain + 0.12 * torch.rand(rows, 1, 1, 1) * torch.randn_like(image)
    dy, dx = torch.randint(-3, 4, (2,)).tolist()
    return torch.roll(noisy, (dy, dx), (2, 3))


def train(images: Images, rows: torch.Tensor, steps: int, log: Log) -> Classifier:
    """`rows`: the images to learn from."""
    torch.manual_seed(3)
    labels = torch.as_tensor(images.labels)
    model = Classifier(len(images.classes))
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    for step in range(1, steps + 1):
        chosen = rows[torch.randint(len(rows), (BATCH,))]
        image = disturb(to_tensor(images.pixels[chosen.numpy()]))
        loss = F.cross_entropy(model(image)[0], labels[chosen], label_smoothing=0.05)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            log(f"classifier step {step} of {steps} loss {loss.item():.4f}")
    return model.eval()


@torch.inference_mode()
def share_recognised(model: Classifier, images: Images, rows: torch.Tensor) -> float:
    """Of the images in `rows`, those whose likeliest class is their label."""
    guess = torch.cat([model(to_tensor(images.pixels[part.numpy()]))[0].argmax(1) for part in rows.split(BATCH)])
    return (guess == torch.as_tensor(images.labels)[rows]).float().mean().item()


def export(model: Classifier, size: int, path: Path) -> None:
    with write_atomically(path) as file:
        torch.onnx.export(model, (torch.zeros(2, 3, size, size),), file, input_names=["image"], output_names=["logits", "features"],
                          dynamic_axes={"image": {0: "N"}, "logits": {0: "N"}, "features": {0: "N"}}, opset_version=17,
                          dynamo=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--steps", type=int, default=STEPS)
    args = parser.parse_args()
    work = args.work or Path(__file__).parent / ".work" / args.config.stem
    work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    log = Log(work / "classifier.log")
    images = load_images(json.loads(args.config.read_text())["data"], args.config.parent, work, log)
    order = torch.randperm(len(images.labels), generator=torch.Generator().manual_seed(4))
    held_out = torch.arange(len(order)) % HELD_OUT_EVERY == 0
    model = train(images, order[~held_out], args.steps, log)
    size, right = sum(p.numel() for p in model.parameters()), share_recognised(model, images, order[held_out])
    log(f"classifier: {size} parameters, {100 * right:.2f} % of {int(held_out.sum())} held-out images")
    export(model, images.pixels.shape[1], work / "classifier.onnx")


if __name__ == "__main__":
    main()
