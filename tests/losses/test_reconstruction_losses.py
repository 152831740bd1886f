"""ℓ1, smooth ℓ1, BEBA and SAM against hand-worked values, PyTorch's own and the metric."""

import math

import pytest
import torch

from csakd.losses import beba, l1, sam, smooth_l1
from csakd.metrics import spectral_angle


def batch(seed=0, shape=(2, 5, 6, 7), dtype=torch.float64):
    draw = torch.Generator().manual_seed(seed)
    truth = torch.rand(shape, generator=draw, dtype=dtype)
    return truth + 0.3 * torch.randn(shape, generator=draw, dtype=dtype), truth


def row(*values):
    """One scene of one band and one row."""
    return torch.tensor([[[list(values)]]])


def test_l1_by_hand():
    # |1 − 0| and |2 − 5|: mean 2
    assert l1(row(1.0, 2.0), row(0.0, 5.0)) == pytest.approx(2)
    assert l1(row(1.0, 2.0), row(0.0, 5.0), valid=torch.tensor([[[True, False]]])) == pytest.approx(1)


def test_smooth_l1_by_hand():
    # errors 0.5 and 3: 0.5²/2 = 0.125 and 3 − 0.5 = 2.5
    assert smooth_l1(row(0.5, 2.0), row(0.0, 5.0)) == pytest.approx((0.125 + 2.5) / 2)


def test_beba_by_hand_below_the_threshold():
    # D = 0.25 and 0, below β = 1: mean of 0.5·D is 0.0625. Energy (1 + 4)/2 + 0.1 = 2.6
    assert beba(row(1.5, 2.0), row(1.0, 2.0)) == pytest.approx(0.0625 / 2.6)


def test_beba_by_hand_above_the_threshold():
    # D = 9 and 1: 0.5·9 + (9 − 1) = 12.5 and 0.5 + 0 = 0.5, mean 6.5. Energy (1 + 4)/2 + 0.1
    assert beba(row(4.0, 3.0), row(1.0, 2.0)) == pytest.approx(6.5 / 2.6)
    # β = 4, α = 1: 9/4 + 5 = 7.25 and 1/4, mean 3.75
    assert beba(row(4.0, 3.0), row(1.0, 2.0), beta=4.0, alpha=1.0) == pytest.approx(3.75 / 2.6)


def test_beba_weighs_each_band_and_scene_by_its_own_energy():
    estimate, truth = batch()
    scenes = [
        beba(e[None, None], t[None, None])
        for es, ts in zip(estimate, truth, strict=True)
        for e, t in zip(es, ts, strict=True)
    ]
    torch.testing.assert_close(beba(estimate, truth), torch.stack(scenes).mean())
    # bright bands count less for the same error
    assert beba(row(11.0), row(10.0)) < beba(row(2.0), row(1.0))


def test_sam_by_hand():
    truth = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 1.0]]).T[None, :, None]
    estimate = torch.tensor([[2.0, 0.0], [0.0, 3.0], [-1.0, -1.0]]).T[None, :, None]
    # cosines 1, 0, −1
    assert sam(estimate, truth) == pytest.approx(1 - (1 + 0 - 1) / 3)


def test_sam_is_the_metrics_angle():
    estimate, truth = batch()
    cosine = torch.cos(torch.deg2rad(spectral_angle(estimate, truth)))
    torch.testing.assert_close(sam(estimate, truth), 1 - cosine.mean())


def test_sam_leaves_out_pixels_whose_truth_has_no_direction():
    estimate, truth = batch(shape=(1, 4, 1, 3))
    truth[..., 0] = 0
    estimate[..., 1] = 0  # costs 1, like a right angle
    rest = sam(estimate[..., 2:], truth[..., 2:])
    torch.testing.assert_close(sam(estimate, truth), (1 + rest) / 2)


@pytest.mark.parametrize("start", ["equality", "zero estimate", "zero truth", "faint estimate"])
def test_sam_gradient_is_finite_and_bounded(start):
    _, truth = batch(dtype=torch.float32)
    estimate = truth.clone()
    if start == "zero estimate":
        estimate.zero_()
    if start == "faint estimate":
        estimate *= 1e-20
    if start == "zero truth":
        truth = torch.zeros_like(truth)
    estimate.requires_grad_()
    loss = sam(estimate, truth)
    loss.backward()
    pixels = truth[:, 0].numel()
    assert torch.linalg.vector_norm(estimate.grad, dim=1).max() <= 1.001e4 / pixels
    if start == "equality":
        assert abs(float(loss.detach())) < 1e-6
        assert estimate.grad.abs().max() < 1e-6


@pytest.mark.parametrize("loss", [l1, smooth_l1, beba, sam])
def test_masked_pixels_neither_score_nor_pull(loss):
    estimate, truth = batch()
    valid = torch.ones(2, 6, 7, dtype=torch.bool)
    valid[:, 4:] = False
    cropped = loss(estimate[:, :, :4], truth[:, :, :4])
    truth[:, :, 4] = math.nan
    truth[:, :, 5] = math.inf
    estimate[:, :, 4:] = 1e30
    estimate.requires_grad_()
    masked = loss(estimate, truth, valid=valid)
    torch.testing.assert_close(masked, cropped)
    masked.backward()
    assert torch.isfinite(estimate.grad).all()
    assert not estimate.grad[:, :, 4:].any()


@pytest.mark.parametrize("loss", [l1, smooth_l1, beba, sam])
def test_a_scene_without_valid_pixels_adds_zero(loss):
    estimate, truth = batch()
    valid = torch.ones(2, 6, 7, dtype=torch.bool)
    valid[1] = False
    torch.testing.assert_close(loss(estimate, truth, valid=valid), loss(estimate[:1], truth[:1]) / 2)
