"""The width of the HSI's PSF, told by the pair."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

import csakd
from csakd.classical.width import estimated_variance
from csakd.data import synthetic_scene
from csakd.physics import psf

SCENE = synthetic_scene((96, 96), seed=4)


@pytest.mark.parametrize(
    ("ratio", "width", "msi", "snr"),
    [(4, 1.0, "tm4", None), (4, 0.6, "tm4", 25.0), (3, 1.7, "tm6", 30.0), (2, 1.2, "rgb", None), (6, 0.8, "pan", 35.0)],
)
def test_the_true_width_is_found(ratio, width, msi, snr):
    variance = width * 3 * (ratio / 4) ** 2
    pair = csakd.observe(SCENE, msi, ratio, psf.gaussian(ratio, variance=variance), (snr, snr)).pair
    assert estimated_variance(pair) == pytest.approx(variance, rel=0.03)


def test_units_gaps_and_a_known_psf_make_no_difference():
    pair = csakd.observe(SCENE, "tm4", 4, psf.gaussian(4, variance=2.0)).pair
    valid = np.ones(pair.hsi.size, bool)
    valid[3:6, 5:9] = False
    other = replace(
        pair,
        hsi=replace(pair.hsi, values=1e-4 * pair.hsi.values + 0.1, valid=valid),
        msi=replace(pair.msi, values=pair.msi.values * np.float32([1, 10, 0.1, 3])[:, None, None]),
        psf=psf.gaussian(4, variance=6.0),
    )
    assert estimated_variance(pair) == pytest.approx(2.0, rel=0.03)
    assert estimated_variance(other) == pytest.approx(2.0, rel=0.05)


def test_blur_that_the_hsi_alone_has_seen_counts():
    """Variances of Gaussians add up."""
    dull = replace(SCENE, values=gaussian_filter(SCENE.values, (0, 0.8, 0.8)))
    sharp, blurred = (csakd.observe(scene, "tm4", 4).pair for scene in (SCENE, dull))
    assert estimated_variance(replace(sharp, hsi=blurred.hsi)) == pytest.approx(3 + 0.8**2, rel=0.03)


def test_a_pair_that_does_not_tell_is_not_guessed_at():
    pair = csakd.observe(SCENE, "tm4", 4).pair
    flat = replace(pair, msi=replace(pair.msi, values=np.ones_like(pair.msi.values)))
    unrelated = torch.randn(pair.msi.values.shape, generator=torch.Generator().manual_seed(0)).numpy()
    small = csakd.observe(SCENE.crop(slice(0, 12), slice(0, 12)), "tm4", 4).pair
    assert estimated_variance(flat) is None
    assert estimated_variance(replace(pair, msi=replace(pair.msi, values=unrelated))) is None
    assert estimated_variance(small) is None
