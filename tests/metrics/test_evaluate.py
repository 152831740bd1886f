"""All scores of two cubes at once, and the protocols."""

import math

import numpy as np
import pytest
import torch

from csakd.cubes import Cube
from csakd.metrics import METRICS, evaluate, psnr, sam

KEYS = ["psnr", "sam", "rmse", "ergas", "ssim", "uiqi", "cc"]


def scene(seed=0):
    draw = np.random.default_rng(seed)
    truth = draw.uniform(200, 1200, (4, 15, 13)).astype(np.float32)
    return truth + draw.normal(0, 20, truth.shape).astype(np.float32), truth


@pytest.mark.parametrize("protocol", ["per_band_max", "global_max", "pooled", "paper"])
def test_keys_and_order(protocol):
    estimate, truth = scene()
    scores = evaluate(Cube(estimate), Cube(truth), protocol=protocol)
    assert list(scores) == list(METRICS) == KEYS
    assert all(type(value) is float and math.isfinite(value) for value in scores.values())


def test_scores_are_those_of_the_functions():
    estimate, truth = scene()
    scores = evaluate(Cube(estimate), Cube(truth), ratio=3)
    tensors = torch.from_numpy(estimate), torch.from_numpy(truth)
    for key, metric in METRICS.items():
        assert scores[key] == metric.function(*tensors, **({"ratio": 3} if key == "ergas" else {}))


@pytest.mark.parametrize("convention", ["global_max", "pooled"])
def test_conventions_change_the_psnr_alone(convention):
    estimate, truth = scene()
    default = evaluate(Cube(estimate), Cube(truth))
    other = evaluate(Cube(estimate), Cube(truth), protocol=convention)
    expected = psnr(torch.from_numpy(estimate), torch.from_numpy(truth), convention=convention)
    assert other == {**default, "psnr": expected}
    assert other["psnr"] != default["psnr"]


def test_paper_protocol_by_hand():
    # Truth 10, 20 | 20, 30 and estimate 10, 20 | 20, 26, both (x − 10)/20: truth 0, .5 | .5, 1; estimate 0, .5 | .5, .8
    truth = np.array([[[10.0, 20.0]], [[20.0, 30.0]]])
    estimate = np.array([[[10.0, 20.0]], [[20.0, 26.0]]])
    scores = evaluate(Cube(estimate), Cube(truth), protocol="paper")
    # sqrt of the mean square 0.2²/4 is 0.1; 0.1·20 + 10
    assert scores["rmse"] == pytest.approx(12)
    # band 0 is perfect: the cap; band 1 has peak 1 and mean square 0.04/2
    assert scores["psnr"] == pytest.approx((METRICS["psnr"].ideal + 10 * math.log10(1 / 0.02)) / 2)
    # pixel 0 agrees; pixel 1 has (.5, 1) against (.5, .8)
    assert scores["sam"] == pytest.approx(math.degrees(math.atan2(1, 0.5) - math.atan2(0.8, 0.5)) / 2, rel=1e-6)
    # means 0.25 and 0.75: 25·sqrt((0 + .02/.5625)/2)
    assert scores["ergas"] == pytest.approx(25 * math.sqrt(0.02 / 0.75**2 / 2))


def test_paper_protocol_shifts_what_sam_sees():
    estimate, truth = scene()
    angle = sam(torch.from_numpy(estimate), torch.from_numpy(truth))
    assert evaluate(Cube(estimate), Cube(truth))["sam"] == angle
    assert evaluate(Cube(estimate), Cube(truth), protocol="paper")["sam"] > angle


def test_paper_protocol_cannot_scale_a_constant():
    flat = Cube(np.full((2, 4, 4), 3.0))
    with pytest.raises(ValueError, match="choose another protocol"):
        evaluate(flat, flat, protocol="paper")
    assert evaluate(flat, flat) == pytest.approx({key: metric.ideal for key, metric in METRICS.items()})


@pytest.mark.parametrize("protocol", ["per_band_max", "paper"])
def test_both_masks_count(protocol):
    estimate, truth = scene()
    estimate[:, 0] = np.nan  # NaN in every band
    truth[2, 1, 1] = -9999  # nodata in one
    explicit = np.ones((15, 13), dtype=bool)
    explicit[:, 0] = False
    scores = evaluate(Cube(estimate), Cube(truth, valid=explicit, nodata=-9999), protocol=protocol)
    both = explicit.copy()
    both[0] = both[1, 1] = False
    again = evaluate(Cube(np.nan_to_num(estimate), valid=both), Cube(truth, valid=both), protocol=protocol)
    assert scores == again


def test_a_dead_band_is_no_poison():
    estimate, truth = scene()
    truth[1] = np.nan
    assert all(math.isfinite(value) for value in evaluate(Cube(estimate), Cube(truth)).values())


def test_wavelengths_must_agree():
    estimate, truth = scene()
    nm = np.array([450.0, 550.0, 650.0, 750.0])
    close = evaluate(Cube(estimate, wavelengths=nm + 0.9), Cube(truth, wavelengths=nm))
    assert close == evaluate(Cube(estimate), Cube(truth, wavelengths=nm))
    with pytest.raises(ValueError, match=r"differ by up to 300\.0 nm"):
        evaluate(Cube(estimate, wavelengths=nm[::-1]), Cube(truth, wavelengths=nm))


def test_shapes_must_agree():
    estimate, truth = scene()
    with pytest.raises(ValueError, match="the estimate is 4x15x12, the truth 4x15x13; crop or resample"):
        evaluate(Cube(estimate[..., :-1]), Cube(truth))


@pytest.mark.parametrize("protocol", ["per_band_max", "paper"])
def test_no_pixel_in_common(protocol):
    estimate, truth = scene()
    left = np.arange(13) < 6
    masks = np.broadcast_to(left, (15, 13)), np.broadcast_to(~left, (15, 13))
    with pytest.raises(ValueError, match="no pixel is valid in both"):
        evaluate(Cube(estimate, valid=masks[0]), Cube(truth, valid=masks[1]), protocol=protocol)


def test_unknown_protocol_lists_the_known():
    estimate, truth = scene()
    with pytest.raises(ValueError, match="per_band_max, global_max, pooled, paper"):
        evaluate(Cube(estimate), Cube(truth), protocol="released")
