"""The paper's variants: what each target of a causal generator sees, and that all of them learn and can be sampled."""

import itertools
import math
import unittest

import torch

from ..loop import Recipe
from ..networks.causal import Causal
from ..networks.mar import Mar
from ..networks.sample import Settings, sample_causal, sample_mar

LATENTS = {"img_size": 8, "vae_stride": 2, "patch_size": 1, "vae_embed_dim": 4, "class_num": 2}
DECODER = {"mlp_ratio": 2.0, "norm_eps": 1e-6, "decoder_embed_dim": 32, "decoder_depth": 2, "decoder_num_heads": 2}
MAR = LATENTS | DECODER | {"buffer_size": 2, "encoder_embed_dim": 32, "encoder_depth": 1, "encoder_num_heads": 2}
DIFFUSION, CODES = {"diffloss_d": 1, "diffloss_w": 32}, {"codes": 8}


def setUpModule():
    torch.set_num_threads(1)


def causal(order: str, head: dict) -> Causal:
    torch.manual_seed(0)
    return Causal(LATENTS | DECODER | head | {"order": order})


def mar(head: dict) -> Mar:
    torch.manual_seed(0)
    return Mar(MAR | head)


def tokens_for(model, rows: int, draw) -> torch.Tensor:
    unknown = model.unknown(rows)
    return torch.randn(unknown.shape, generator=draw) if unknown.is_floating_point() else torch.randint(8, unknown.shape, generator=draw)


class Targets(unittest.TestCase):
    def test_a_target_sees_the_tokens_before_it_and_its_own_position(self):
        for head in (DIFFUSION, CODES):
            model, draw = causal("random", head), torch.Generator().manual_seed(1)
            order, classes = model.draw_order(1, draw), model.class_emb(torch.tensor([1]))
            self.assertEqual(order.sort().values.tolist(), [list(range(16))])
            tokens = tokens_for(model, 1, draw)[:, :15]
            with torch.no_grad():
                z = model.condition(tokens, order, classes)
                for length in (1, 2, 9):  # as in sampling, where later tokens are unknown
                    short = model.condition(tokens[:, : length - 1], order[:, :length], classes)
                    torch.testing.assert_close(short, z[:, :length], rtol=0, atol=1e-5)
                changed = tokens.clone()
                changed[0, 7] = 1 - changed[0, 7]  # a code other than it, too
                if model.is_categorical:
                    changed[0, 7] %= 8
                differs = (model.condition(changed, order, classes) - z).abs().amax(2)[0] > 1e-6
                elsewhere = order.clone()
                elsewhere[0, -1] = order[0, 0]
                self.assertEqual(differs.tolist(), [False] * 8 + [True] * 8)
                self.assertFalse(model.condition(tokens, elsewhere, classes)[0, -1].allclose(z[0, -1]))

    def test_raster_order_is_that_of_reading(self):
        self.assertEqual(causal("raster", DIFFUSION).draw_order(2, torch.Generator()).tolist(), [list(range(16))] * 2)

    def test_another_order_is_refused(self):
        with self.assertRaisesRegex(ValueError, 'its order is "diagonal", not raster or random'):
            causal("diagonal", DIFFUSION)


class Losses(unittest.TestCase):
    def test_every_variant_of_the_paper_learns_two_images(self):
        for order, head in itertools.product(("raster", "random", "masked"), (DIFFUSION, CODES)):
            with self.subTest(order=order, head=head):
                before, after = self.losses(mar(head) if order == "masked" else causal(order, head))
                self.assertLess(after, 0.9 * before)

    def losses(self, model) -> tuple[float, float]:
        """The mean of the first and of the last five."""
        draw = torch.Generator().manual_seed(2)
        tokens, labels = tokens_for(model, 2, draw), torch.tensor([0, 1])
        optimizer, losses = torch.optim.AdamW(model.parameters(), lr=5e-3), []
        for _ in range(40):
            loss = model.loss(tokens.repeat_interleave(4, 0), labels.repeat_interleave(4), draw)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return sum(losses[:5]) / 5, sum(losses[-5:]) / 5

    def test_logits_begin_without_a_preference(self):
        model = mar(CODES)
        loss = model.loss(tokens_for(model, 2, torch.Generator()), torch.tensor([0, 1]), torch.Generator())
        self.assertAlmostEqual(loss.item(), math.log(8), places=5)


class Samples(unittest.TestCase):
    def test_what_a_network_has_learned_by_heart_is_sampled(self):
        """Each class has one image of codes; every token is then certain."""
        for model, sample in ((causal("random", CODES), sample_causal), (causal("raster", CODES), sample_causal), (mar(CODES), sample_mar)):
            draw = torch.Generator().manual_seed(2)
            tokens, labels = tokens_for(model, 2, draw), torch.tensor([0, 1])
            optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
            for _ in range(400):
                loss = model.loss(tokens.repeat(4, 1), labels.repeat(4), draw)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                if loss < 0.01:
                    break
            sampled = sample(model, labels, Settings(steps=4, guidance=1.0, temperature=0.1), draw)
            self.assertGreater((sampled == tokens).float().mean(), 0.95, type(model).__name__)

    def test_continuous_tokens_are_sampled_in_both_orders(self):
        for order in ("raster", "random"):
            tokens = sample_causal(causal(order, DIFFUSION), torch.tensor([0, 1]), Settings(diffusion_steps=3), torch.Generator())
            self.assertEqual(tokens.shape, (2, 16, 4))
            self.assertTrue(tokens.isfinite().all())


class Rates(unittest.TestCase):
    def test_cosine_decay_ends_at_nothing(self):
        recipe = Recipe(steps=1000, rate=1.0, warm_up=1, cosine=True)
        self.assertEqual([round(recipe.rate_at(step), 3) for step in (0, 250, 500, 1000)], [1.0, 0.854, 0.5, 0.0])

    def test_a_constant_rate_stays(self):
        recipe = Recipe(steps=1000, rate=1.0, warm_up=1, flat_until=1)
        self.assertEqual({recipe.rate_at(step) for step in range(1000)}, {1.0})


if __name__ == "__main__":
    unittest.main()
