"""The competitors that learn from scenes: the published numbers, and the laws they all keep."""

import dataclasses
import json

import pytest
import torch
from small_peers import PEERS, pair, small, upsampled
from torch.utils.flop_counter import FlopCounterMode

from csakd.classical import Classical
from csakd.models.guided import Guided
from csakd.models.peers.dhif_net import DHIFNet
from csakd.models.peers.dual_unet import DualUNet
from csakd.models.peers.mssjfl import MSSJFL
from csakd.models.peers.pzresnet import PZResNet
from csakd.models.peers.ssrnet import SSRNet
from csakd.models.weights import parameter_count
from fingerprint import weights_digest

every_peer = pytest.mark.parametrize("name", PEERS)


def full(kind, *sizes, **options):
    with torch.device("meta"):
        return kind(kind.Config(*sizes, **options))


class TestAgainstThePapers:
    @pytest.mark.parametrize(
        ("kind", "sizes", "options", "parameters"),
        [
            (MSSJFL, (172, 4, 4), {}, 16_335_277),
            (MSSJFL, (172, 6, 4), {}, 16_336_735),
            (MSSJFL, (172, 4, 4), {"fm": 32}, 15_718_723),
            (MSSJFL, (31, 3, 4), {"fm": 32}, 14_317_646),
            (PZResNet, (172, 4, 4), {}, 15_593_101),
            (PZResNet, (172, 4, 4), {"widths": (172, 172, 172)}, 35_393_655),
            (PZResNet, (31, 3, 8), {}, 517_852),
            (DualUNet, (172, 4, 4), {}, 7_327_650),
            (DualUNet, (172, 6, 4), {}, 7_329_378),
            (DualUNet, (31, 3, 8), {}, 7_227_240),
            (DHIFNet, (172, 4, 4), {}, 70_111_460),
            (DHIFNet, (172, 6, 4), {}, 70_118_806),
            (DHIFNet, (31, 3, 8), {}, 22_669_489),
            (DHIFNet, (31, 3, 4), {}, 22_461_913),
            (SSRNet, (31, 3, 4), {}, 3 * (9 * 31**2 + 31)),  # three 3×3 convolutions of all bands
        ],
    )
    def test_parameters(self, kind, sizes, options, parameters):
        assert parameter_count(full(kind, *sizes, **options)) == parameters

    @pytest.mark.parametrize(
        ("kind", "giga_macs"),
        # The last is three times 9·172² for each of 256² pixels.
        [(MSSJFL, 146.45), (PZResNet, 1022), (DualUNet, 101.735), (DHIFNet, 12_850), (SSRNet, 52.348)],
    )
    def test_macs(self, kind, giga_macs):
        network = full(kind, 172, 4, 4)
        with torch.device("meta"), FlopCounterMode(display=False) as counter, torch.no_grad():
            estimate, _ = network(torch.zeros(1, 172, 64, 64), torch.zeros(1, 4, 256, 256))
        assert estimate.shape == (1, 172, 256, 256)
        assert counter.get_total_flops() / 2e9 == pytest.approx(giga_macs, rel=0.005)


@every_peer
class TestLaws:
    @pytest.mark.parametrize(("ratio", "low"), [*((ratio, (3, 5)) for ratio in (2, 3, 4, 8, 16)), (2, (1, 1))])
    def test_shapes_at_odd_sizes(self, name, ratio, low):
        network = small(name, ratio=ratio)
        with torch.no_grad():
            estimate, second = network(*pair(low=low, ratio=ratio))
        assert estimate.shape == (1, 5, low[0] * ratio, low[1] * ratio)
        assert estimate.isfinite().all()
        assert (second is not None) == network.early
        assert second is None or second.shape == estimate.shape

    def test_a_batch_is_its_scenes_one_by_one(self, name):
        network, (hsi, msi) = small(name), pair(scenes=2)
        together, _ = network(hsi, msi)
        singles = torch.cat([network(hsi[i : i + 1], msi[i : i + 1])[0] for i in range(2)])
        torch.testing.assert_close(together, singles, rtol=0, atol=1e-4 * together.abs().max().item())

    def test_the_same_seed_gives_the_same_network_and_answer(self, name):
        first, again, other = small(name, seed=3), small(name, seed=3), small(name, seed=4)
        assert weights_digest(first) == weights_digest(again) != weights_digest(other)
        assert torch.equal(first(*pair())[0], again(*pair())[0])

    @pytest.mark.parametrize("ratio", [2, 4])
    def test_every_parameter_receives_a_gradient(self, name, ratio):
        network = small(name, ratio=ratio)
        estimate, _ = network(*pair(ratio=ratio, low=(8, 8)))
        (estimate - torch.rand_like(estimate)).square().mean().backward()
        for place, parameter in network.named_parameters():
            if place == "head.unused_scale":  # the one the published Dual-UNet has and never reads
                assert not parameter.requires_grad
                continue
            assert parameter.grad.isfinite().all(), place
            assert parameter.grad.any(), place
            # λ and η of every step, the scales of every depth and attention.
            assert parameter.ndim > 1 or place.endswith("bias") or parameter.grad.all(), place

    def test_a_dead_band_does_no_harm(self, name):
        hsi, msi = pair()
        hsi[:, 2], msi[:, 1] = 0, 0
        network = small(name)
        network(hsi, msi)[0].square().mean().backward()
        assert network(hsi, msi)[0].isfinite().all()
        assert all(parameter.grad.isfinite().all() for parameter in network.parameters() if parameter.requires_grad)

    def test_damping_shrinks_what_is_learnt(self, name):
        network, scene = small(name), pair(low=(6, 7))
        given = upsampled(name, *scene) if network.adds_upsampled else 0
        norms = [(network(*scene)[0] - given).norm()]
        for factor in (0.05, 0):
            network.damp(factor)
            norms.append((network(*scene)[0] - given).norm())
        assert 0.01 * norms[0] < norms[1] < 0.15 * norms[0]
        assert norms[2] < 1e-5

    def test_something_better_than_interpolation_may_stand_in(self, name):
        network, (hsi, msi) = small(name), pair()
        better = upsampled(name, hsi, msi)
        torch.testing.assert_close(network(hsi, msi, better)[0], network(hsi, msi)[0])
        assert not torch.allclose(network(hsi, msi, better + better.square())[0], network(hsi, msi)[0])
        assert torch.equal(better, upsampled(name, hsi, msi))  # what is given is not written into

    def test_a_configuration_survives_json(self, name):
        config = small(name).config
        assert type(config)(**json.loads(json.dumps(dataclasses.asdict(config)))) == config

    def test_wrong_images_are_refused(self, name):
        for bands, ratio, message in [
            ((6, 4), 4, "built for 6 HSI bands, the image has 5"),
            ((5, 3), 4, "built for 3 MSI bands, the image has 4"),
            ((5, 4), 2, "at ratio 2 an HSI of 4x5 pixels goes with an MSI of 8x10, not 16x20"),
        ]:
            options = {"widths": ()} if name == "pzresnet" else {}
            with pytest.raises(ValueError, match=message):
                small(name, bands, ratio, **options)(*pair())


@every_peer
class TestOnABase:
    def test_untrained_it_is_nearly_its_base(self, name):
        hsi, msi = pair()
        sharp, _ = Classical("hyper", 4)(hsi, msi)
        for estimate in Guided(small(name), "hyper")(hsi, msi):
            assert estimate is None or 0 < (estimate - sharp).norm() < 0.015 * sharp.norm()

    def test_it_learns(self, name):
        network = Guided(small(name), "hyper")
        network(*pair())[0].square().mean().backward()
        gradients = [parameter.grad for parameter in network.parameters() if parameter.requires_grad]
        assert all(gradient.isfinite().all() and gradient.any() for gradient in gradients)

    def test_a_constant_scene_stays_constant(self, name):
        estimate, _ = Guided(small(name), "hyper")(torch.full((1, 5, 4, 5), 0.3), torch.full((1, 4, 16, 20), 0.6))
        torch.testing.assert_close(estimate, torch.full_like(estimate, 0.3), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: small("mssjfl", fh=15), "fh = 15, fm = 64: both must be at least 16"),
        (lambda: small("mssjfl", slope=1.5), "slope = 1.5: it lies between 0 and 1"),
        (lambda: small("mssjfl", init_std=-0.1), "init_std = -0.1: it cannot be negative"),
        (lambda: small("mssjfl", blocks=0), "blocks = 0: it must be at least 1"),
        (lambda: small("pzresnet", widths=(0, 4)), r"widths = \(0, 4\): each lies between 1 and 5, the last is 5"),
        (lambda: small("pzresnet", widths=(6, 5)), r"widths = \(6, 5\): each"),
        (lambda: small("dual-unet", width=6), "width = 6: it must be a multiple of 4"),
        (lambda: small("dhif-net", stages=0), "stages = 0: it must be at least 1"),
        (lambda: small("dhif-net", widths=(8,)), r"widths = \(8,\): the U-Net needs two levels"),
        (lambda: small("dhif-net", widths=(8, 0)), r"widths = \(8, 0\): .*each at least 1 wide"),
        (lambda: small("ssrnet", (3, 4)), "msi_bands = 4: .* in place of HSI bands, of which there are 3"),
    ],
)
def test_bad_requests_say_what_would_do(call, message):
    with pytest.raises(ValueError, match=message) as error:
        call()
    assert "\n" not in str(error.value)
