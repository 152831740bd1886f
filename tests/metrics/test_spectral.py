"""Spectral cosine, angle and SAM against hand-worked angles, torchmetrics and sewar."""

import math

import pytest
import sewar
import torch
from torchmetrics.functional.image import spectral_angle_mapper

from csakd.metrics import blank_pixels, sam, spectral_angle, spectral_cosine, unit_spectra


def pixels(*spectra):
    """A cube of one row from its spectra."""
    return torch.tensor(spectra).T[:, None, :]


def test_angles_by_hand():
    truth = pixels([1.0, 0.0], [1.0, 0.0], [2.0, 0.0], [1.0, 1.0])
    estimate = pixels([3.0, 0.0], [1.0, 1.0], [0.0, 5.0], [-1.0, -1.0])
    assert spectral_angle(estimate, truth)[0].tolist() == pytest.approx([0, 45, 90, 180], abs=1e-4)
    assert spectral_cosine(estimate, truth)[0].tolist() == pytest.approx([1, math.sqrt(0.5), 0, -1], abs=1e-6)
    assert sam(estimate, truth) == pytest.approx((0 + 45 + 90 + 180) / 4)


def test_small_angles_keep_their_digits():
    # tan(1e-9) = 1e-9 to 18 digits; the arc cosine of a float64 cosine would return 0
    truth = pixels([1.0, 0.0]).double()
    estimate = truth + pixels([0.0, 1e-9]).double()
    assert sam(estimate, truth) == pytest.approx(math.degrees(1e-9), rel=1e-9)


def test_against_oracles():
    draw = torch.Generator().manual_seed(0)
    truth = torch.rand(7, 12, 10, generator=draw, dtype=torch.float64)
    estimate = truth + 0.1 * torch.rand(truth.shape, generator=draw, dtype=torch.float64)
    # both in radians
    radians = spectral_angle_mapper(estimate[None], truth[None])
    assert sam(estimate, truth) == pytest.approx(math.degrees(float(radians)))
    radians = sewar.sam(truth.permute(1, 2, 0).numpy(), estimate.permute(1, 2, 0).numpy())
    assert sam(estimate, truth) == pytest.approx(math.degrees(radians))


def test_scale_of_a_spectrum_does_not_matter():
    draw = torch.Generator().manual_seed(1)
    truth, gain = torch.rand(6, 8, 8, generator=draw) + 0.1, torch.rand(8, 8, generator=draw) + 0.5
    assert sam(truth * gain, truth) == pytest.approx(0, abs=1e-5)
    # identical cubes: exactly
    assert sam(truth, truth) == 0


def test_blank_pixels_are_left_out_and_counted():
    # torchmetrics returns NaN here, and sewar leaves out an estimate's blank pixels as well
    truth = pixels([0.0, 0.0], [1.0, 0.0], [1.0, 0.0])
    estimate = pixels([3.0, 1.0], [1.0, 1.0], [0.0, 0.0])
    assert blank_pixels(truth) == 1
    assert blank_pixels(truth, valid=torch.tensor([[False, True, True]])) == 0
    # pixel 0 has no direction; 45° and, for the pixel the estimate blanked, 90°
    assert sam(estimate, truth) == pytest.approx((45 + 90) / 2)


def test_blocks_of_rows_agree_with_the_whole(monkeypatch):
    draw = torch.Generator().manual_seed(2)
    truth, estimate = torch.rand(2, 4, 11, 9, generator=draw)
    whole = sam(estimate, truth)
    monkeypatch.setattr("csakd.metrics.spectral._BLOCK", 2 * 4 * 9)
    assert sam(estimate, truth) == whole


def test_formulas_take_batches():
    draw = torch.Generator().manual_seed(3)
    truth, estimate = torch.rand(2, 3, 4, 5, 6, generator=draw)
    for formula in (spectral_angle, spectral_cosine):
        torch.testing.assert_close(formula(estimate, truth)[1], formula(estimate[1], truth[1]))


def test_floor_shortens_faint_spectra():
    faint = pixels([3e-6, 4e-6])  # length 5e-6
    assert torch.linalg.vector_norm(unit_spectra(faint)) == pytest.approx(1)
    assert torch.linalg.vector_norm(unit_spectra(faint, floor=1e-5)) == pytest.approx(0.5)
