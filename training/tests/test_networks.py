"""The networks against recordings of the official code, and the training loop."""

import json
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import torch
from safetensors.torch import load_file

from ..latents import patchify, unpatchify
from ..loop import Recipe, train
from ..networks.dit import Dit
from ..networks.existing import checkpoint_tokenizer
from ..networks.heads import Objective
from ..networks.mar import Mar, draw_masked_count
from ..parallel import set_gradients
from ..publish import ROOT

REFERENCE = ROOT / "test" / "reference"


class Recordings(unittest.TestCase):
    def test_the_dit_computes_what_the_official_code_does(self):
        folder = REFERENCE / "systems" / "dit"
        weights, stages = load_file(folder / "model.safetensors"), load_file(folder / "stages.safetensors")
        model = Dit(json.loads((folder / "config.json").read_text())["model"])
        torch.testing.assert_close(model.pos_embed, weights["pos_embed"], rtol=0, atol=1e-6)
        model.load_state_dict(weights)
        patch = model.patch
        with torch.inference_mode():
            output = model(patchify(stages["forward.x"], patch), stages["forward.t"].long(), stages["forward.y"].long())
        torch.testing.assert_close(output, patchify(stages["forward.out"], patch), rtol=0, atol=1e-5)

    def test_the_mar_computes_what_the_official_code_does(self):
        folder = REFERENCE / "tiny"
        stages = load_file(folder / "stages.safetensors")
        model = Mar(json.loads((folder / "config.json").read_text())["mar"])
        model.load_state_dict(load_file(folder / "mar.safetensors"))
        labels = torch.tensor([0, 9])
        with torch.inference_mode():
            classes = torch.cat([model.class_emb(labels), model.fake_latent.expand(2, -1)])
            for j in range(4):
                tokens, mask = stages[f"predict.{j}.tokens"].repeat(2, 1, 1), stages[f"predict.{j}.mask"].repeat(2, 1)
                known = mask.argsort(dim=1, stable=True)[:, :int((mask[0] == 0).sum())]
                z = model.condition(tokens, known, classes)
                torch.testing.assert_close(z, stages[f"predict.{j}.decoder"], rtol=0, atol=1e-5)
            rows, timesteps = stages["denoise.x"].shape[1], stages["denoise.timestep"].long()
            for k, timestep in enumerate(timesteps):
                output = model.diffloss.net(stages["denoise.x"][k, :, None], timestep.repeat(rows), stages["denoise.z"][:rows])
                torch.testing.assert_close(output.squeeze(1), stages["denoise.0.network"][k], rtol=0, atol=1e-5)

    def test_the_kl_tokenizer_computes_what_the_official_code_does(self):
        folder = REFERENCE / "systems" / "kl8"
        stages = load_file(folder / "stages.safetensors")
        tokenizer = checkpoint_tokenizer(folder / "model.ckpt")
        scale = json.loads((folder / "config.json").read_text())["scale"]
        with torch.inference_mode():
            moments = tokenizer.quant_conv(tokenizer.encoder(stages["encode.image"]))
            image = tokenizer.decode(stages["decode.latents"] / scale)
        torch.testing.assert_close(moments, stages["encode.moments"], rtol=0, atol=1e-4)
        torch.testing.assert_close(image, stages["decode.image"], rtol=0, atol=1e-4)

    def test_attention_in_a_level_is_found_in_the_checkpoint(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "kl16.ckpt"
            torch.save({"model": load_file(REFERENCE / "tiny" / "kl16.safetensors")}, file)
            tokenizer = checkpoint_tokenizer(file)
        recorded = load_file(REFERENCE / "tiny" / "vae_encode.safetensors")
        with torch.inference_mode():
            moments = tokenizer.quant_conv(tokenizer.encoder(recorded["image"]))
        torch.testing.assert_close(moments, recorded["moments"], rtol=0, atol=1e-4)


class Loop(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.work = Path(folder.name)

    def test_a_run_that_was_stopped_ends_with_the_same_weights(self):
        straight = self.train("straight")
        with mock.patch("training.progress.SAVE_EVERY_SECONDS", -1), self.assertRaises(KeyboardInterrupt):
            self.train("stopped", stop_at=0.6)
        stopped = self.train("stopped")
        self.assertTrue(all(tensor.equal(straight[name]) for name, tensor in stopped.items()))

    def train(self, name: str, stop_at: float = 1) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        model = torch.nn.Linear(4, 4)

        def loss_of(draw, done):
            if done >= stop_at:
                raise KeyboardInterrupt
            return {"loss": model(torch.randn(2, 4, generator=draw)).square().mean()}

        return train(model, loss_of, Recipe(steps=10), self.work / f"{name}.pt", lambda _: None).state_dict()

    def test_shares_that_one_worker_takes_one_after_another_give_the_same_gradients(self):
        model = torch.nn.Linear(4, 4)
        parameters, found = list(model.parameters()), []
        for workers in (1, 4):
            set_gradients(parameters, lambda draw: {"loss": model(torch.randn(2, 4, generator=draw)).square().mean()}, 3, workers, 4)
            found.append([parameter.grad for parameter in parameters])
        self.assertTrue(all(one.equal(four) for one, four in zip(*found)))


class Masks(unittest.TestCase):
    def test_masked_tokens_have_the_mean_of_a_truncated_normal(self):
        """Of 1 - d x sqrt(2 / pi) x (1 - exp(-t^2 / 2)) / erf(t / sqrt(2)), with t = (1 - least_masked) / d."""
        for objective, mean in ((Objective(), 0.867), (Objective(least_masked=0, masked_deviation=0.5), 0.639)):
            draw = torch.Generator().manual_seed(1)
            counts = torch.tensor([draw_masked_count(1000, objective, draw) for _ in range(4000)]) / 1000
            self.assertAlmostEqual(counts.mean().item(), mean, delta=0.01)
            self.assertGreaterEqual(counts.min().item(), objective.least_masked)
            self.assertGreater(counts.max().item(), 0.99)


class Patches(unittest.TestCase):
    def test_a_token_has_the_channels_of_its_patch_row_by_row(self):
        latents = torch.arange(2 * 4 * 4).reshape(1, 2, 4, 4)
        tokens = patchify(latents, 2)
        self.assertEqual(tokens[0, 1].tolist(), [2, 3, 6, 7, 18, 19, 22, 23])
        self.assertTrue(unpatchify(tokens, 2).equal(latents))


if __name__ == "__main__":
    unittest.main()
