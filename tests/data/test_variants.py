"""The data engine: pairs that obey the physics they claim, and crops that are what a network has to learn."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from csakd.classical.canonical import DIRECTIONS, GUIDES, along, canonical
from csakd.data import Lessons, collate, synthetic_scene
from csakd.data.forms import lesson
from csakd.data.variants import RATIOS, Chances, variant
from csakd.models import build_network
from csakd.physics import SpatialResponse, observe

SCENE = synthetic_scene((48, 56))
NEVER = Chances(**dict.fromkeys(Chances.__dataclass_fields__, 0.0))


def drawn(seed=0, ratio=4, **chances):
    return variant(SCENE, ratio, np.random.default_rng(seed), replace(NEVER, **chances))


def ratio_of(signal, noise):
    return 10 * float(torch.log10(signal.square().mean() / noise.square().mean()))


@pytest.mark.parametrize("ratio", sorted(set(RATIOS)))
def test_a_plain_variant_is_what_its_sensors_see(ratio):
    seen = drawn(ratio=ratio)
    side = 48 // ratio * ratio
    assert seen.truth.shape == (1, 172, side, side)
    assert seen.hsi.shape == (1, 172, side // ratio, side // ratio)
    torch.testing.assert_close(seen.hsi, seen.blur(seen.truth))
    low, high = seen.truth.amin(1, keepdim=True), seen.truth.amax(1, keepdim=True)
    assert ((seen.msi >= low) & (seen.msi <= high)).all()


def test_the_same_generator_the_same_variant():
    first, second = (variant(SCENE, 4, np.random.default_rng(7)) for _ in range(2))
    other = variant(SCENE, 4, np.random.default_rng(8))
    assert all(torch.equal(a, b) for a, b in zip(first[:3], second[:3], strict=True))
    assert first.truth.shape != other.truth.shape or not torch.equal(first.truth, other.truth)


def test_noise_has_the_strength_it_should():
    for seed in range(8):
        noisy = drawn(seed, noise=1.0)
        left = noisy.hsi - noisy.blur(noisy.truth)
        assert not left.any() or 19 < ratio_of(noisy.blur(noisy.truth), left) < 43


def test_grain_is_part_of_the_truth():
    plain, grained = drawn(seed=3), drawn(seed=3, grain=1.0)
    torch.testing.assert_close(grained.hsi, grained.blur(grained.truth))
    assert 20 < ratio_of(plain.truth, grained.truth - plain.truth) < 50


def test_departures_change_what_they_say():
    assert any(drawn(seed, bands=1.0).truth.shape[1] < 172 for seed in range(3))
    assert drawn(part=1.0, seed=3).truth.shape[-1] <= 48
    assert {drawn(seed, free=1.0).msi.shape[1] for seed in range(12)} - {1, 3, 4, 6, 9, 10}
    box = drawn(box=1.0)
    torch.testing.assert_close(box.hsi, torch.nn.functional.avg_pool2d(box.truth[0], 4)[None])
    for wrong in ({}, {"shifted": 1.0}, {"mistaken": 1.0}):
        seen = [drawn(seed, **wrong) for seed in range(3)]
        agreement = [ratio_of(one.hsi, one.hsi - one.blur(one.truth) + 1e-9) for one in seen]
        assert max(agreement) < 80 if wrong else min(agreement) > 100


def test_a_remixed_scene_keeps_its_places_and_changes_its_spectra():
    """Every band of it is a combination of the scene's own bands."""
    plain, mixed = drawn(seed=5), drawn(seed=5, remixed=1.0)
    assert mixed.truth.shape[1] == 32
    assert (mixed.truth >= 0).all()
    values = torch.from_numpy(SCENE.filled()).double().flatten(1)
    ones = torch.ones(1, values.shape[1], dtype=torch.float64)
    found = False
    for quarters in range(4):  # in whichever position it lies
        for flipped in (False, True):
            part = mixed.truth[0].double()
            part = (part.flip(-1) if flipped else part).rot90(-quarters, (-2, -1))
            for column in range(9):
                here = torch.cat([values, ones]).view(173, 48, 56)[:, :, column : column + 48].flatten(1)
                target = part.flatten(1)
                fit = torch.linalg.lstsq(here.T, target.T, driver="gelsd").solution.T @ here
                found = found or bool(((fit - target).square().mean() < 1e-6 * target.var()).item())
    assert found
    assert plain.truth.shape[1] == 172


class TestLessons:
    def lessons(self, **changes):
        settings = {
            "scenes": [SCENE, synthetic_scene((40, 40), seed=1)],
            "size": 24,
            "per_epoch": 32,
            "group": 4,
            "seed": 0,
        }
        return Lessons(**{**settings, **changes})

    def test_crops_are_functions_of_seed_and_number_and_make_batches(self):
        lessons, again = self.lessons(), self.lessons()
        batch = collate([lessons[number] for number in range(4)])
        assert batch.base.guides.shape[:2] == (4, GUIDES)
        assert batch.truth.shape[:2] == (4, DIRECTIONS)
        assert torch.equal(batch.truth[2:3], again[2].truth)  # in any order
        assert not torch.equal(batch.truth, collate([self.lessons(seed=1)[n] for n in range(4)]).truth)

    def test_a_perfect_answer_leaves_nothing(self):
        """The correction that the loss asks for is the one that takes the estimate to the truth."""
        sample = observe(SCENE)
        hsi, msi, _ = (torch.from_numpy(image)[None] for image in sample.pair.filled())
        truth, blur = torch.from_numpy(sample.truth.filled())[None], SpatialResponse(4)
        form = canonical(hsi, msi, blur)
        learnt = lesson(form, truth)
        there = learnt.scale > 0
        answer = torch.where(there, learnt.error.float() / learnt.scale.where(there, 1), 0)
        corrected = form.estimate + torch.einsum("blk,bkhw->blhw", form.axes, form.unit * answer)
        left, before = (along(form.axes, truth - image) for image in (corrected, form.estimate))
        assert left.square().mean() < 0.01 * before.square().mean()
        assert learnt.error.float().square().mean() == pytest.approx(1, rel=1e-2)

    def test_networks_start_from_no_correction_and_every_weight_learns(self):
        torch.manual_seed(0)
        network = build_network("csakd-student", 0, 0, 4, width=8, growth=4)
        batch = collate([self.lessons()[number] for number in range(4)])
        estimate, _ = network(batch.hsi, batch.msi, batch.base)
        assert estimate.square().mean() < 0.01 * batch.truth.square().mean()
        (estimate - batch.truth).square().mean().backward()
        assert all(weight.grad is not None and weight.grad.any() for weight in network.parameters())

    @pytest.mark.parametrize(
        ("scene", "message"),
        [
            (replace(SCENE, wavelengths=None, fwhm=None), "has no wavelengths"),
            (synthetic_scene((16, 40)), "is 16x40 pixels, crops are 24x24: leave it out or make crops smaller"),
        ],
    )
    def test_scenes_that_will_not_do(self, scene, message):
        with pytest.raises(ValueError, match=message):
            self.lessons(scenes=[scene])

    def test_no_scene(self):
        with pytest.raises(ValueError, match="no training scene"):
            self.lessons(scenes=[])
