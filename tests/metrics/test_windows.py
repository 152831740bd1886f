"""SSIM and UIQI against hand-worked windows, plain loops, torchmetrics and sewar."""

import math

import numpy as np
import pytest
import sewar
import torch
from sewar.utils import Filter
from torchmetrics.functional.image import structural_similarity_index_measure

from csakd.metrics import ssim, uiqi


def scene(seed=0, bands=3, rows=20, columns=17):
    draw = torch.Generator().manual_seed(seed)
    truth = torch.rand(bands, rows, columns, generator=draw, dtype=torch.float64) + 0.2
    return truth + 0.2 * torch.randn(truth.shape, generator=draw, dtype=torch.float64), truth


def index_of_one_window(x, y):
    """Q as printed by Wang & Bovik: 4·σ_xy·μx·μy / ((σx² + σy²)(μx² + μy²)), with N − 1 in the variances."""
    (xx, xy), (_, yy) = np.cov(x.ravel(), y.ravel())
    return 4 * xy * x.mean() * y.mean() / ((xx + yy) * (x.mean() ** 2 + y.mean() ** 2))


def test_ssim_of_one_pixel_by_hand():
    # peak 2: C1 = (.01·2)² = .0004; no variance in one pixel, so luminance alone: (2·1·2 + C1)/(1 + 4 + C1)
    value = ssim(torch.tensor([[[1.0]]]), torch.tensor([[[2.0]]]))
    assert value == pytest.approx(4.0004 / 5.0004)


def test_ssim_of_a_small_image_by_hand():
    # 2×2 pixels shrink the window to 2×2, where the Gaussian's four weights are equal
    truth, estimate = torch.tensor([[[0.0, 4.0], [4.0, 0.0]]]), torch.tensor([[[0.0, 2.0], [2.0, 0.0]]])
    c1, c2 = (0.01 * 4) ** 2, (0.03 * 4) ** 2
    # means 2 and 1, variances 4 and 1, covariance 2
    by_hand = (2 * 2 * 1 + c1) * (2 * 2 + c2) / ((4 + 1 + c1) * (4 + 1 + c2))
    assert ssim(estimate, truth) == pytest.approx(by_hand)


def test_ssim_against_torchmetrics():
    estimate, truth = scene()
    bands = []
    for e, t in zip(estimate, truth, strict=True):
        _, image = structural_similarity_index_measure(
            e[None, None], t[None, None], data_range=float(t.max()), return_full_image=True
        )
        # torchmetrics mirrors the border and averages there too; the windows inside the image are the paper's
        bands.append(image[..., 5:-5, 5:-5].mean())
    assert ssim(estimate, truth) == pytest.approx(float(torch.stack(bands).mean()), rel=1e-6)


def test_ssim_against_sewar():
    estimate, truth = scene()
    gaussian = {"fltr": Filter.GAUSSIAN, "ws": 11, "sigma": 1.5}
    bands = [
        sewar.ssim(t.numpy(), e.numpy(), MAX=float(t.max()), fltr_specs=gaussian)[0]
        for e, t in zip(estimate, truth, strict=True)
    ]
    assert ssim(estimate, truth) == pytest.approx(np.mean(bands), rel=1e-6)


def test_uiqi_of_one_window_by_hand():
    truth, estimate = torch.tensor([[[0.0, 4.0], [4.0, 0.0]]]), torch.tensor([[[0.0, 2.0], [2.0, 0.0]]])
    # means 2 and 1, variances 4 and 1, covariance 2: (2·2/5)·(2·2·1/5) = 16/25
    assert uiqi(estimate, truth) == pytest.approx(16 / 25)


@pytest.mark.parametrize(("window", "stride"), [(8, 1), (5, 3), (8, 8)])
def test_uiqi_against_a_loop_over_windows(window, stride):
    estimate, truth = scene()
    bands = [
        np.mean(
            [
                index_of_one_window(e[i : i + window, j : j + window], t[i : i + window, j : j + window])
                for i in range(0, e.shape[0] - window + 1, stride)
                for j in range(0, e.shape[1] - window + 1, stride)
            ]
        )
        for e, t in zip(estimate.numpy(), truth.numpy(), strict=True)
    ]
    assert uiqi(estimate, truth, window=window, stride=stride) == pytest.approx(np.mean(bands))


def test_uiqi_against_torchmetrics():
    # Its own universal_image_quality_index has Gaussian windows. SSIM with uniform windows and no constants is Q.
    # sewar's uqi is no oracle: it takes window means where its formula wants window sums.
    estimate, truth = scene()
    bands = []
    for e, t in zip(estimate, truth, strict=True):
        _, image = structural_similarity_index_measure(
            e[None, None],
            t[None, None],
            gaussian_kernel=False,
            kernel_size=7,
            k1=0,
            k2=0,
            data_range=1.0,
            return_full_image=True,
        )
        bands.append(image[..., 3:-3, 3:-3].mean())
    assert uiqi(estimate, truth, window=7) == pytest.approx(float(torch.stack(bands).mean()), rel=1e-6)


@pytest.mark.parametrize("window", [7, 8, 32])
@pytest.mark.parametrize("value", [0.1, 0.3, 1.7, 123.4])
def test_uiqi_of_flat_windows(window, value):
    # E[x²] − E[x]² of a constant is rounding noise of either sign, which must not pass for contrast
    flat = torch.full((1, 34, 34), value, dtype=torch.float64)
    assert uiqi(flat, flat, window=window) == 1
    # means alone: 2·0.7·1/(0.49 + 1)
    assert uiqi(0.7 * flat, flat, window=window) == pytest.approx(1.4 / 1.49)
    # one flat, one not: no covariance, no similarity
    assert uiqi(torch.rand_like(flat), flat, window=window) == pytest.approx(0, abs=1e-9)


def test_flat_regions_in_a_live_band():
    truth = torch.zeros(1, 30, 30)
    truth[:, 20:] = torch.rand(1, 10, 30)
    assert uiqi(truth, truth) == 1
    assert ssim(truth, truth) == 1


def test_ssim_of_flat_bands():
    flat = torch.full((1, 12, 12), 0.5)
    assert ssim(flat, flat) == 1
    # peak 0.5: C1 = .005²; variances cancel: (2·.5·1 + C1)/(.25 + 1 + C1)
    assert ssim(2 * flat, flat) == pytest.approx((1 + 0.005**2) / (1.25 + 0.005**2))


@pytest.mark.parametrize(("metric", "size"), [(ssim, 11), (uiqi, 8)])
def test_windows_touching_the_mask_are_left_out(metric, size):
    estimate, truth = scene(rows=24, columns=40)
    truth[:, 0, [0, 30]] = 2.0  # one peak on both sides, for SSIM's constants
    valid = torch.ones(24, 40, dtype=torch.bool)
    valid[:, 20:25] = False
    left, right = metric(estimate[..., :20], truth[..., :20]), metric(estimate[..., 25:], truth[..., 25:])
    windows_left, windows_right = 20 - size + 1, 15 - size + 1  # in every row of windows
    both = (windows_left * left + windows_right * right) / (windows_left + windows_right)
    assert metric(estimate, truth, valid=valid) == pytest.approx(both)


@pytest.mark.parametrize("metric", [ssim, uiqi])
def test_the_window_shrinks_to_what_the_mask_leaves(metric):
    estimate, truth = scene()
    valid = torch.zeros(20, 17, dtype=torch.bool)
    valid[4:7, 5:8] = True
    assert metric(estimate, truth, valid=valid) == pytest.approx(metric(estimate[:, 4:7, 5:8], truth[:, 4:7, 5:8]))


def test_blocks_shrink_with_their_stride():
    estimate, truth = scene()
    valid = torch.zeros(20, 17, dtype=torch.bool)
    valid[7, 11] = True
    x, y = estimate[:, 7, 11], truth[:, 7, 11]
    by_hand = (2 * x * y / (x**2 + y**2)).mean()
    assert uiqi(estimate, truth, valid=valid, window=32, stride=32) == pytest.approx(float(by_hand))


@pytest.mark.parametrize("options", [{"window": 0}, {"stride": 0}])
def test_windows_must_exist(options):
    with pytest.raises(ValueError, match="at least 1"):
        uiqi(*scene(), **options)


def test_gaussian_weights_fade_by_sigma():
    # one bright pixel in the middle of the only window: the truth's mean there is its weight
    truth = torch.zeros(1, 3, 3, dtype=torch.float64)
    truth[0, 1, 1] = 1.0
    edge = math.exp(-1 / (2 * 1.5**2))
    centre = 1 / (1 + 2 * edge) ** 2
    # estimate zero: (C1)(C2) / ((centre² + C1)(centre − centre² + C2))
    c1, c2 = 0.01**2, 0.03**2
    by_hand = c1 * c2 / ((centre**2 + c1) * (centre - centre**2 + c2))
    assert ssim(torch.zeros_like(truth), truth) == pytest.approx(by_hand)
