"""The networks against the paper's numbers, and the laws every one of them keeps."""

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from csakd.classical import Classical
from csakd.classical.regression import unexplained
from csakd.models import FUSIONS, PRESETS, RESAMPLINGS, DTSConfig, build
from csakd.models.csa import CSA, CrossAttention
from csakd.models.weights import parameter_count
from fingerprint import weights_digest

MINIS = ("mini-student", "mini-teacher")


def pair(bands=(5, 4), low=(4, 5), ratio=4, scenes=1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    (rows, columns), (hsi_bands, msi_bands) = low, bands
    hsi = torch.rand(scenes, hsi_bands, rows, columns, generator=generator)
    return hsi, torch.rand(scenes, msi_bands, rows * ratio, columns * ratio, generator=generator)


def small(name="mini-student", bands=(5, 4), ratio=4, seed=0, **options):
    """A preset at a width that costs nothing."""
    torch.manual_seed(seed)
    return build(name, *bands, ratio, **{"width": 8, "growth": 4, "hsi_groups": 1, **options})


class TestAgainstThePaper:
    """Table I, to the unit as its authors' released classes have them."""

    @pytest.mark.parametrize(
        ("name", "parameters", "giga_macs"),
        [
            ("teacher", 26_807_686, 941.77),
            ("student", 7_449_946, 144.90),
            ("teacher-l", 37_197_862, 1303.3),
            ("student-l", 11_346_262, 399.9),
        ],
    )
    def test_parameters_and_macs(self, name, parameters, giga_macs):
        with torch.device("meta"):
            network = build(name)
            assert parameter_count(network) == parameters
            assert parameter_count(build(name, msi_bands=6)) == parameters + 4644
            with FlopCounterMode(display=False) as counter, torch.no_grad():
                estimate, features = network(torch.zeros(1, 172, 64, 64), torch.zeros(1, 4, 256, 256))
        assert estimate.shape == (1, 172, 256, 256)
        assert features.shape == (1, 86, 256, 256)
        assert counter.get_total_flops() / 2e9 == pytest.approx(giga_macs, rel=0.005)

    @pytest.mark.parametrize("name", PRESETS)
    @pytest.mark.parametrize(("hsi_bands", "msi_bands"), [(172, 4), (31, 6)])
    def test_parameters_by_the_description(self, name, hsi_bands, msi_bands):
        """Second source: Sec. III-A counted by hand."""
        with torch.device("meta"):
            network = build(name, hsi_bands, msi_bands)
        c = network.config
        hsi_bands, msi_bands = c.hsi_bands, c.msi_bands  # universal networks have their own
        features, both = c.width, hsi_bands + msi_bands

        def conv(inward, outward, side=3, groups=1, bias=True):
            return inward * outward * side**2 // groups + bias * outward

        def clra(groups=1):
            grown = [features + step * c.growth for step in range(5)]
            return 3 * (sum(conv(n, c.growth, groups=groups) for n in grown[:4]) + conv(grown[4], features, 3, groups))

        heads = conv(hsi_bands, features) + conv(msi_bands, features) + 2 * conv(both, features)
        depth = (c.joint_high + c.joint_low + c.msi) * clra() + c.hsi * clra(c.hsi_groups)
        attention = 3 * conv(features, 64, 1) + conv(64, features, 1) + 4 * (c.fusion == "csa-invariant")
        gate = conv(4 * features, 4, 1)
        reconstruction = conv(features, hsi_bands) + conv(hsi_bands, hsi_bands, bias=False)
        assert parameter_count(network) == heads + depth + attention + gate + reconstruction


class TestLaws:
    @pytest.mark.parametrize(
        ("name", "options"),
        [
            *((name, {}) for name in PRESETS),
            *((name, {"base": "hyper"}) for name in MINIS),
            *(("mini-student", {"fusion": fusion}) for fusion in FUSIONS),
            *(("mini-student", {"resampling": resampling}) for resampling in RESAMPLINGS),
            *(("mini-student", {"resampling": resampling, "base": "glp"}) for resampling in RESAMPLINGS),
        ],
    )
    def test_every_parameter_receives_a_gradient(self, name, options):
        torch.manual_seed(0)
        network = build(name, 5, 4, 2, **options)
        estimate, _ = network(*pair(ratio=2))
        (estimate - torch.rand_like(estimate)).square().mean().backward()
        for place, parameter in network.named_parameters():
            assert parameter.grad is not None, place
            assert parameter.grad.isfinite().all(), place
            assert parameter.grad.abs().max() > 0, place

    @pytest.mark.parametrize("base", ["none", "bicubic", "glp", "hyper"])
    @pytest.mark.parametrize("ratio", [2, 3, 4, 8, 16])
    def test_shapes_at_odd_sizes(self, base, ratio):
        estimate, features = small(ratio=ratio, base=base)(*pair(low=(3, 5), ratio=ratio))
        assert estimate.shape == (1, 5, 3 * ratio, 5 * ratio)
        assert features.shape == (1, 8, 3 * ratio, 5 * ratio)
        assert estimate.isfinite().all()

    @pytest.mark.parametrize(
        "options", [*({"fusion": f} for f in FUSIONS), *({"resampling": r} for r in RESAMPLINGS), {"base": "hyper"}]
    )
    def test_a_batch_is_its_scenes_one_by_one(self, options):
        network, (hsi, msi) = small(**options), pair(scenes=2)
        together = network(hsi, msi)
        singles = [network(hsi[i : i + 1], msi[i : i + 1]) for i in range(2)]
        for both, parts in zip(together, zip(*singles, strict=True), strict=True):
            torch.testing.assert_close(both, torch.cat(parts), rtol=0, atol=1e-4 * both.abs().max().item())

    def test_the_same_seed_gives_the_same_network_and_answer(self):
        first, again, other = small(seed=3), small(seed=3), small(seed=4)
        assert weights_digest(first) == weights_digest(again) != weights_digest(other)
        assert torch.equal(first(*pair())[0], again(*pair())[0])

    @pytest.mark.parametrize("groups", [1, 4])
    def test_depth_zero_is_the_head_alone(self, groups):
        flat = small(joint_high=0, joint_low=0, hsi=0, msi=0, hsi_groups=groups)
        assert [len(stream) for stream in (flat.joint_high, flat.joint_low, flat.hsi, flat.msi)] == [1, 1, 1, 1]
        assert flat(*pair())[0].shape == (1, 5, 16, 20)

    def test_something_better_than_interpolation_may_stand_in(self):
        network, (hsi, msi) = small(resampling="bicubic"), pair()
        interpolated = torch.nn.functional.interpolate(hsi, scale_factor=4, mode="bicubic")
        torch.testing.assert_close(network(hsi, msi, interpolated)[0], network(hsi, msi)[0])
        assert not torch.allclose(network(hsi, msi, interpolated + 1)[0], network(hsi, msi)[0])


class TestGuided:
    @pytest.mark.parametrize("base", ["bicubic", "glp", "hyper"])
    def test_untrained_it_is_nearly_its_base(self, base):
        hsi, msi = pair()
        estimate, _ = small(base=base)(hsi, msi)
        sharp, _ = Classical(base, 4)(hsi, msi)
        assert 0 < (estimate - sharp).norm() < 0.002 * sharp.norm()

    def test_a_base_given_is_the_base_computed(self):
        network, (hsi, msi) = small(base="hyper"), pair()
        inside, given = network(hsi, msi), network(hsi, msi, Classical("hyper", 4).base(hsi, msi))
        assert all(map(torch.equal, inside, given))

    def test_the_sensor_hardly_sees_the_residual(self):
        """Its ups and downs cancel under the PSF, even where the network has forty times as much to say as at first."""
        network, (hsi, msi) = small(base="hyper"), pair(low=(12, 10))
        network.network.reconstruct[-1].weight.data *= 40
        blur, residual = network.classical.blur, network(hsi, msi)[0] - network.classical(hsi, msi)[0]
        assert blur(residual).norm() < 0.15 * blur(residual.abs()).norm()

    def test_the_residual_is_measured_by_what_regression_leaves(self):
        """Second source: the RMS residual of lstsq with an intercept, band by band."""
        hsi, low = pair(low=(9, 8))[0].double(), pair((5, 3), low=(9, 8), seed=1)[0][:, :3].double()
        design = np.vstack([low[0].flatten(1).numpy(), np.ones(72)]).T
        spectra = hsi[0].flatten(1).numpy().T
        rest = spectra - design @ np.linalg.lstsq(design, spectra)[0]
        np.testing.assert_allclose(unexplained(hsi, low).flatten(), np.sqrt((rest**2).mean(0)), rtol=1e-4)

    def test_the_psf_reaches_the_base(self):
        psf = np.ones((4, 4)) / 16
        assert np.array_equal(small(base="hyper", psf=psf).classical.blur.psf, psf)


class TestAttentionAndImageSize:
    """A periodic image tiled 2×2 is the same image, seen four times."""

    def attended(self, invariant: bool) -> tuple[torch.Tensor, torch.Tensor]:
        torch.manual_seed(0)
        attention = CrossAttention(8, inner=16, heads=4, invariant=invariant)
        query, key, value = torch.randn(3, 1, 8, 6, 5)
        once = attention(query, key, value, torch.zeros_like(value))
        tiled = attention(*(image.tile(1, 1, 2, 2) for image in (query, key, value, torch.zeros_like(value))))
        return once.tile(1, 1, 2, 2), tiled

    def test_the_invariant_form_does_not_mind(self):
        once, tiled = self.attended(invariant=True)
        torch.testing.assert_close(tiled, once)

    def test_the_printed_form_does(self):
        """The defect: its logits are sums over pixels, so four times the pixels sharpen the softmax fourfold."""
        once, tiled = self.attended(invariant=False)
        assert (tiled - once).norm() > 0.1 * once.norm()

    @pytest.mark.parametrize("invariant", [False, True])
    def test_against_a_sum_by_hand(self, invariant):
        """Second source: Eqs. 8 and 9 with a loop over heads."""
        attention = CrossAttention(6, inner=8, heads=2, invariant=invariant)
        query, key, value, residual = torch.randn(4, 1, 6, 4, 3)
        q, k, v = (
            projection(image)[0].flatten(1).detach().numpy()
            for projection, image in ((attention.query, query), (attention.key, key), (attention.value, value))
        )
        heads = []
        for head in (slice(0, 4), slice(4, 8)):
            norms = np.outer(*(np.linalg.norm(x[head], axis=1) for x in (q, k)))
            logits = q[head] @ k[head].T / (norms if invariant else 2)  # 2 = √4, the head's width
            weights = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
            heads.append(weights @ v[head])
        mixed = torch.from_numpy(np.concatenate(heads)).view(1, 8, 4, 3)
        torch.testing.assert_close(attention(query, key, value, residual), attention.out(mixed) + residual)

    def test_the_gate_weighs_four_modalities(self):
        """Eq. 10 with the gate shut on all but one."""
        fusion, streams = CSA(8), torch.randn(4, 1, 8, 4, 3)
        for open_ in range(3):
            fusion.gate.weight.data.zero_()
            fusion.gate.bias.data = torch.full((4,), -100.0)
            fusion.gate.bias.data[open_] = 100.0
            torch.testing.assert_close(fusion(*streams), streams[open_])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: build("pupil"), "no model 'pupil': choose one of bicubic, .*mini-student"),
        (lambda: build("student", base="pca"), "no base 'pca': choose one of none, bicubic, .*hyper"),
        (lambda: build("student", widht=8), "no option 'widht': choose among hsi_bands, .*width"),
        (lambda: small(fusion="max"), "no fusion 'max': choose one of csa, csa-invariant"),
        (lambda: small(resampling="lanczos"), "no resampling 'lanczos': choose one of bicubic, released"),
        (lambda: small(ratio=1), "from 2 to 16"),
        (lambda: small(ratio=17), "from 2 to 16"),
        (lambda: small(bands=(5, 0)), "msi_bands = 0: it must be at least 1"),
        (lambda: small(width=0), "width = 0: it must be at least 1"),
        (lambda: small(hsi=-1), "depth cannot be negative"),
        (lambda: small("student", hsi_groups=3), "hsi_groups = 3: it must divide width 8 and growth 4"),
        (lambda: small(bands=(6, 4))(*pair()), "built for 6 HSI bands, the image has 5"),
        (lambda: small(bands=(5, 3))(*pair()), "built for 3 MSI bands, the image has 4"),
        (lambda: small(ratio=2)(*pair()), "at ratio 2 an HSI of 4x5 pixels goes with an MSI of 8x10, not 16x20"),
        (lambda: small(base="hyper", ratio=2)(*pair()), "at ratio 2 an HSI of 4x5 pixels goes with an MSI of 8x10"),
    ],
)
def test_bad_requests_say_what_would_do(call, message):
    with pytest.raises(ValueError, match=message) as error:
        call()
    assert "\n" not in str(error.value)


def test_a_config_is_frozen():
    config = DTSConfig(5, 4, 4, 0, 0, 0, 0)
    with pytest.raises(AttributeError):
        config.width = 9
