"""A small classifier of drawn pictures: it counts how many generated pictures show the class that was asked for.

    python training/classifier.py train          trains it and writes classifier.onnx
    python training/classifier.py count          samples 50 pictures a class and counts those it recognises

It is trained with blur, noise and shifted colours, so that it judges shape and not sharpness.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from pictures import CLASSES, contact_sheet, draw_many
from sample import sample_pictures, settings_from
from tokenizer import to_tensor

TRAIN_SEED, TRAIN_COUNT = 50_000_000, 4_800  # far from the generator's pictures, which start at 0
HELD_OUT_SEED, HELD_OUT_COUNT = 90_000_000, 1_200
STEPS, BATCH = 500, 64


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        widths = [3, 24, 48, 72, 96]
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in zip(widths, widths[1:]))
        self.norms = nn.ModuleList(nn.BatchNorm2d(b) for b in widths[1:])
        self.hidden = nn.Linear(widths[-1] * 4, 96)
        self.output = nn.Linear(96, len(CLASSES))

    def forward(self, image):
        """image [N, 3, 64, 64] in [-1, 1] -> logits [N, 12], features [N, 96]"""
        x = image
        for layer, norm in zip(self.layers, self.norms):
            x = F.relu(norm(layer(x)))
        features = F.relu(self.hidden(F.avg_pool2d(x, 2).flatten(1)))  # [N, 96, 2, 2] before flattening
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


def train(work: Path) -> Classifier:
    torch.manual_seed(3)
    pictures, labels = draw_many(TRAIN_COUNT, TRAIN_SEED)
    image, label = to_tensor(pictures), torch.as_tensor(labels)
    model = Classifier()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=STEPS)
    for step in range(STEPS):
        rows = torch.randint(len(image), (BATCH,))
        loss = F.cross_entropy(model(disturb(image[rows]))[0], label[rows], label_smoothing=0.05)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        if (step + 1) % 100 == 0:
            print(f"classifier step {step + 1} loss {loss.item():.4f}", flush=True)
    torch.save(model.state_dict(), work / "classifier.pt")
    return model.eval()


@torch.inference_mode()
def recognised(model: Classifier, pictures: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Per picture: whether the likeliest class is the label; and the likeliest class."""
    guess = torch.cat([model(to_tensor(part))[0].argmax(1) for part in np.array_split(pictures, 10)]).numpy()
    return guess == labels, guess


def export(model: Classifier, path: Path) -> None:
    torch.onnx.export(model, (torch.zeros(2, 3, 64, 64),), path, input_names=["image"], output_names=["logits", "features"],
                      dynamic_axes={"image": {0: "N"}, "logits": {0: "N"}, "features": {0: "N"}}, opset_version=17,
                      dynamo=False)


def load(work: Path) -> Classifier:
    model = Classifier()
    model.load_state_dict(torch.load(work / "classifier.pt", weights_only=True))
    return model.eval()


def count(model: Classifier, args, settings) -> None:
    labels = torch.arange(len(CLASSES)).repeat(args.per_class)
    pictures = sample_pictures(args.model, labels, settings, args.seed)
    right, guess = recognised(model, pictures, labels.numpy())
    print(settings)
    for k, name in enumerate(CLASSES):
        mine = labels.numpy() == k
        wrong = ", ".join(CLASSES[g] for g in guess[mine & ~right])
        print(f"{name:9} {right[mine].sum()} of {mine.sum()}" + (f"   taken for {wrong}" if wrong else ""))
    print(f"all       {100 * right.mean():.1f} %", flush=True)
    contact_sheet(pictures, len(CLASSES)).save(args.out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["train", "count"])
    parser.add_argument("--work", type=Path, default=Path(__file__).parent / ".work")
    parser.add_argument("--model", type=Path, default=Path(__file__).parent / ".work" / "out")
    parser.add_argument("--per-class", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("counted.png"))
    args, settings = settings_from(parser)
    torch.set_num_threads(1)
    if args.action == "count":
        return count(load(args.work), args, settings)
    model = train(args.work)
    right, _ = recognised(model, *draw_many(HELD_OUT_COUNT, HELD_OUT_SEED))
    size = sum(p.numel() for p in model.parameters())
    print(f"classifier: {size} parameters, {100 * right.mean():.2f} % of {len(right)} held-out drawn pictures")
    (args.work / "out").mkdir(exist_ok=True)
    export(model, args.work / "out" / "classifier.onnx")


if __name__ == "__main__":
    main()
