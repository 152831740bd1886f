"""What holds for every metric in the table."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import TypeCheckError

from csakd.metrics import METRICS, rmse

every_metric = pytest.mark.parametrize("key", METRICS)


def score(key, estimate, truth, **options):
    if key == "ergas":
        options["ratio"] = 4
    return METRICS[key].function(estimate, truth, **options)


def scene(seed=0, bands=4, rows=18, columns=16):
    draw = torch.Generator().manual_seed(seed)
    truth = torch.rand(bands, rows, columns, generator=draw) + 0.1
    return truth + 0.1 * torch.rand(truth.shape, generator=draw), truth


def with_dead_band(cube, value=0.0):
    return torch.cat([cube[:2], torch.full_like(cube[:1], value), cube[2:]])


@every_metric
@pytest.mark.parametrize("rows", [1, 5, 18])
def test_a_perfect_estimate_is_ideal(key, rows):
    _, truth = scene(rows=rows)
    truth[1] = 0.3  # a constant band
    truth[2] = 0  # a dead one
    truth[:, 0, 0] = 0  # a blank pixel
    assert score(key, truth.clone(), truth) == pytest.approx(METRICS[key].ideal, abs=1e-12)


@every_metric
def test_worse_estimates_score_worse(key):
    estimate, truth = scene()
    better, worse = score(key, estimate, truth), score(key, 3 * estimate - 2 * truth, truth)
    assert (better > worse) == METRICS[key].higher_is_better
    assert abs(better - METRICS[key].ideal) < abs(worse - METRICS[key].ideal)


@pytest.mark.parametrize("key", [key for key in METRICS if key not in ("rmse", "sam")])
def test_dead_bands_are_left_out_of_band_means(key):
    estimate, truth = scene()
    for value in (0.0, 0.7):
        assert score(key, with_dead_band(estimate, value), with_dead_band(truth)) == score(key, estimate, truth)


def test_dead_bands_count_in_the_rmse():
    estimate, truth = scene()
    four, dead = rmse(estimate, truth) ** 2, 0.5**2
    assert rmse(with_dead_band(estimate, 0.5), with_dead_band(truth)) == pytest.approx(math.sqrt((4 * four + dead) / 5))


@every_metric
@settings(max_examples=15, deadline=None)
@given(
    junk=st.lists(st.floats(width=32, allow_nan=True, allow_infinity=True), min_size=2, max_size=2),
    holes=st.lists(st.tuples(st.integers(0, 17), st.integers(0, 15)), min_size=1, max_size=6),
)
def test_invalid_pixels_never_matter(key, junk, holes):
    estimate, truth = scene()
    truth[1] = 0  # dead where it counts, whatever the junk says
    valid = torch.ones(18, 16, dtype=torch.bool)
    for row, column in holes:
        valid[row, column] = False
    clean = score(key, estimate, truth, valid=valid)
    assert math.isfinite(clean)
    estimate[:, ~valid], truth[:, ~valid] = junk
    assert score(key, estimate, truth, valid=valid) == clean


@pytest.mark.parametrize("key", [key for key in METRICS if key not in ("ssim", "uiqi")])
def test_a_mask_equals_a_crop(key):
    estimate, truth = scene()
    valid = torch.zeros(18, 16, dtype=torch.bool)
    valid[3:9, 2:16] = True
    cropped = score(key, estimate[:, 3:9, 2:16], truth[:, 3:9, 2:16])
    assert score(key, estimate, truth, valid=valid) == pytest.approx(cropped, rel=1e-12)


@every_metric
def test_float64_inside_whatever_comes_in(key):
    estimate, truth = (cube.half() for cube in scene())
    assert score(key, estimate, truth) == score(key, estimate.double(), truth.double())


@every_metric
def test_a_gradient_may_hang_on_the_estimate(key):
    estimate, truth = scene()
    assert type(score(key, estimate.requires_grad_(), truth)) is float


@every_metric
def test_what_cannot_be_compared_is_refused(key):
    estimate, truth = scene()
    # the shape checker, where it runs, comes first
    with pytest.raises((ValueError, TypeCheckError)):
        score(key, estimate[:, :-1], truth)
    with pytest.raises((ValueError, TypeCheckError)):
        score(key, estimate, truth, valid=torch.ones(3, 3, dtype=torch.bool))
    with pytest.raises(ValueError, match="no pixel is valid"):
        score(key, estimate, truth, valid=torch.zeros(18, 16, dtype=torch.bool))
    for cube, name in ((estimate, "estimate"), (truth, "truth")):
        cube[0, 0, 0] = float("nan")
        with pytest.raises(ValueError, match=f"the {name} holds NaN"):
            score(key, estimate, truth)
        cube[0, 0, 0] = 1.0


@pytest.mark.parametrize("key", [key for key in METRICS if key != "rmse"])
def test_a_truth_of_zeros_is_refused(key):
    estimate, _ = scene()
    with pytest.raises(ValueError, match="leave this scene out"):
        score(key, estimate, torch.zeros_like(estimate))
