"""Laws of every classical method, and how good they are on the bundled scene."""

import itertools

import numpy as np
import pytest
import torch

from csakd.classical import CLASSICAL, Classical, check_grids
from csakd.data import sample_scene, synthetic_scene
from csakd.metrics import psnr, sam
from csakd.physics import SpectralResponse, observe, upsample
from csakd.physics import psf as psfs

every_form = pytest.mark.parametrize("name", CLASSICAL)
BAND_BY_BAND = ("bicubic", "sfim", "glp", "glp-hpm", "hyper")  # a band's estimate knows nothing of the others
ANY_OFFSET = ("bicubic", "gsa", "glp", "hyper")  # regressions with an intercept on both sides
KNOW_RESPONSES = ("rfuse", "hysure", "cnmf")


lawful = pytest.mark.usefixtures("few_rounds")


def images(size=(48, 40), msi="tm4", ratio=4, seed=0):
    """LR-HSI, HR-MSI and truth of a synthetic scene, batches of one."""
    sample = observe(synthetic_scene(size, seed=seed), msi, ratio)
    cubes = (sample.pair.hsi, sample.pair.msi, sample.truth)
    return tuple(torch.from_numpy(cube.values)[None] for cube in cubes)


def per_band(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64).view(1, -1, 1, 1)


def error(estimate: torch.Tensor, truth: torch.Tensor) -> float:
    return float((estimate - truth).square().mean().sqrt() / truth.square().mean().sqrt())


@lawful
@every_form
@pytest.mark.parametrize(
    ("ratio", "msi_bands", "known"),
    [
        *itertools.product((2, 3, 4, 8), (1, 4), (False,)),
        *itertools.product((4,), (2, 3, 5, 6, 8), (False,)),
        *itertools.product((4,), (1, 4, 8), (True,)),
    ],
)
def test_shapes_at_odd_sizes(name, ratio, msi_bands, known):
    hsi, msi = torch.rand(1, 5, 3, 5), torch.rand(1, msi_bands, 3 * ratio, 5 * ratio)
    response = np.random.default_rng(0).random((msi_bands, 5)) if known else None
    estimate, features = Classical(name, ratio, response=response)(hsi, msi)
    assert estimate.shape == (1, 5, 3 * ratio, 5 * ratio)
    assert estimate.dtype == torch.float32
    assert estimate.isfinite().all()
    assert features is None


@lawful
@every_form
def test_a_batch_is_its_scenes_one_by_one_and_the_answer_is_always_the_same(name):
    (hsi, msi, _), (other_hsi, other_msi, _) = images(), images(seed=1)
    form = Classical(name, 4)
    both = form(torch.cat([hsi, other_hsi]), torch.cat([msi, other_msi]))[0]
    single = torch.cat([form(hsi, msi)[0], form(other_hsi, other_msi)[0]])
    torch.testing.assert_close(both, single, rtol=0, atol=1e-5 * single.max().item())
    assert torch.equal(form(hsi, msi)[0], single[:1]), "bit by bit"


@lawful
@every_form
@pytest.mark.parametrize("msi", [torch.full((1, 4, 28, 36), 5.0), torch.rand(1, 4, 28, 36)], ids=["flat", "textured"])
def test_a_constant_spectrum_stays(name, msi):
    spectrum = torch.tensor([0.0, 1e-3, 1.0, 4e4]).view(1, -1, 1, 1).expand(1, 4, 7, 9)
    estimate, _ = Classical(name, 4)(spectrum, msi)
    torch.testing.assert_close(estimate, spectrum[..., :1, :1].expand_as(estimate), rtol=1e-5, atol=1e-6)


@lawful
@every_form
@pytest.mark.parametrize("ratio", [2, 3, 4])
def test_a_constant_scene_seen_by_both_sensors_stays(name, ratio):
    """With the response known, in every band though they differ by 10⁷."""
    spectrum = per_band(0.0, 1e-3, 1.0, 4e4)
    response = SpectralResponse(np.random.default_rng(0).random((3, 4)))
    msi = response(spectrum.expand(1, 4, 3 * ratio, 5 * ratio))
    estimate, _ = Classical(name, ratio, response=response.matrix)(spectrum.expand(1, 4, 3, 5), msi)
    torch.testing.assert_close(estimate, spectrum.expand_as(estimate), rtol=1e-5, atol=1e-6)


@lawful
@every_form
def test_a_dead_hsi_band_stays_dead_and_harms_no_other(name):
    hsi, msi, truth = images()
    struck = hsi.clone()
    struck[:, 5] = 0
    (estimate, _), (whole, _) = Classical(name, 4)(struck, msi), Classical(name, 4)(hsi, msi)
    assert estimate[:, 5].abs().max() < 1e-4
    others = torch.arange(hsi.shape[1]) != 5
    if name in BAND_BY_BAND:
        torch.testing.assert_close(estimate[:, others], whole[:, others], rtol=1e-4, atol=0.1)
    assert error(estimate[:, others], truth[:, others]) < 1.02 * error(whole[:, others], truth[:, others])


@lawful
@every_form
@pytest.mark.parametrize(
    "spoil",
    [
        lambda msi: msi * per_band(1, 0, 1, 1).float(),
        lambda msi: msi[:, [0, 1, 2, 3, 1, 1]],
        lambda msi: torch.cat([msi, msi[:, :2].mean(1, keepdim=True)], 1),
        torch.zeros_like,
        lambda msi: torch.full_like(msi, 4095.0),
    ],
    ids=["dead band", "tripled band", "dependent band", "all zero", "saturated"],
)
def test_msi_bands_that_say_nothing_do_no_harm(name, spoil):
    hsi, msi, truth = images()
    bicubic, _ = Classical("bicubic", 4)(hsi, msi)
    estimate, _ = Classical(name, 4)(hsi, spoil(msi))
    most = 1.06 if name == "cnmf" else 1.0001  # after a few rounds it has not learnt the LR-HSI itself
    assert error(estimate, truth) <= most * error(bicubic, truth)


@lawful
@every_form
@pytest.mark.parametrize("low", [(1, 1), (1, 3), (2, 2), (3, 2), (5, 5)])
def test_fewer_low_pixels_than_features(name, low):
    """A handful of pixels teaches little, but no estimate runs away: a few spans of what the sensor saw, at worst."""
    for seed in range(2):
        hsi, msi, _ = images((4 * low[0], 4 * low[1]), "tm6", seed=seed)
        estimate, _ = Classical(name, 4)(hsi, msi)
        reach = 5 * (hsi.max() - hsi.min()) + 1e-6 * hsi.max()
        assert hsi.min() - reach <= estimate.min()
        assert estimate.max() <= hsi.max() + reach


@lawful
@every_form
def test_units_do_not_matter(name):
    """One factor on both images comes out again; with no response known, one on each MSI band changes nothing."""
    hsi, msi, _ = (image.double() for image in images())
    response = SpectralResponse.box([(450, 520), (520, 600), (630, 690), (760, 900)], synthetic_scene().wavelengths)
    for matrix in (response.matrix, None) if name in KNOW_RESPONSES else (None,):
        form = Classical(name, 4, response=matrix)
        plain, _ = form(hsi, msi)
        # Conjugate gradients amplify it.
        rounding = 1e-5 * float(plain.abs().max()) if name.startswith("hyper-edge") else 0
        for factor in (1e-4, 3e3):
            scaled, _ = form(hsi * factor, msi * factor)
            torch.testing.assert_close(scaled, plain * factor, rtol=1e-6, atol=rounding * factor)
    unrelated, _ = form(hsi, msi * per_band(2, 0.1, 1e-4, 1e3))
    torch.testing.assert_close(unrelated, plain, rtol=1e-6, atol=rounding)


@pytest.mark.parametrize("name", ANY_OFFSET)
def test_offsets_do_not_matter_to_regressions(name):
    """A gain and offset on each HSI band come out again; on an MSI band, even a negative, they change nothing."""
    hsi, msi, _ = (image.double() for image in images())
    form, bands = Classical(name, 4), hsi.shape[1]
    plain, _ = form(hsi, msi)
    gain, offset = per_band(*np.linspace(-2, 3, bands)), per_band(*np.linspace(-1000, 500, bands))
    torch.testing.assert_close(form(hsi * gain + offset, msi)[0], plain * gain + offset, rtol=1e-8, atol=1e-6)
    other_units = msi * per_band(2, -1, 1e-4, 1e3) + per_band(100, -500, 0, 3)
    torch.testing.assert_close(form(hsi, other_units)[0], plain, rtol=1e-8, atol=1e-6)


@lawful
@every_form
def test_single_precision_is_enough(name):
    hsi, msi, _ = images()
    single, double = (Classical(name, 4)(hsi.to(t), msi.to(t))[0] for t in (torch.float32, torch.float64))
    assert (single.dtype, double.dtype) == (torch.float32, torch.float64)
    # Hundreds of steps of conjugate gradients add their rounding up, to a hundredth of what the method is off.
    assert error(single, double) < (2e-4 if name == "hyper-edge-thorough" else 2e-5)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(Classical(name, 4)(hsi, msi)[0], single), "least squares never runs in half precision"


@every_form
def test_any_psf(name):
    """The right PSF gives the better image; lopsided ones work. Bicubic and the blind method ask for none.

    GSA-HS hardly asks for one either: its intensity is not taken from the low MSI but from the LR-HSI.
    """
    lopsided = psfs.gaussian(4, variance=4.0, phase=0.0)
    sample = observe(synthetic_scene((32, 32)), ratio=4, psf=lopsided)
    hsi, msi, truth = (torch.from_numpy(c.values)[None] for c in (sample.pair.hsi, sample.pair.msi, sample.truth))
    right, wrong = (error(Classical(name, 4, psf)(hsi, msi)[0], truth) for psf in (lopsided, None))
    most = {"gsa": 1.05, "sfim": 0.9, "cnmf": 0.9}.get(name, 0.8)
    assert right == wrong if name in ("bicubic", "rfuse-blind") else right < most * wrong


@pytest.mark.parametrize("name", KNOW_RESPONSES)
def test_a_response_estimated_is_nearly_as_good_as_one_that_is_known(name):
    hsi, msi, truth = images((28, 24))
    known = observe(synthetic_scene((28, 24)), "tm4", 4).pair.response
    informed, alone = (Classical(name, 4, response=response)(hsi, msi)[0] for response in (known, None))
    assert not torch.equal(informed, alone)
    assert error(alone, truth) < 1.02 * error(informed, truth)


@every_form
def test_a_response_for_other_bands_is_refused(name):
    with pytest.raises(ValueError, match=r"a response of shape \(4, 9\) for 4 MSI and 3 HSI bands") as refusal:
        Classical(name, 4, response=np.ones((4, 9)))(torch.rand(1, 3, 6, 5), torch.rand(1, 4, 24, 20))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("bands", ["tm4", "tm6"])
def test_each_method_pays_on_a_real_scene(bands):
    """dB above bicubic and degrees below it, at least, on a corner of the bundled scene."""
    sample = observe(sample_scene().crop(slice(40), slice(40)), bands, 4)
    hsi, msi = (torch.from_numpy(cube.values)[None] for cube in (sample.pair.hsi, sample.pair.msi))
    truth, response = torch.from_numpy(sample.truth.values), sample.pair.response
    fused = {name: Classical(name, 4, response=response)(hsi, msi)[0][0] for name in CLASSICAL}
    decibels = {name: psnr(estimate, truth) for name, estimate in fused.items()}
    degrees = {name: sam(estimate, truth) for name, estimate in fused.items()}
    for name in CLASSICAL.keys() - {"bicubic"}:
        assert decibels[name] > decibels["bicubic"] + {"tm4": 5, "tm6": 8}[bands]
        assert degrees[name] < degrees["bicubic"] - 1


@pytest.mark.parametrize("bands", ["tm4", "tm6"])
def test_each_step_up_pays_on_a_real_scene(bands):
    """Bicubic, then one regression, then `hyper`: measured 5.5 and 1.2 dB apart at 4 bands, 11.8 and 0.4 at 6."""
    sample = observe(sample_scene(), bands, 4)
    hsi, msi, truth = (torch.from_numpy(c.values)[None] for c in (sample.pair.hsi, sample.pair.msi, sample.truth))
    fused = {name: Classical(name, 4)(hsi, msi)[0][0] for name in ("bicubic", "glp", "hyper")}
    decibels = {name: psnr(estimate, truth[0]) for name, estimate in fused.items()}
    degrees = {name: sam(estimate, truth[0]) for name, estimate in fused.items()}
    least = {"tm4": (5.4, 1.2), "tm6": (11.7, 0.4)}[bands]
    assert decibels["glp"] - decibels["bicubic"] > least[0]
    assert decibels["hyper"] - decibels["glp"] > least[1]
    assert degrees["bicubic"] - degrees["glp"] > 1.0
    assert degrees["glp"] - degrees["hyper"] > 0.15


def test_unseen_takes_what_the_sensor_sees_and_leaves_the_rest():
    form, noise = Classical("hyper", 4), torch.randn(1, 3, 48, 40)
    coarse = upsample(torch.randn(1, 3, 12, 10), (48, 40))
    for detail in (noise, coarse):
        assert form.blur(form.unseen(detail)).norm() < 0.25 * form.blur(detail).norm()
    assert form.unseen(noise).norm() > 0.95 * noise.norm()
    assert form.unseen(coarse).norm() < 0.35 * coarse.norm()


@every_form
def test_grids_that_do_not_nest(name):
    with pytest.raises(ValueError, match="at ratio 4 an HSI of 6x5 pixels goes with an MSI of 24x20, not 12x10"):
        Classical(name, 4)(torch.rand(1, 3, 6, 5), torch.rand(1, 4, 12, 10))
    check_grids(2, torch.rand(1, 3, 6, 5), torch.rand(1, 4, 12, 10))


def test_an_unknown_form_names_those_there_are():
    with pytest.raises(ValueError, match=r"no classical method 'fuse': choose one of bicubic, gsa, .*, hyper"):
        Classical("fuse", 4)
