"""Exports the Inception network of the published FIDs (torch-fidelity's, TensorFlow's weights of 2015) for `marimba evaluate`.

    pip install torch-fidelity==0.4.0 onnx
    python training/demo/inception.py inception.onnx
"""

import argparse

import torch
from torch import nn
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3


class Network(nn.Module):
    def __init__(self, weights: str | None):
        super().__init__()
        self.extractor = FeatureExtractorInceptionV3("inception", ["2048", "logits_unbiased"], feature_extractor_weights_path=weights)

    def forward(self, image):
        """image uint8 [N, 3, H, W] -> features [N, 2048], logits [N, 1008]"""
        return self.extractor(image)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--size", type=int, default=256, help="pixels along an image's side")
    parser.add_argument("--weights", help="torch-fidelity's weights file; fetched by it when absent")
    args = parser.parse_args()
    example = torch.zeros(2, 3, args.size, args.size, dtype=torch.uint8)
    axes = {"image": {0: "N"}, "features": {0: "N"}, "logits": {0: "N"}}
    torch.onnx.export(Network(args.weights).eval(), (example,), args.out, input_names=["image"], output_names=["features", "logits"],
                      dynamic_axes=axes, opset_version=17, dynamo=False)


if __name__ == "__main__":
    main()
