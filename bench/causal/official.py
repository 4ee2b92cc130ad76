"""Tokens of the official LlamaGen code on the CPU, with its cache: `npm run bench:causal` starts it.

The code is theirs, unchanged (github.com/FoundationVision/LlamaGen): `generate` of images with guidance, without compilation. Weights
are random. Each line on standard input is a precision, and the answer is a line with the milliseconds of processor time that a token of all images took.
"""

import argparse
import json
import sys
import time

import torch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--official", required=True, help="a checkout of github.com/FoundationVision/LlamaGen")
    parser.add_argument("--arch", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--tokens", type=int, required=True)
    parser.add_argument("--images", type=int, required=True)
    options = parser.parse_args()
    sys.path.insert(0, options.official)
    from autoregressive.models.generate import generate
    from autoregressive.models.gpt import GPT_models

    torch.set_num_threads(options.threads)
    torch.set_grad_enabled(False)
    _, size, *large = options.arch.split("-")
    side = 24 if large else 16
    model = GPT_models[f"GPT-{size.upper()}"](vocab_size=16384, block_size=side**2, cls_token_num=1, model_type="c2i").eval()
    torch.nn.init.normal_(model.output.weight, std=0.02)
    models = {"fp32": model}
    classes = torch.tensor([207] * options.images)
    answer = lambda value: print(json.dumps(value), flush=True)
    answer({"version": f"torch {torch.__version__}"})
    for line in sys.stdin:
        precision = line.strip()
        if precision not in models:
            import copy

            models[precision] = copy.deepcopy(model).to(torch.bfloat16)
        settings = dict(cfg_scale=2.0, temperature=1.0, top_k=0, top_p=1.0, sample_logits=True)
        generate(models[precision], classes, 4, **settings)
        begin = time.process_time()
        generate(models[precision], classes, options.tokens, **settings)
        answer({"ms": 1000 * (time.process_time() - begin) / options.tokens})


main()
