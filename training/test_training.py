"""python -m unittest discover training: needs requirements.txt, so `npm test` does not run it."""

import contextlib
import io
import json
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import torch

import train
from dit import Dit
from latents import patchify
from loop import Recipe
from loop import train as train_model
from pictures import draw_many
from progress import Log

CONFIGS = sorted((Path(__file__).parent / "configs").glob("*.json"))
SHORT = {"steps": 2, "batch": 4}


def shortened(config: dict) -> dict:
    for part in ("tokenizer", "generator"):
        if "recipe" in config[part]:
            config[part]["recipe"] |= SHORT
    return config


class Configurations(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.work = Path(folder.name)
        torch.set_num_threads(1)

    def test_each_trains_and_writes_what_an_import_takes(self):
        pictures, labels = draw_many(24, 0)
        for path in CONFIGS:
            with self.subTest(path.stem), contextlib.redirect_stdout(io.StringIO()):
                work = self.work / path.stem
                train.run(shortened(json.loads(path.read_text())), pictures, labels, work, Log(self.work / "training.log"))
                written = sorted(file.name for file in (work / "out").iterdir())
                self.assertEqual(written, ["classes.json", "config.json", "defaults.json", "generator.pt", "tokenizer.ckpt"])
                averaged = torch.load(work / "generator.pt", weights_only=True)["average"]
                self.assertTrue(all(tensor.isfinite().all() for tensor in averaged.values()))


class Loop(unittest.TestCase):
    def test_a_run_that_was_stopped_ends_with_the_same_weights(self):
        straight = self.train("straight")
        with mock.patch("progress.SAVE_EVERY_SECONDS", -1), self.assertRaises(KeyboardInterrupt):
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

        return train_model(model, loss_of, Recipe(steps=10), self.work / f"{name}.pt", print).state_dict()

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.work = Path(folder.name)


def read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header, start = json.loads(data[8:8 + size]), 8 + size
    header.pop("__metadata__", None)
    types = {"F32": torch.float32, "I32": torch.int32}
    return {name: torch.frombuffer(bytearray(data[start + at["data_offsets"][0]:start + at["data_offsets"][1]]),
                                   dtype=types[at["dtype"]]).reshape(at["shape"]) for name, at in header.items()}


class Recording(unittest.TestCase):
    def test_the_dit_computes_what_the_official_code_does(self):
        folder = train.ROOT / "test" / "reference" / "systems" / "dit"
        weights, stages = read_safetensors(folder / "model.safetensors"), read_safetensors(folder / "stages.safetensors")
        sizes = json.loads((folder / "config.json").read_text())["model"]
        model = Dit(sizes)
        torch.testing.assert_close(model.pos_embed, weights["pos_embed"], rtol=0, atol=1e-6)
        model.load_state_dict(weights)
        patch = sizes["patch_size"]
        with torch.inference_mode():
            output = model(patchify(stages["forward.x"], patch), stages["forward.t"].long(), stages["forward.y"].long())
        torch.testing.assert_close(output, patchify(stages["forward.out"], patch), rtol=0, atol=1e-5)


class Patches(unittest.TestCase):
    def test_a_token_has_the_channels_of_its_patch_row_by_row(self):
        latents = torch.arange(2 * 4 * 4).reshape(1, 2, 4, 4)
        self.assertEqual(patchify(latents, 2)[0, 1].tolist(), [2, 3, 6, 7, 18, 19, 22, 23])


if __name__ == "__main__":
    unittest.main()
