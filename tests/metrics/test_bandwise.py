"""PSNR, RMSE, ERGAS and CC against hand-worked values and against torchmetrics and sewar."""

import math

import numpy as np
import pytest
import sewar
import torch
from torchmetrics.functional.image import error_relative_global_dimensionless_synthesis, peak_signal_noise_ratio
from torchmetrics.functional.regression import pearson_corrcoef

from csakd.metrics import PSNR_CAP, cc, ergas, psnr, rmse

# Two bands of 2x2. Band 0: peak 2, every error 1, MSE 1. Band 1: peak 10, one error of 2, MSE 4/4 = 1.
TRUTH = torch.tensor([[[0.0, 1.0], [2.0, 1.0]], [[10.0, 10.0], [10.0, 6.0]]])
ESTIMATE = torch.tensor([[[1.0, 0.0], [1.0, 2.0]], [[10.0, 10.0], [10.0, 8.0]]])


def scene(seed=0, bands=5, rows=24, columns=20):
    draw = torch.Generator().manual_seed(seed)
    truth = torch.rand(bands, rows, columns, generator=draw) * torch.linspace(0.2, 1, bands)[:, None, None] + 0.05
    return truth + 0.05 * torch.randn(truth.shape, generator=draw), truth


def channels_last(cube):
    return cube.permute(1, 2, 0).double().numpy()


def test_psnr_by_hand():
    # per band: 10·log10(2²/1) = 6.0206 and 10·log10(10²/1) = 20; their mean 13.0103
    assert psnr(ESTIMATE, TRUTH) == pytest.approx((10 * math.log10(4) + 20) / 2)
    # global maximum 10 over errors 1 and 1: 20 twice
    assert psnr(ESTIMATE, TRUTH, convention="global_max") == pytest.approx(20)
    assert psnr(ESTIMATE, TRUTH, convention="pooled") == pytest.approx(20)
    # with band 1 perfect the pooled error halves: 10·log10(100/0.5)
    half = torch.stack([ESTIMATE[0], TRUTH[1]])
    assert psnr(half, TRUTH, convention="pooled") == pytest.approx(10 * math.log10(200))
    assert psnr(half, TRUTH, convention="global_max") == pytest.approx((20 + PSNR_CAP) / 2)


def test_psnr_cap_is_one_rounding_of_float32_at_the_peak():
    truth = torch.ones(1, 4, 4, dtype=torch.float64)
    assert math.isclose(PSNR_CAP, 144.494, abs_tol=1e-3)
    assert psnr(truth + 2.0**-24, truth) == pytest.approx(PSNR_CAP)
    assert psnr(truth + 2.0**-23, truth) == pytest.approx(PSNR_CAP - 20 * math.log10(2))
    assert psnr(truth + 2.0**-30, truth) == PSNR_CAP


def test_psnr_peak_is_a_magnitude():
    assert psnr(-ESTIMATE, -TRUTH) == pytest.approx(psnr(ESTIMATE, TRUTH))


def test_psnr_against_oracles():
    estimate, truth = scene()
    peak = float(truth.max())
    oracle = peak_signal_noise_ratio(estimate.double(), truth.double(), data_range=peak)
    assert psnr(estimate, truth, convention="pooled") == pytest.approx(float(oracle), rel=1e-6)
    oracle = sewar.psnr(channels_last(truth), channels_last(estimate), MAX=peak)
    assert psnr(estimate, truth, convention="pooled") == pytest.approx(oracle, rel=1e-6)
    # torchmetrics has no per-band convention; given one band at a time it becomes one.
    bands = [peak_signal_noise_ratio(e, t, data_range=float(t.max())) for e, t in zip(estimate, truth, strict=True)]
    assert psnr(estimate, truth) == pytest.approx(float(torch.stack(bands).mean()), rel=1e-5)


def test_unknown_convention_lists_the_known():
    with pytest.raises(ValueError, match="per_band_max, global_max, pooled"):
        psnr(ESTIMATE, TRUTH, convention="max")


def test_rmse_by_hand_and_against_sewar():
    # mean squared errors 1 and 1: sqrt(mean) = 1. With band 1's error doubled: (1 + 4)/2
    assert rmse(ESTIMATE, TRUTH) == pytest.approx(1)
    worse = torch.stack([ESTIMATE[0], 2 * ESTIMATE[1] - TRUTH[1]])
    assert rmse(worse, TRUTH) == pytest.approx(math.sqrt(2.5))
    estimate, truth = scene()
    assert rmse(estimate, truth) == pytest.approx(sewar.rmse(channels_last(truth), channels_last(estimate)))


def test_ergas_by_hand():
    # means 1 and 9, mean squared errors 1 and 1: 100/4 · sqrt((1/1 + 1/81)/2)
    assert ergas(ESTIMATE, TRUTH, ratio=4) == pytest.approx(25 * math.sqrt((1 + 1 / 81) / 2))
    assert ergas(ESTIMATE, TRUTH, ratio=2) == pytest.approx(50 * math.sqrt((1 + 1 / 81) / 2))


def test_ergas_against_oracles():
    estimate, truth = scene()
    oracle = error_relative_global_dimensionless_synthesis(estimate[None], truth[None], ratio=4)
    assert ergas(estimate, truth, ratio=4) == pytest.approx(float(oracle), rel=1e-5)
    # sewar's ratio is that of the pixel sizes, high over low
    assert ergas(estimate, truth, ratio=4) == pytest.approx(
        sewar.ergas(channels_last(truth), channels_last(estimate), r=1 / 4)
    )


def test_ergas_leaves_out_bands_of_zero_mean():
    centred = torch.tensor([[[-1.0, 1.0], [1.0, -1.0]]])
    truth, estimate = torch.cat([TRUTH, centred]), torch.cat([ESTIMATE, centred + 1])
    assert ergas(estimate, truth, ratio=4) == ergas(ESTIMATE, TRUTH, ratio=4)
    with pytest.raises(ValueError, match="zero mean"):
        ergas(centred, centred, ratio=4)


@pytest.mark.parametrize("ratio", [0, -4])
def test_ergas_wants_a_positive_ratio(ratio):
    with pytest.raises(ValueError, match="not positive"):
        ergas(ESTIMATE, TRUTH, ratio=ratio)


def test_cc_by_hand():
    # band 0 centred: truth (−1 0 1 0), estimate (0 −1 0 1): product 0
    # band 1 centred: truth (1 1 1 −3), estimate (.5 .5 .5 −1.5): in proportion, so 1
    assert cc(ESTIMATE, TRUTH) == pytest.approx(0.5)
    assert cc(3 - 2 * TRUTH, TRUTH) == pytest.approx(-1)


def test_cc_against_torchmetrics_and_numpy():
    estimate, truth = scene()
    oracle = pearson_corrcoef(estimate.double().flatten(1).T, truth.double().flatten(1).T).mean()
    assert cc(estimate, truth) == pytest.approx(float(oracle), rel=1e-6)
    bands = [np.corrcoef(e.ravel(), t.ravel())[0, 1] for e, t in zip(estimate.numpy(), truth.numpy(), strict=True)]
    assert cc(estimate, truth) == pytest.approx(np.mean(bands), rel=1e-5)


def test_cc_of_constant_bands():
    # 0.1 is no float32: the mean of many is off by a rounding, and a variance of noise must not decide.
    flat = torch.full((1, 37, 41), 0.1)
    assert cc(flat, flat) == 1
    assert cc(flat + 0.1, flat) == 0
    assert cc(torch.rand_like(flat), flat) == 0
    assert cc(flat, torch.rand_like(flat)) == 0
