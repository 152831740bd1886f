"""Networks for any sensor, and the trained ones that come with the package."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import csakd
from csakd.classical import hyper_edge
from csakd.classical.canonical import DIRECTIONS, GUIDES
from csakd.cubes import Cube, Pair
from csakd.data import sample_scene, synthetic_scene
from csakd.metrics import evaluate
from csakd.models import CANONICAL, UNIVERSAL, Universal, build, build_network
from csakd.models.weights import WEIGHTS, load_folder, shipped
from csakd.physics import Sensors, SpatialResponse, observe, psf


def images(pair):
    hsi, msi, _ = pair.filled()
    return torch.from_numpy(hsi)[None], torch.from_numpy(msi)[None]


def test_an_untrained_one_is_nearly_its_base_whatever_the_bands():
    torch.manual_seed(0)
    for name, options in (("csakd-student", {}), ("mini-student", {"base": CANONICAL})):
        network = build(name, 31, 7, 4, **options)
        assert isinstance(network, Universal)
        hsi, msi = images(observe(synthetic_scene((32, 40)), "tm6").pair)
        estimate, features = network(hsi, msi)
        base = hyper_edge(hsi, msi, Sensors(SpatialResponse(4)))
        assert features.shape == (1, network.config.width, 32, 40)
        assert not torch.equal(estimate, base)
        assert (estimate - base).square().mean() < 1e-3 * base.var()


def test_no_other_network_fits():
    with pytest.raises(ValueError, match=f"a universal network has {DIRECTIONS} HSI and {GUIDES} MSI bands"):
        Universal(build_network("mini-student", 172, 4, 4))


@pytest.mark.parametrize(("name", "most"), [("csakd-student", 40), ("csakd-teacher", 100)])
def test_what_it_costs(name, most):
    """Giga-MACs for 172 bands of 256×256 pixels, the network's; its base is a closed form."""
    with torch.device("meta"):
        network = build(name).network
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            low, high = torch.zeros(1, DIRECTIONS, 64, 64), torch.zeros(1, DIRECTIONS, 256, 256)
            network.fused(low, torch.zeros(1, GUIDES, 256, 256), high)
    assert 0 < counter.get_total_flops() / 2e9 < most


class TestShipped:
    def test_there_is_a_student_and_a_teacher_of_twenty_megabytes_in_all(self):
        assert shipped().keys() == set(UNIVERSAL)
        assert sum((folder / WEIGHTS).stat().st_size for folder in shipped().values()) < 20e6

    @pytest.mark.parametrize("name", UNIVERSAL)
    def test_each_says_where_it_comes_from(self, name):
        card = load_folder(shipped()[name]).card
        assert card.recipe["student"] == "csakd-student"
        assert card.scores["student/psnr"] > card.scores["base/psnr"]
        assert " @ " in card.version, "the commit that trained it"

    @pytest.mark.parametrize(
        ("bands", "msi", "ratio"), [("aviris-172", "tm4", 4), ("aviris-224", "sentinel2", 3), ("aviris-200", "pan", 2)]
    )
    def test_one_file_of_weights_takes_any_bands_ratio_and_units(self, bands, msi, ratio):
        pair = observe(synthetic_scene((48, 36), bands), msi, ratio).pair
        fused = csakd.fuse(pair)
        assert fused.values.shape == (pair.hsi.bands, 48, 36)
        weaker = Pair(
            replace(pair.hsi, values=pair.hsi.values * np.float32(1e-4)),
            replace(pair.msi, values=pair.msi.values * np.float32(0.02)),
            pair.psf,
        )
        np.testing.assert_allclose(1e4 * csakd.fuse(weaker).values, fused.values, rtol=1e-3, atol=2)

    def test_it_takes_the_pairs_own_psf(self):
        """A sharper sensor's pair is fused the better for knowing it, or for finding it out where nobody does."""
        sample = observe(synthetic_scene((96, 96)), psf="variance:1.5")
        known, found, mistaken = (
            evaluate(csakd.fuse(replace(sample.pair, psf=kernel)), sample.truth)["psnr"]
            for kernel in (sample.pair.psf, None, psf.gaussian(4))
        )
        assert found == pytest.approx(known, abs=0.3)
        assert known > mistaken + 0.5

    @pytest.mark.parametrize("msi", ["tm4", "tm6"])
    def test_the_student_beats_hyper_on_a_noisy_real_scene_it_has_not_seen(self, msi):
        sample = observe(sample_scene().crop(slice(0, 64), slice(0, 64)), msi, snr=(30.0, 30.0))
        student, hyper = (evaluate(csakd.fuse(sample.pair, name), sample.truth) for name in ("csakd-student", "hyper"))
        assert student["psnr"] > hyper["psnr"] + 1
        assert student["sam"] < hyper["sam"]

    def test_the_grain_of_an_old_sensor_is_left_as_it_is(self):
        """Where the truth itself is noisy, there is next to nothing to win, and nothing to lose."""
        sample = observe(sample_scene().crop(slice(0, 64), slice(0, 64)))
        student, hyper = (evaluate(csakd.fuse(sample.pair, name), sample.truth) for name in ("csakd-student", "hyper"))
        assert student["psnr"] > hyper["psnr"] - 0.1


class TestAveraging:
    def test_it_is_the_mean_over_eight_positions(self):
        """So it makes no difference how the pair lies on its grid."""
        sample = observe(synthetic_scene((24, 32), "aviris-172"), "tm4")
        averaged = csakd.fuse(sample.pair, averaged=True).values

        def turned(cube: Cube) -> Cube:
            return replace(cube, values=np.rot90(cube.values, 1, (1, 2)).copy(), valid=None)

        other = csakd.fuse(Pair(turned(sample.pair.hsi), turned(sample.pair.msi), sample.pair.psf), averaged=True)
        np.testing.assert_allclose(np.rot90(other.values, -1, (1, 2)), averaged, rtol=1e-3, atol=2)
        assert not np.allclose(csakd.fuse(sample.pair).values, averaged, rtol=1e-6)

    def test_a_lopsided_psf_turns_with_the_pair(self):
        lopsided = np.zeros((6, 6))
        lopsided[1:3, 1:5] = 1 / 8
        pair = observe(synthetic_scene((24, 32)), "tm4", psf=lopsided).pair
        plain, averaged = (csakd.fuse(pair, "hyper", averaged=choice).values for choice in (False, True))
        np.testing.assert_allclose(averaged, plain, rtol=1e-3, atol=1)  # hyper itself prefers no position
