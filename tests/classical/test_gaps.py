"""Gaps of a pair, filled."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from csakd.classical.gaps import ready
from csakd.cubes import Cube, Pair
from csakd.data import synthetic_scene
from csakd.physics import SpatialResponse, observe


def spoiled(cube: Cube, *places: tuple[int, int]) -> Cube:
    values = np.array(cube.values)
    for row, column in places:
        values[:, row, column] = np.nan
    return replace(cube, values=values, valid=None)


def test_without_gaps_everything_stays():
    pair = observe(synthetic_scene((24, 32))).pair
    hsi, msi, valid = ready(pair)
    np.testing.assert_array_equal(hsi[0], pair.hsi.values)
    np.testing.assert_array_equal(msi[0], pair.msi.values)
    assert valid.all()


@pytest.mark.parametrize("psf", [None, "box"])
def test_where_the_msi_tells_all_the_gap_is_as_if_it_were_none(psf):
    """Bands that are mixtures of the MSI's; the gap lies where the MSI is at hand and even."""
    msi = torch.randn(3, 24, 32, generator=torch.Generator().manual_seed(0))
    msi[:, :12, :12] = msi[:, :1, :1]  # so that filling the MSI from the side changes nothing
    blur = SpatialResponse(4, None if psf is None else np.full((4, 4), 1 / 16))
    hsi = torch.einsum("lm,mhw->lhw", torch.tensor([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]]), blur(msi)) + 7
    pair = Pair(spoiled(Cube(hsi.numpy()), (0, 0), (0, 1)), Cube(msi.numpy()), None if psf is None else blur.psf)
    filled, _, valid = ready(pair)
    np.testing.assert_allclose(filled[0], hsi, atol=0.02)
    assert not valid[:4, :8].any()
    assert valid.sum() == 24 * 32 - 32


def test_what_is_filled_stays_in_each_bands_range():
    """A gap under a glare that no other pixel has: a regression alone would go far beyond them."""
    sample = observe(synthetic_scene((24, 32)))
    values = np.array(sample.pair.msi.values)
    values[:, :12, :12] *= 20
    pair = Pair(spoiled(sample.pair.hsi, (0, 0)), replace(sample.pair.msi, values=values))
    filled, _, _ = ready(pair)
    others = filled[0].flatten(1)[:, 1:]
    assert (filled[0, :, 0, 0] <= others.amax(1)).all()
    assert (filled[0, :, 0, 0] >= others.amin(1)).all()
