"""Whole trainings: what they write, and that a run which was killed ends with the same bytes."""

import contextlib
import hashlib
import io
import json
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

import torch

from ..errors import TrainingError
from ..publish import ROOT, import_model
from ..run import run
from ..sheets import Settings
from .tiny import CONFIG, RECIPE, write_config, write_images

PUBLISHED = ["classes.json", "config.json", "defaults.json", "generator.pt", "tokenizer.ckpt"]
# a checkpoint after every step, and a pause in which the process can be killed
SLOW = """
import sys, time
from pathlib import Path
from training import images, loop, progress, run
import torch
torch.set_num_threads(1)
progress.SAVE_EVERY_SECONDS = -1
loop.SHEETS = 1
images.AT_ONCE = 4
def pausing(function):
    def paused(*args, **kwargs):
        time.sleep(0.1)
        return function(*args, **kwargs)
    return paused
loop.set_gradients = pausing(loop.set_gradients)
images.attempt = pausing(images.attempt)
run.encode_images = pausing(run.encode_images)
run.run(Path(sys.argv[1]), Path(sys.argv[2]))
"""


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        torch.set_num_threads(1)
        for short in (mock.patch("training.sheets.SETTINGS", Settings(steps=2, diffusion_steps=3)),
                      mock.patch("training.loop.SHEETS", 1)):
            short.start()
            self.addCleanup(short.stop)

    def run_quietly(self, *args, **kwargs) -> str:
        with contextlib.redirect_stdout(io.StringIO()) as output:
            run(*args, **kwargs)
        return output.getvalue()


class Results(Case):
    def test_a_folder_becomes_checkpoints_sheets_losses_and_a_recording(self):
        write_images(self.folder / "images")
        work = self.folder / "work"
        output = self.run_quietly(write_config(self.folder / "tiny.json"), work, record=True)
        self.assertEqual(sorted(file.name for file in (work / "out").iterdir()),
                         sorted([*PUBLISHED, "stages.safetensors", "encode.safetensors"]))
        self.assertEqual(json.loads((work / "out" / "classes.json").read_text()), ["heart", "star"])
        for phase in ("tokenizer", "generator"):
            self.assertTrue((work / f"{phase}.png").exists())
            self.assertTrue((work / "sheets" / f"{phase}-000006.png").exists())
            self.assertRegex((work / f"{phase}.csv").read_text(), r"^step,loss,.*\n6,\d")
            self.assertRegex(output, rf"{phase} step 6 of 6 .* left")

    def test_a_tokenizer_in_a_file_is_used_as_it_is(self):
        write_images(self.folder / "images")
        self.run_quietly(write_config(self.folder / "tiny.json"), self.folder / "first")
        tokenizer = {"checkpoint": "first/out/tokenizer.ckpt"}
        self.run_quietly(write_config(self.folder / "second.json", tokenizer=tokenizer), self.folder / "second")
        first, second = (torch.load(self.folder / name / "out" / "tokenizer.ckpt") for name in ("first", "second"))
        for name, tensor in first["state_dict"].items():
            self.assertTrue(tensor.equal(second["state_dict"][name]), name)

    def test_with_bfloat16_the_networks_have_only_numbers_that_bfloat16_holds(self):
        write_images(self.folder / "images")
        parts = {part: CONFIG[part] | {"bfloat16": True} for part in ("tokenizer", "generator")}
        self.run_quietly(write_config(self.folder / "tiny.json", **parts), self.folder / "work")
        for file, weights in (("tokenizer.ckpt", "state_dict"), ("generator.pt", "model_ema")):
            for name, tensor in torch.load(self.folder / "work" / "out" / file, weights_only=False)[weights].items():
                self.assertTrue(tensor.dtype == torch.float32 and tensor.equal(tensor.bfloat16().float()), name)

    def test_a_decoder_recipe_changes_the_decoder_alone(self):
        write_images(self.folder / "images")
        tokenizer = CONFIG["tokenizer"] | {"decoder_recipe": RECIPE}
        self.run_quietly(write_config(self.folder / "tiny.json"), self.folder / "work")
        out = self.folder / "work" / "out"
        before, generator = torch.load(out / "tokenizer.ckpt")["state_dict"], (out / "generator.pt").read_bytes()
        self.run_quietly(write_config(self.folder / "tiny.json", tokenizer=tokenizer), self.folder / "work")
        after = torch.load(out / "tokenizer.ckpt")["state_dict"]
        changed = {name.split(".")[0] for name in before if not before[name].equal(after[name])}
        self.assertEqual(changed, {"decoder", "post_quant_conv"})
        self.assertEqual((out / "generator.pt").read_bytes(), generator)
        self.assertTrue((self.folder / "work" / "sheets" / "decoder-000006.png").exists())

    def test_each_configuration_trains_and_writes_what_an_import_takes(self):
        configs = {path: json.loads(path.read_text()) for path in (ROOT / "training" / "configs").rglob("*.json")}
        # not a classifier's, nor one for the user's images; those that take another one's tokenizer come last
        drawn = [path for path, config in configs.items() if "generator" in config and "drawings" in config["data"]]
        for path in sorted(drawn, key=lambda path: ("checkpoint" in configs[path]["tokenizer"], path)):
            config = configs[path]
            config["data"]["count"] = 96
            for part in ("tokenizer", "generator"):
                for recipe in {"recipe", "decoder_recipe"} & config[part].keys():
                    config[part][recipe] |= RECIPE | {"steps": 2}
            with self.subTest(path.stem):
                copy, work = self.folder / path.relative_to(ROOT / "training"), self.folder / ".work" / path.stem
                copy.parent.mkdir(parents=True, exist_ok=True)
                work.parent.mkdir(exist_ok=True)
                self.run_quietly(write_config(copy, **config), work)
                self.assertEqual(sorted(file.name for file in (work / "out").iterdir()), PUBLISHED)
                averaged = torch.load(work / "generator.pt", weights_only=True)["average"]
                self.assertTrue(all(tensor.isfinite().all() for tensor in averaged.values()))


class Killed(Case):
    def test_a_run_that_is_killed_in_each_phase_ends_with_the_same_bytes(self):
        write_images(self.folder / "images")
        tokenizer = CONFIG["tokenizer"] | {"decoder_recipe": RECIPE}
        config = write_config(self.folder / "tiny.json", tokenizer=tokenizer)
        self.run_quietly(config, self.folder / "straight")
        killed = self.folder / "killed"
        phases = ["images.bin.part", "tokenizer.pt", "tokenizer.csv", "decoder.pt", "generator.pt", "out/generator.pt"]
        for file in phases:
            process = subprocess.Popen([sys.executable, "-c", SLOW, config, killed], cwd=ROOT, stdout=subprocess.DEVNULL)
            while not (killed / file).exists() and process.poll() is None:
                time.sleep(0.02)
            process.send_signal(signal.SIGKILL)
            process.wait()
            self.assertTrue((killed / file).exists(), file)
        self.run_quietly(config, killed)
        for name in ["images.bin", "latents.pt", *(f"out/{name}" for name in PUBLISHED)]:
            with self.subTest(name):
                self.assertEqual(*(hashlib.sha256((self.folder / work / name).read_bytes()).hexdigest()
                                   for work in ("straight", "killed")))


class Mistakes(Case):
    """One sentence for each."""

    def refused(self, message: str, images=(2, 8), **changes) -> None:
        if images:
            write_images(self.folder / "images", *images)
        config = write_config(self.folder / "tiny.json", **changes)
        with self.assertRaisesRegex(TrainingError, message):
            self.run_quietly(config, self.folder / "work")

    def test_no_folder(self):
        self.refused("images is not a folder", images=None)

    def test_no_subfolders(self):
        (self.folder / "images").mkdir()
        self.refused("has no subfolders: put the images of each class", images=None)

    def test_an_empty_class(self):
        (self.folder / "images" / "empty").mkdir(parents=True)
        self.refused('the class "empty" has no image that can be read; at least 8 are needed')

    def test_too_few_images(self):
        self.refused('the class "heart" has only 3 images that can be read; at least 8 are needed', images=(2, 3))

    def test_sizes_that_do_not_fit(self):
        generator = CONFIG["generator"] | {"sizes": CONFIG["generator"]["sizes"] | {"class_num": 5}}
        self.refused("it has class_num 5, not 2", generator=generator)

    def test_codes_that_the_tokenizer_does_not_have(self):
        generator = CONFIG["generator"] | {"sizes": CONFIG["generator"]["sizes"] | {"codes": 8}}
        self.refused("the generator learns 8 codes in patches of 2: it must learn the tokenizer's 0, in patches of 1", images=None,
                     generator=generator)

    def test_an_unknown_family(self):
        self.refused('there is no family "gan"; known are mar, dit, causal', generator=CONFIG["generator"] | {"family": "gan"})

    def test_a_field_that_does_not_exist_or_is_missing(self):
        generator = CONFIG["generator"] | {"recipe": RECIPE | {"stepz": 3}}
        self.refused("the generator cannot be made: Recipe got an unexpected keyword argument 'stepz'", images=None, generator=generator)
        sizes = {key: size for key, size in CONFIG["generator"]["sizes"].items() if key != "mlp_ratio"}
        self.refused("the generator lacks 'mlp_ratio'", images=None, generator=CONFIG["generator"] | {"sizes": sizes})
        self.refused('the tokenizer cannot be made: there is no kind "kk"', images=None, tokenizer={"kind": "kk"})
        self.refused("the data cannot be read: it got an unexpected keyword argument 'folders'", images=None, data={"folders": "images"})

    def test_other_images_in_the_same_folder(self):
        write_images(self.folder / "images")
        self.run_quietly(write_config(self.folder / "tiny.json"), self.folder / "work")
        self.refused("was begun with another data", images=None, data={"folder": "others", "size": 16})

    def test_a_batch_that_cannot_be_shared(self):
        tokenizer = CONFIG["tokenizer"] | {"recipe": RECIPE | {"batch": 3}}
        self.refused("a batch of 3 cannot be cut into 2 shares", tokenizer=tokenizer)

    def test_a_decoder_recipe_for_a_tokenizer_that_is_not_trained(self):
        message = 'only a tokenizer of the kind "kl" that is trained here takes a "decoder_recipe"'
        for tokenizer in ({"checkpoint": "kl16.ckpt"}, {"kind": "vq"}):
            self.refused(message, images=None, tokenizer=tokenizer | {"decoder_recipe": RECIPE})

    def test_a_decoder_recipe_that_states_no_steps(self):
        tokenizer = CONFIG["tokenizer"] | {"decoder_recipe": {}}
        self.refused("the tokenizer cannot be made: Recipe missing 1 required positional argument: 'steps'", images=None, tokenizer=tokenizer)

    def test_masks_without_a_deviation(self):
        generator = CONFIG["generator"] | {"loss": {"masked_deviation": 0}}
        self.refused("and masked_deviation above 0, not 0", images=None, generator=generator)

    def test_a_full_disk(self):
        write_images(self.folder / "images")
        config = write_config(self.folder / "tiny.json")
        limited = ["bash", "-c", 'ulimit -f 200 && exec "$@"', "-", sys.executable, "-m", "training", "run"]
        result = subprocess.run([*limited, config, "--work", self.folder / "work"], cwd=ROOT, capture_output=True, text=True)
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"^training: \S+tokenizer\.pt: File too large\n$")
        self.assertEqual(list((self.folder / "work").glob("*.part")), [])

    def test_an_import_that_fails(self):
        with mock.patch.dict("os.environ", PATH="/nowhere"), self.assertRaisesRegex(
                TrainingError, "the checkpoints are in out, but npm could not import them: No such file or directory"):
            import_model(Path("out"), "name")

    def test_bad_images_are_named_and_skipped(self):
        write_images(self.folder / "images")
        (self.folder / "images" / "star" / "notes.txt").write_text("text")
        cut = self.folder / "images" / "star" / "cut.png"
        cut.write_bytes((self.folder / "images" / "star" / "00.png").read_bytes()[:400])
        output = self.run_quietly(write_config(self.folder / "tiny.json"), self.folder / "work")
        self.assertRegex(output, r"skipped \S+/star/notes.txt: not an image\n")
        self.assertRegex(output, r"skipped \S+/star/cut.png: image file is truncated")


if __name__ == "__main__":
    unittest.main()
