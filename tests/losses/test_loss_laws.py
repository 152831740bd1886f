"""What holds for every loss."""

import functools

import pytest
import torch
from jaxtyping import TypeCheckError

from csakd.losses import beba, kd, l1, response, sam, smooth_l1

RECONSTRUCTION = {"l1": l1, "smooth_l1": smooth_l1, "beba": beba, "sam": sam, "response": response}
LOSSES = {**RECONSTRUCTION, "kd": kd, "kd printed": functools.partial(kd, roles="printed")}
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


def batch(seed=0, dtype=torch.float64):
    draw = torch.Generator().manual_seed(seed)
    truth = torch.rand(2, 3, 4, 5, generator=draw, dtype=dtype) + 0.1
    return truth + 2 * torch.rand(truth.shape, generator=draw, dtype=dtype), truth


@pytest.mark.parametrize("loss", RECONSTRUCTION.values(), ids=RECONSTRUCTION)
@pytest.mark.parametrize("masked", [False, True])
def test_zero_at_equality(loss, masked):
    _, truth = batch()
    truth[:, :, 0, 0] = 0
    valid = torch.rand(2, 4, 5) > 0.5 if masked else None
    assert float(loss(truth, truth.clone(), valid=valid)) == pytest.approx(0, abs=1e-12)


@every_loss
def test_gradients_are_those_of_the_formula(loss):
    # errors of 0 to 2 lie on both sides of smooth ℓ1's and BEBA's threshold 1
    estimate, truth = batch()
    assert torch.autograd.gradcheck(lambda e: loss(e, truth), estimate.requires_grad_())


@every_loss
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_gradients_are_finite_at_awkward_places(loss, dtype):
    for estimate, truth in ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (50.0, -50.0), (200.0, 1.0)):
        given = torch.full((1, 3, 2, 2), estimate, dtype=dtype, requires_grad=True)
        value = loss(given, torch.full((1, 3, 2, 2), truth, dtype=dtype))
        value.backward()
        assert torch.isfinite(value)
        assert torch.isfinite(given.grad).all()


@every_loss
def test_half_precision_is_lifted(loss):
    estimate, truth = (cube.bfloat16() for cube in batch())
    with torch.autocast("cpu", torch.bfloat16):
        lifted = loss(estimate, truth)
    assert lifted.dtype == torch.float32
    assert lifted.shape == ()
    torch.testing.assert_close(lifted, loss(estimate.float(), truth.float()))


@every_loss
def test_a_batch_is_the_mean_of_its_scenes(loss):
    estimate, truth = batch()
    scenes = [loss(estimate[i : i + 1], truth[i : i + 1]) for i in range(2)]
    torch.testing.assert_close(loss(estimate, truth), torch.stack(scenes).mean())


@every_loss
def test_shapes_must_agree(loss):
    estimate, truth = batch()
    # the shape checker, where it runs, comes first
    with pytest.raises((ValueError, TypeCheckError)):
        loss(estimate[:1], truth)
