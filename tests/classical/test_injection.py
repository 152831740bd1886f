"""GSA-HS, SFIM-HS and GLP-HPM against their recipes, band by band in NumPy and SciPy."""

import numpy as np
import pytest
import torch
from scipy.optimize import lsq_linear

from csakd.classical import glp_hpm, gsa, sfim
from csakd.classical.glp import MOST_GAIN, modulated
from csakd.classical.sfim import mixtures
from csakd.data import synthetic_scene
from csakd.physics import Sensors, SpatialResponse, observe, upsample


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def scene(ratio: int, bands: int = 8) -> tuple[torch.Tensor, torch.Tensor, Sensors]:
    pair = observe(synthetic_scene((12 * ratio, 10 * ratio)), "tm4", ratio).pair
    hsi, msi = (torch.from_numpy(cube.values)[None].double() / 1e4 for cube in (pair.hsi, pair.msi))
    return hsi[:, :: hsi.shape[1] // bands][:, :bands], msi, Sensors(SpatialResponse(ratio))


@pytest.mark.parametrize("ratio", [3, 4])
def test_gsa_is_gsa_hs(ratio):
    """lstsq of each MSI band on the HSI bands nearest to it, then cov(I, U) / var(I) as the injection gain."""
    hsi, msi, sensors = scene(ratio)
    low, size = sensors.blur(msi)[0].numpy(), (msi.shape[-2], msi.shape[-1])
    bands, base = hsi[0].numpy(), upsample(hsi, size)[0].numpy()
    flat, flat_low = bands.reshape(len(bands), -1), low.reshape(len(low), -1)
    correlation = np.corrcoef(flat, flat_low)[: len(bands), len(bands) :]
    groups = np.abs(correlation).argmax(axis=1)
    assert len(set(groups)) > 1
    expected = base.copy()
    for group in set(groups):
        members = np.flatnonzero(groups == group)
        weights = np.linalg.lstsq(np.vstack([flat[members], np.ones(flat.shape[1])]).T, flat_low[group])[0]
        intensity = np.tensordot(weights[:-1], base[members], 1) + weights[-1]
        for band in members:
            gain = np.cov(intensity.ravel(), base[band].ravel())[0, 1] / intensity.var(ddof=1)
            expected[band] += gain * (msi[0, group].numpy() - intensity)
    np.testing.assert_allclose(gsa(hsi, msi, sensors)[0], expected, atol=1e-3 * bands.std())


@pytest.mark.parametrize("ratio", [3, 4])
def test_sfim_is_sfim_hs(ratio):
    """Bounded least squares a band, then base · sharp / smooth wherever that gain lies within its bound."""
    hsi, msi, sensors = scene(ratio)
    low, size = sensors.blur(msi)[0].numpy(), (msi.shape[-2], msi.shape[-1])
    design, high = np.vstack([low.reshape(len(low), -1), np.ones(120)]).T, msi[0].numpy()
    estimate, base = sfim(hsi, msi, sensors)[0].numpy(), upsample(hsi, size)[0].numpy()
    for band in range(hsi.shape[1]):
        *weights, offset = lsq_linear(design, hsi[0, band].numpy().ravel(), (0, np.inf), tol=1e-14).x
        smooth = upsample(torch.from_numpy(np.tensordot(weights, low, 1) + offset), size).numpy()
        within = (base[band] / smooth > 0) & (base[band] / smooth < MOST_GAIN)
        assert within.mean() > 0.95
        expected = base[band] * (np.tensordot(weights, high, 1) + offset) / smooth
        np.testing.assert_allclose(estimate[band][within], expected[within], rtol=1e-6)


@pytest.mark.parametrize("ratio", [3, 4])
def test_glp_hpm_multiplies(ratio):
    hsi, msi, sensors = scene(ratio)
    low, size = sensors.blur(msi)[0].numpy(), (msi.shape[-2], msi.shape[-1])
    design = np.vstack([low.reshape(len(low), -1), np.ones(120)]).T
    estimate, base = glp_hpm(hsi, msi, sensors)[0].numpy(), upsample(hsi, size)[0].numpy()
    for band in range(hsi.shape[1]):
        *weights, offset = np.linalg.lstsq(design, hsi[0, band].numpy().ravel())[0]
        smooth = upsample(torch.from_numpy(np.tensordot(weights, low, 1) + offset), size).numpy()
        within = (base[band] / smooth > 0) & (base[band] / smooth < MOST_GAIN)
        assert within.mean() > 0.95
        expected = base[band] * (np.tensordot(weights, msi[0].numpy(), 1) + offset) / smooth
        np.testing.assert_allclose(estimate[band][within], expected[within], rtol=1e-3, atol=1e-4)


def test_a_modulation_by_hand():
    """6·8/4 = 12; a quotient beyond the bound, against the sign, or over nothing adds at most twice the detail."""
    base, sharp, smooth = (
        torch.tensor(values).view(1, 1, 1, 5)
        for values in ([6.0, 9.0, 1.0, 3.0, 0.0], [8.0, 4, 5, 7, 0], [4.0, 3, -2, 0, 0])
    )
    expected = [12.0, 9 + MOST_GAIN * 1, 1.0, 3.0, 0.0]
    assert modulated(base, sharp, smooth).flatten().tolist() == expected


def test_mixtures_are_non_negative_least_squares():
    features, targets = random(3, 5, 6), random(4, 5, 6, seed=1)
    targets[0] = 2 * features[1] + 0.5 * features[2]
    targets[1] = -features[0]
    targets[2] = 0
    found = mixtures(features, targets)
    for weights, target in zip(found, targets, strict=True):
        expected = lsq_linear(features.flatten(1).numpy().T, target.flatten().numpy(), (0, np.inf), tol=1e-14).x
        np.testing.assert_allclose(weights, expected, atol=1e-6)
    np.testing.assert_allclose(found[:3], [[0, 2, 0.5], [0, 0, 0], [0, 0, 0]], atol=1e-12)
