"""Sensors estimated from pairs whose sensors are known, and against slower solvers."""

import numpy as np
import pytest
import torch
from scipy.optimize import lsq_linear

from csakd.data import sample_scene, synthetic_scene
from csakd.physics import SpatialResponse, SpectralResponse, blind, calibrate, estimate_psf, estimate_response, observe
from csakd.physics import psf as psfs

GAUSSIANS = [(1.5 / 16, None), (3 / 16, None), (5 / 16, None), (3 / 16, 0.0)]  # variance in squared low pixels, phase


def pair(scene, ratio=4, psf=None, msi="tm4"):
    """LR-HSI and HR-MSI, with the PSF and response they were made with."""
    made = observe(scene, msi, ratio, psf=psf).pair
    return torch.from_numpy(made.hsi.values), torch.from_numpy(made.msi.values), SpectralResponse(made.response)


def relative(found: torch.Tensor, wanted: torch.Tensor) -> float:
    """RMS of the difference beside the contrast of what is wanted."""
    contrast = wanted - wanted.mean((-2, -1), keepdim=True)
    return float((found - wanted).norm() / contrast.norm())


def shape_of(psf: np.ndarray, ratio: int) -> tuple[np.ndarray, np.ndarray]:
    """Centre and variance along rows and columns, in low pixels from the block's centre."""
    taps = (np.arange(len(psf)) - (len(psf) - 1) / 2) / ratio
    profiles = [psf.sum(axis=1), psf.sum(axis=0)]
    centre = np.array([(profile * taps).sum() for profile in profiles])
    spread = [(profile * (taps - middle) ** 2).sum() for profile, middle in zip(profiles, centre, strict=True)]
    return centre, np.array(spread)


@pytest.mark.parametrize("msi", ["tm4", "tm6"])
def test_the_estimated_response_reproduces_the_msi_in_any_units(msi):
    """Gains and offsets come out; what the response makes of the HSI, and of the truth, is what the true one makes."""
    sample = observe(sample_scene(), msi)
    hsi, bands, truth = (torch.from_numpy(cube.values) for cube in (sample.pair.hsi, sample.pair.msi, sample.truth))
    gain = torch.logspace(-3, 3, len(bands))[:, None, None]
    offset = torch.linspace(-1, 2, len(bands))[:, None, None] * gain * 50
    estimated = calibrate(hsi, SpatialResponse(4)(gain * bands + offset))
    assert estimated.bands.tolist() == list(range(len(bands)))
    assert (estimated.response.matrix >= 0).all()
    calibrated = estimated.calibrated(gain * bands + offset)
    assert relative(estimated.response(hsi), SpatialResponse(4)(calibrated)) < 0.005
    assert relative(estimated.response(truth), calibrated) < 0.02
    assert relative(calibrated, bands) < 0.15


def test_the_response_is_the_bounded_least_squares_it_says():
    """Second source: scipy's bounded solver on the stacked equations, with the offset as an unknown of its own."""
    generator = np.random.default_rng(0)
    hsi, low = generator.random((6, 5, 4)), generator.random((2, 5, 4))
    low[1] += 2 * hsi[2] + hsi[3]
    estimated = calibrate(torch.from_numpy(hsi), torch.from_numpy(low))
    x, band = hsi.reshape(6, -1).T, low[1].ravel()
    unit, spread = np.sqrt(np.mean((x - x.mean(axis=0)) ** 2)), band.std()
    root = np.sqrt(blind.RESPONSE_SMOOTHNESS * 20)
    design = np.block([[x / unit, np.ones((20, 1))], [root * np.diff(np.eye(6), axis=0), np.zeros((5, 1))]])
    solved = lsq_linear(design, np.append(band / spread, np.zeros(5)), ([0] * 6 + [-np.inf], np.inf), tol=1e-14).x
    weights = solved[:6] * spread / unit
    place = estimated.bands.tolist().index(1)
    np.testing.assert_allclose(estimated.gain[place] * estimated.response.matrix[place], weights, atol=1e-7)
    np.testing.assert_allclose(estimated.offset[place], solved[6] * spread, rtol=1e-6)


def test_msi_bands_the_hsi_does_not_explain_are_left_out():
    hsi, msi, _ = pair(synthetic_scene((48, 40)))
    low = SpatialResponse(4)(msi)
    noise = torch.randn(low[:1].shape, generator=torch.Generator().manual_seed(0))
    bands = torch.cat([noise, low[:2], torch.full_like(noise, 7.0), -low[2:3], low[3:]])
    assert calibrate(hsi, bands).bands.tolist() == [1, 2, 5], "nor one that falls where the HSI rises"
    assert calibrate(torch.full_like(hsi, 1 / 3), low).bands.size == 0, "a constant scene explains nothing"
    none = calibrate(hsi, bands[:1])
    assert none.calibrated(torch.rand(1, 48, 40)).shape == (0, 48, 40)
    assert none.response(hsi).shape == (0, 12, 10)


def test_the_response_of_a_pair_in_the_same_units_has_a_row_for_every_band():
    hsi, msi, true = pair(synthetic_scene((48, 40)))
    low = SpatialResponse(4)(msi)
    low[1] = 0
    found = estimate_response(hsi, low)
    np.testing.assert_allclose(found.matrix[1], 1 / len(hsi))
    seen = [0, 2, 3]
    assert relative(found(hsi)[seen], low[seen]) < 0.002
    assert np.abs(found.matrix - true.matrix)[seen].sum(axis=1).max() < 1, "of at most 2, for rows elsewhere altogether"


@pytest.mark.parametrize("ratio", [2, 3, 4, 8])
@pytest.mark.parametrize("known", [True, False], ids=["response known", "response unknown"])
def test_centre_and_width_of_the_psf_come_out(ratio, known):
    """Centres to a few hundredths of a low pixel, widths as below; measured: 0.016 and 5 %, 0.027 and 17 % at worst.

    The worst is always ratio 8, where 16×16 low pixels teach 576 weights, or a narrow PSF with an unknown response.
    """
    scene = sample_scene()
    for variance, phase in GAUSSIANS:
        true = psfs.gaussian(ratio, variance=variance * ratio**2, phase=phase)
        hsi, msi, response = pair(scene, ratio, true)
        found = estimate_psf(hsi, msi, response if known else None, ratio)
        assert found.shape == (3 * ratio, 3 * ratio)
        assert found.sum() == pytest.approx(1)
        assert found.min() >= 0
        (centre, spread), (true_centre, true_spread) = shape_of(found, ratio), shape_of(true, ratio)
        np.testing.assert_allclose(centre, true_centre, atol=0.02 if known else 0.03)
        np.testing.assert_allclose(np.sqrt(spread / true_spread), 1, atol=0.06 if known else 0.19)


def test_a_psf_that_is_no_gaussian_comes_out():
    """The mean over a block: flat, with sharp edges."""
    hsi, msi, response = pair(sample_scene(), 4, np.full((4, 4), 1 / 16))
    for known in (response, None):
        found = estimate_psf(hsi, msi, known, 4)
        np.testing.assert_allclose(found[4:8, 4:8], 1 / 16, rtol=0.15)
        assert found[4:8, 4:8].sum() > 0.9


def test_the_psf_is_the_penalised_least_squares_it_says():
    """Second source: lstsq on stacked equations, one a low pixel and MSI band, one a difference of neighbours."""
    generator = np.random.default_rng(1)
    msi, true = generator.random((3, 16, 20)), psfs.gaussian(2, variance=0.6)
    low = SpatialResponse(2, true)(torch.from_numpy(msi)).numpy()
    wide = np.pad(msi, ((0, 0), (2, 2), (2, 2)), mode="symmetric")
    rows, wanted = [], []
    for band, target in zip(wide, low, strict=True):
        patches = np.array([band[2 * i : 2 * i + 6, 2 * j : 2 * j + 6].ravel() for i in range(8) for j in range(10)])
        patches -= patches.mean(axis=0)
        rows.append(patches / np.sqrt(np.mean(patches**2) * 240))
        wanted.append((target - target.mean()).ravel() / np.sqrt(np.mean(patches**2) * 240))
    padded = np.pad(np.arange(1, 37).reshape(6, 6), 1)  # 0 is outside
    here = np.concatenate([padded[1:].ravel(), padded[:, 1:].ravel()])
    there = np.concatenate([padded[:-1].ravel(), padded[:, :-1].ravel()])
    unit = np.vstack([np.zeros(36), np.eye(36)])
    steps = np.sqrt(2**4 * blind.PSF_SMOOTHNESS) * (unit[here] - unit[there])
    solved = np.linalg.lstsq(np.vstack([*rows, steps]), np.concatenate([*wanted, np.zeros(len(steps))]))[0]
    solved = np.clip(solved, 0, None).reshape(6, 6)
    found = estimate_psf(torch.from_numpy(low), torch.from_numpy(msi), SpectralResponse(np.eye(3)), 2)
    np.testing.assert_allclose(found, solved / solved.sum(), atol=1e-8)


@pytest.mark.parametrize("known", [True, False])
def test_an_msi_without_detail_leaves_the_papers_psf(known):
    hsi, msi, response = pair(synthetic_scene((24, 20)))
    flat = torch.full_like(msi, 0.1)
    np.testing.assert_array_equal(estimate_psf(hsi, flat, response if known else None, 4), psfs.gaussian(4))


def test_a_handful_of_pixels_does_not_tell_psf_and_response_at_once():
    for size in ((24, 24), (4, 12), (28, 28)):
        hsi, msi, _ = pair(sample_scene().crop(*map(slice, size)))
        found = estimate_psf(hsi, msi, None, 4)
        assert np.array_equal(found, psfs.gaussian(4)) == (size != (28, 28))


def test_grids_that_do_not_nest():
    with pytest.raises(ValueError, match="at ratio 4 an HSI of 6x5 pixels goes with an MSI of 24x20, not 12x10"):
        estimate_psf(torch.rand(3, 6, 5), torch.rand(4, 12, 10), None, 4)
