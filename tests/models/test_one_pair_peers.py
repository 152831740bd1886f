"""The competitors that learn from one pair: published sizes, and the laws all of them keep."""

import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from csakd import fuse
from csakd.budget import Budget
from csakd.cubes import Pair
from csakd.data import synthetic_scene
from csakd.metrics import psnr, sam
from csakd.models import one_pair
from csakd.models.one_pair import LOOKS, ONE_PAIR, OnePair
from csakd.models.peers import cucanet, u2mdn, usdn
from csakd.physics import Sensors, SpatialResponse, SpectralResponse, observe

BANDS = 8
RESPONSE = np.array([[1, 2, 1, 0, 0, 0, 0, 0], [0, 0, 1, 0, 1, 0, 0, 0], [0, 0, 0, 0, 0, 1, 1, 1.0]])

NARROW = {"cucanet": {"endmembers": 12}}
DEFECTS = {
    "dead band": lambda hsi, msi: (hsi * (torch.arange(BANDS) != 3)[:, None, None], msi),
    "below zero": lambda hsi, msi: (hsi - 3000, msi - 3000),
    "all zero": lambda hsi, msi: (0 * hsi, 0 * msi),
    "bright column": lambda hsi, msi: (hsi, msi.index_fill(-1, torch.tensor([7]), 1e7)),
}

every_method = pytest.mark.parametrize("name", ONE_PAIR)


def sample(seed=0):
    """A synthetic scene with eight bands and the pair that three made-up MSI bands make of it."""
    scene = synthetic_scene((16, 20), seed=seed)
    scene = replace(scene, values=scene.values[:: scene.bands // BANDS][:BANDS], wavelengths=None, fwhm=None)
    return observe(scene, RESPONSE, 4)


def images(seed=0):
    """LR-HSI, HR-MSI and truth, batches of one."""
    made = sample(seed)
    return tuple(torch.from_numpy(cube.values)[None] for cube in (made.pair.hsi, made.pair.msi, made.truth))


def learner(name, steps=2, ratio=4, response=RESPONSE, **options):
    return OnePair(name, ratio, None, response, budget=Budget(steps=steps), **{**NARROW.get(name, {}), **options})


def begun(name, hsi, msi, **options):
    """A fit to a pair in [0, 1], no step taken."""
    torch.manual_seed(0)
    sensors, method = Sensors(SpatialResponse(4), SpectralResponse(RESPONSE)), ONE_PAIR[name]
    return method.fit(method.config(**{**NARROW.get(name, {}), **options}), hsi / 1e4, msi / 1e4, sensors)


class TestAgainstThePublishedSizes:
    """Parameters to the unit as the authors' programs have them; MACs as counted on those."""

    @every_method
    def test_at_172_and_4_bands(self, name):
        expected = {"cucanet": (3_013_749, 40.53), "usdn": (6_472, 0.24), "u2mdn": (12_629, 1.03)}[name]
        size = ONE_PAIR[name].size_of(172, 4, 4, 256)
        assert (size["parameters"], size["gmacs"]) == (expected[0], pytest.approx(expected[1], rel=0.01))

    def test_at_other_bands(self):
        """CUCaNet as its authors ran it, at ratio 32 on 512 × 512 pixels: the count leaves 53 for its supports."""
        usdn_sizes = {(172, 6): 6_554, (31, 3): 1_778}
        u2mdn_sizes = {(172, 6): 13_007, (103, 4): 10_214, (31, 3): 7_508}
        for name, sizes in (("usdn", usdn_sizes), ("u2mdn", u2mdn_sizes)):
            for bands, parameters in sizes.items():
                assert ONE_PAIR[name].size_of(*bands, 4, 32)["parameters"] == parameters
        with torch.device("meta"):
            network = cucanet.CUCaNet([(0, 18), (10, 27), (15, 30)], 31, 32, (16, 16))
        assert sum(weights.numel() for weights in network.parameters()) == 1_010_230

    def test_steps_without_a_budget(self):
        """10 000 and 5000 are published; of uSDN's, 15 000 are, for its second phase."""
        steps = {name: OnePair(name, 4).config.steps for name in ONE_PAIR}
        assert steps == {"cucanet": 10_000, "usdn": 30_000, "u2mdn": 5000}
        assert usdn.USDNConfig().warming * 30_000 == 15_000
        brief = OnePair("u2mdn", 4, None, RESPONSE, steps=3)
        brief(*images()[:2])
        assert brief.steps == 3


class TestLaws:
    @every_method
    @pytest.mark.parametrize("ratio", [2, 3, 4, 8])
    def test_shapes_at_odd_sizes(self, name, ratio):
        """On a budget too small for anything, which is one step."""
        method = OnePair(name, ratio, None, RESPONSE, budget=Budget(seconds=1e-6), **NARROW.get(name, {}))
        estimate, features = method(torch.rand(1, BANDS, 3, 5), torch.rand(1, 3, 3 * ratio, 5 * ratio))
        assert estimate.shape == (1, BANDS, 3 * ratio, 5 * ratio)
        assert estimate.isfinite().all()
        assert not estimate.requires_grad
        assert features is None
        assert method.steps == 1

    @every_method
    def test_a_batch_is_its_scenes_one_by_one(self, name):
        (hsi, msi, _), (other_hsi, other_msi, _) = images(), images(seed=1)
        method = learner(name)
        together, _ = method(torch.cat([hsi, other_hsi]), torch.cat([msi, other_msi]))
        assert torch.equal(together, torch.cat([method(hsi, msi)[0], method(other_hsi, other_msi)[0]]))

    @every_method
    def test_the_seed_decides_and_nothing_else_does(self, name):
        hsi, msi, _ = images()
        first, _ = learner(name, steps=4)(hsi, msi)
        torch.manual_seed(7)
        before = torch.get_rng_state()
        assert torch.equal(learner(name, steps=4)(hsi, msi)[0], first)
        assert torch.equal(torch.get_rng_state(), before), "the caller's random numbers are left alone"
        watched = learner(name, steps=4, watch=lambda step, seconds, estimate: torch.rand(3))
        assert torch.equal(watched(hsi, msi)[0], first)
        assert not torch.allclose(learner(name, steps=4, seed=1)(hsi, msi)[0], first)

    @every_method
    def test_units_and_number_types(self, name):
        """Data eight times as large, or all below zero, give such an estimate; double precision comes back as such."""
        hsi, msi, _ = images()
        single, _ = learner(name)(hsi, msi)
        assert torch.equal(learner(name)(8 * hsi, 8 * msi)[0], 8 * single)
        double, _ = learner(name)(hsi.double(), msi.double())
        assert (single.dtype, double.dtype) == (torch.float32, torch.float64)
        torch.testing.assert_close(double.float(), single)
        low, lower = (learner(name)(hsi - offset, msi - offset)[0] for offset in (20_000, 30_000))
        torch.testing.assert_close(lower + 10_000, low, rtol=0, atol=10.0)

    @every_method
    def test_every_parameter_receives_a_gradient(self, name):
        """But one: the bias of CUCaNet's spatial attention shifts all pixels alike, which its softmax does not see."""
        hsi, msi, _ = images()
        fit, reached = begun(name, hsi, msi), set()
        for place, weights in fit.network.named_parameters():
            weights.register_hook(lambda slope, place=place: reached.add(place) if slope.abs().max() > 1e-5 else None)
        for number in range(0, 100, 20):  # through all phases
            fit.step(number, 100)
        unseen = {place for place, _ in fit.network.named_parameters()} - reached
        assert unseen == ({"spatial_attention.bias"} if name == "cucanet" else set())

    @every_method
    def test_the_objective_falls(self, name):
        """By a third at least, in each phase. CUCaNet's jumps about: the mean of a few steps counts."""
        hsi, msi, _ = images()
        slow = {"unmixed": 0.0, "warmed": 0.0, "learning_rate": 0.01}  # no phase of uSDN's ends early
        fit, steps = begun(name, hsi, msi, **(slow if name == "usdn" else {})), 200 if name == "usdn" else 60
        objective = torch.stack([fit.step(number, steps) for number in range(steps)])
        for first, end in [(0, 60), (60, 160), (160, 200)] if name == "usdn" else [(0, steps)]:
            assert objective[end - 5 : end].mean() < 0.67 * objective[first]

    @every_method
    @pytest.mark.parametrize("defect", DEFECTS)
    def test_damaged_images(self, name, defect):
        estimate, _ = learner(name, steps=20)(*DEFECTS[defect](*images()[:2]))
        assert estimate.isfinite().all()

    @every_method
    def test_a_constant_scene(self, name):
        """After 100 steps; uSDN and u2-MDN start at the mean spectrum, CUCaNet at nothing (measured: 24 % off)."""
        spectrum = torch.tensor([0.0, 0.1, 0.5, 1.0, 0.3, 0.2, 0.7, 0.9]).view(1, -1, 1, 1)
        truth = 1e4 * spectrum.expand(1, BANDS, 12, 20)
        estimate, _ = learner(name, steps=100)(truth[..., ::4, ::4], SpectralResponse(RESPONSE)(truth))
        assert (estimate - truth).norm() < (0.35 if name == "cucanet" else 0.03) * truth.norm()

    @every_method
    def test_it_learns_the_scene(self, name):
        """Second source: the truth, which no method is shown. The mean spectrum everywhere has 14.6 dB, 10.4°."""
        hsi, msi, truth = images()
        changed = {"cucanet": {"steps": 80, "endmembers": 32}, "usdn": {"steps": 300, "learning_rate": 0.01}}
        estimate, _ = learner(name, **changed.get(name, {"steps": 200}))(hsi, msi)
        mean = hsi.mean((-2, -1), keepdim=True).expand_as(truth)
        assert psnr(estimate[0], truth[0]) > psnr(mean[0], truth[0]) + 8
        assert sam(estimate[0], truth[0]) < 0.7 * sam(mean[0], truth[0])


class TestCalling:
    def test_seconds_buy_steps(self, monkeypatch):
        """On a clock of our own: steps take 1 s in the first three tenths of a run, 3 s after, 2.4 in the mean.

        Ten times three steps to time them take 72 s; the rest of 792 s buys 300. Watching takes 100 s, not counted.
        """
        now, looks = [0.0], []
        monkeypatch.setattr(one_pair, "time", SimpleNamespace(perf_counter=lambda: now[0]))
        step = u2mdn.U2MDNFit.step

        def slow(fit, number, steps):
            now[0] += 1.0 if number < 0.3 * steps else 3.0
            return step(fit, number, steps)

        def watch(step, seconds, estimate):
            now[0] += 100.0
            looks.append(seconds)

        monkeypatch.setattr(u2mdn.U2MDNFit, "step", slow)
        method = OnePair("u2mdn", 4, None, RESPONSE, budget=Budget(seconds=792), watch=watch, shares=3)
        method(*images()[:2])
        assert method.steps == 300
        assert looks[-1] == 720
        method.budget = Budget(seconds=25)  # a tenth of it is over after the first three of 1 s each
        method(*images()[:2])
        assert method.steps == 22

    def test_seconds_on_the_wall(self):
        method = OnePair("usdn", 4, None, RESPONSE, budget=Budget(seconds=0.5))
        begin = time.perf_counter()
        method(*images()[:2])
        assert time.perf_counter() - begin < 2.5, "a busy machine has its say"
        assert method.steps > 10

    @every_method
    def test_a_watcher_sees_it_learn(self, name):
        seen = []
        hsi, msi, truth = images()
        method = learner(name, steps=50, watch=lambda *look: seen.append(look))
        estimate, _ = method(hsi, msi)
        steps, seconds, estimates = zip(*seen, strict=True)
        assert len(seen) <= LOOKS
        assert (steps[0], steps[-1]) == (1, 50)
        assert list(seconds) == sorted(seconds)
        assert torch.equal(estimates[-1], estimate[0])
        assert (estimates[-1] - truth[0]).norm() < (estimates[0] - truth[0]).norm()

    @every_method
    def test_from_a_pair_to_a_cube(self, name):
        """`fuse` works in inference mode, in which nothing can learn."""
        made = sample()
        fused = fuse(made.pair, learner(name, steps=3))
        direct, _ = learner(name, steps=3)(*images()[:2])
        np.testing.assert_array_equal(fused.values, direct[0].numpy())

    @every_method
    def test_without_a_response_it_is_estimated(self, name):
        made = sample()
        fused = fuse(Pair(made.pair.hsi, made.pair.msi, made.pair.psf), learner(name, response=None))
        assert np.isfinite(fused.values).all()

    def test_progress_goes_to_stderr(self, capfd):
        learner("usdn", steps=5, progress=True)(*images()[:2])
        out, err = capfd.readouterr()
        assert out == ""
        assert "usdn" in err
        assert "100%" in err
        learner("usdn", steps=5)(*images()[:2])
        assert capfd.readouterr().err == ""

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (lambda: OnePair("nssr", 4), "no method 'nssr' that learns from one pair: choose one of cucanet, usdn"),
            (lambda: OnePair("usdn", 4, abundances=3), "no option 'abundances': choose among shares, growth"),
            (lambda: OnePair("usdn", 1), "from 2 to 16"),
            (lambda: OnePair("usdn", 4, shares=0), "at least 1"),
            (lambda: OnePair("usdn", 4, steps=0), "steps = 0: a fit takes at least 1"),
            (lambda: OnePair("usdn", 4, unmixing=0.7, warming=0.7), "unmixing \\+ warming = 1.4: .* at most 1"),
            (lambda: OnePair("cucanet", 4, endmembers=1), "endmembers = 1: unmixing needs at least 2"),
            (lambda: OnePair("cucanet", 4, constant=1.5), "constant = 1.5: .* between 0 and 1"),
            (lambda: learner("usdn", ratio=2)(*images()[:2]), "at ratio 2 an HSI of 4x5 pixels goes with"),
            (lambda: learner("usdn", response=RESPONSE[:2])(*images()[:2]), "shape \\(2, 8\\) for 3 MSI and 8 HSI"),
        ],
    )
    def test_bad_requests_say_what_would_do(self, call, message):
        with pytest.raises(ValueError, match=message) as error:
            call()
        assert "\n" not in str(error.value)
