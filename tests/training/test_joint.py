"""The joint step as a pure function: which terms it has, and where they vanish."""

import pytest
import torch
from torch import nn

from csakd.data import Observation, Scaling, batch_of, synthetic_scene
from csakd.models import build
from csakd.training import LossWeights, joint_step

TINY = {"width": 8, "growth": 4, "joint_high": 0, "joint_low": 1, "hsi": 0, "msi": 0}
WEIGHTS = LossWeights()


@pytest.fixture(scope="module")
def batch():
    observation = Observation(msi="tm4", ratio=4)
    return batch_of(observation.clean(synthetic_scene((16, 16))), observation, Scaling("maximum"), "none")


def tiny(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return build("mini-student", **TINY)


class Oracle(nn.Module):
    """Answers with what it was given, whatever it is shown."""

    def __init__(self, estimate, features):
        super().__init__()
        self.estimate, self.features = nn.Parameter(estimate.clone()), nn.Parameter(features.clone())

    def forward(self, hsi, msi, base=None):
        return self.estimate, self.features


def test_terms_of_joint_offline_and_undistilled_training(batch):
    student, teacher = tiny(0), tiny(1)
    own = {"loss", "student/l1", "student/beba", "student/sam"}
    towards = {"student/kd", "student/response"}
    learning = {"teacher/l1", "teacher/beba", "teacher/sam"}
    assert joint_step(student, teacher, batch, WEIGHTS).keys() == own | towards | learning
    assert joint_step(student, teacher.requires_grad_(False), batch, WEIGHTS).keys() == own | towards
    assert joint_step(student, None, batch, WEIGHTS).keys() == own


def test_perfect_networks_pay_nothing(batch):
    features = torch.randn(1, 8, 16, 16)
    student, teacher = Oracle(batch.truth, features), Oracle(batch.truth, features)
    terms = joint_step(student, teacher, batch, WEIGHTS)
    entropy = torch.nn.functional.binary_cross_entropy(features.sigmoid(), features.sigmoid())
    torch.testing.assert_close(terms.pop("student/kd").detach(), entropy)  # the least it can be
    terms.pop("loss")
    assert all(abs(term.item()) < 1e-6 for term in terms.values())


def test_distillation_is_least_where_the_features_agree(batch):
    features = torch.randn(1, 8, 16, 16)
    student, teacher = Oracle(batch.truth, features), Oracle(batch.truth, features)
    joint_step(student, teacher, batch, WEIGHTS)["student/kd"].backward()
    assert student.features.grad.abs().max() < 1e-7
    assert teacher.features.grad is None
    for other in (features + 0.1, features - 0.1):
        apart = joint_step(Oracle(batch.truth, other), teacher, batch, WEIGHTS)["student/kd"]
        assert apart > joint_step(student, teacher, batch, WEIGHTS)["student/kd"]


def test_the_teacher_learns_from_the_truth_alone(batch):
    """Its gradients are the same with and without a student beside it."""
    teacher = tiny(1)
    joint_step(tiny(0), teacher, batch, WEIGHTS)["loss"].backward()
    beside = [parameter.grad.clone() for parameter in teacher.parameters()]
    teacher.zero_grad()
    joint_step(teacher, None, batch, WEIGHTS)["loss"].backward()
    for parameter, gradient in zip(teacher.parameters(), beside, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


def test_the_total_is_the_weighted_sum(batch):
    weights = LossWeights(beba=0.2, sam=0.3, kd=0.4, response=0.5)
    terms = joint_step(tiny(0), tiny(1), batch, weights)
    by_hand = (
        terms["student/l1"] + 0.2 * terms["student/beba"] + 0.3 * terms["student/sam"]
        + 0.4 * terms["student/kd"] + 0.5 * terms["student/response"]
        + terms["teacher/l1"] + 0.2 * terms["teacher/beba"] + 0.3 * terms["teacher/sam"]
    )  # fmt: skip
    torch.testing.assert_close(terms["loss"], by_hand)


def test_masked_pixels_do_not_count(batch):
    valid = batch.valid.clone()
    valid[:, :4] = False
    truth = batch.truth.clone()
    truth[:, :, :4] = 1e6
    student = tiny(0)
    clean = joint_step(student, None, batch._replace(valid=valid), WEIGHTS)
    spoilt = joint_step(student, None, batch._replace(valid=valid, truth=truth), WEIGHTS)
    torch.testing.assert_close(clean, spoilt)


def test_angles_are_taken_without_offset():
    """Scaling by bands shifts the data; the SAM term must not notice."""
    observation, scene = Observation(msi="tm4", ratio=4), synthetic_scene((16, 16))
    sample = observation.clean(scene)
    terms = []
    for scaling in ("maximum", "bands"):
        batch = batch_of(sample, observation, Scaling(scaling), "none")
        estimate = batch.units.apply(batch.units.undo(batch.truth) * torch.linspace(0.9, 1.1, 172)[:, None, None])
        terms.append(joint_step(Oracle(estimate, estimate[:, :8]), None, batch, WEIGHTS)["student/sam"])
    torch.testing.assert_close(terms[0], terms[1], rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("bad", [{"data": "l3"}, {"sam": -1.0}])
def test_bad_weights(bad):
    with pytest.raises(ValueError, match=r"data term|negative"):
        LossWeights(**bad)


def test_an_earlier_estimate_is_held_against_the_truth(batch):
    """Competitors with two estimates learn from both; one that has none has no such term."""
    weights = LossWeights(beba=0, sam=0, kd=0, response=0, early=0.5)
    off = batch.truth + 0.2
    terms = joint_step(Oracle(batch.truth, off), None, batch, weights)
    torch.testing.assert_close(terms["student/early"], torch.tensor(0.2))
    torch.testing.assert_close(terms["loss"], torch.tensor(0.1))
    torch.manual_seed(0)
    assert "student/early" in joint_step(build("dual-unet", 172, 4, 4, width=8), None, batch, weights)
    assert "student/early" not in joint_step(build("mssjfl", 172, 4, 4, fh=16, fm=16, blocks=1), None, batch, weights)


@pytest.mark.parametrize("name", ["mini-student", "dual-unet"])
def test_on_a_base_both_estimates_stand_on_it(name):
    observation = Observation(msi="tm4", ratio=4)
    batch = batch_of(observation.clean(synthetic_scene((16, 16))), observation, Scaling("bands"), "hyper")
    torch.manual_seed(0)
    network = build(name, 172, 4, 4, base="hyper", **({"width": 8} if name == "dual-unet" else TINY))
    estimate, second = network(batch.hsi, batch.msi, batch.base)
    near = 0.01 * batch.base.estimate.norm()
    assert (estimate - batch.base.estimate).norm() < near
    assert (name == "dual-unet") == (second.shape == estimate.shape and (second - batch.base.estimate).norm() < near)
