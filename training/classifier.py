"""Trains a small classifier of drawn pictures, with which `npm run recognition` and `marimba evaluate` measure models.

    python training/classifier.py                # writes training/.work/classifier.onnx

It is trained with blur, noise and shifted colours, so that it judges shape and not sharpness.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from pictures import CLASSES, draw_many
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


def train() -> Classifier:
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
    return model.eval()


@torch.inference_mode()
def recognised(model: Classifier, pictures: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Whether the likeliest class of each picture is its label."""
    guess = torch.cat([model(to_tensor(part))[0].argmax(1) for part in np.array_split(pictures, 10)]).numpy()
    return guess == labels


def export(model: Classifier, path: Path) -> None:
    torch.onnx.export(model, (torch.zeros(2, 3, 64, 64),), path, input_names=["image"], output_names=["logits", "features"],
                      dynamic_axes={"image": {0: "N"}, "logits": {0: "N"}, "features": {0: "N"}}, opset_version=17,
                      dynamo=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path(__file__).parent / ".work")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    model = train()
    right = recognised(model, *draw_many(HELD_OUT_COUNT, HELD_OUT_SEED))
    size = sum(p.numel() for p in model.parameters())
    print(f"classifier: {size} parameters, {100 * right.mean():.2f} % of {len(right)} held-out drawn pictures")
    export(model, args.work / "classifier.onnx")


if __name__ == "__main__":
    main()
