"""Feature and response distillation."""

import math

import pytest
import torch

from csakd.losses import kd, response


def features(seed):
    return torch.randn(2, 4, 3, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def scalar(value):
    return torch.full((1, 1, 1, 1), value)


def test_kd_by_hand():
    # student sigmoid(0) = 1/2, teacher sigmoid(log 3) = 3/4
    student, teacher = scalar(0.0), scalar(math.log(3))
    # −[3/4·log 1/2 + 1/4·log 1/2] = log 2
    assert kd(student, teacher) == pytest.approx(math.log(2))
    # −[1/2·log 3/4 + 1/2·log 1/4]
    assert kd(student, teacher, roles="printed") == pytest.approx(-(math.log(3 / 4) + math.log(1 / 4)) / 2)
    # swapping the arguments of one is the other
    assert kd(teacher, student) == pytest.approx(float(kd(student, teacher, roles="printed")))


def test_kd_is_least_at_equality_where_its_gradient_vanishes():
    teacher = features(0)
    student = teacher.clone().requires_grad_()
    least = kd(student, teacher)
    least.backward()
    assert student.grad.abs().max() < 1e-15
    target = teacher.sigmoid()
    entropy = -(target * target.log() + (1 - target) * (1 - target).log()).mean()
    torch.testing.assert_close(least.detach(), entropy)
    for seed in range(1, 4):
        assert kd(teacher + 0.1 * features(seed), teacher) > entropy


def test_the_printed_roles_push_the_student_past_equality():
    teacher = features(0)
    student = teacher.clone().requires_grad_()
    kd(student, teacher, roles="printed").backward()
    assert torch.equal(torch.sign(-student.grad), torch.sign(teacher))


def test_unknown_roles_list_the_known():
    with pytest.raises(ValueError, match="released, printed"):
        kd(features(0), features(1), roles="swapped")


@pytest.mark.parametrize("loss", [kd, lambda s, t: kd(s, t, roles="printed"), response])
def test_no_gradient_reaches_the_teacher(loss):
    student, teacher = features(0).requires_grad_(), features(1).requires_grad_()
    loss(student, teacher).backward()
    assert student.grad is not None
    assert teacher.grad is None


def test_response_by_hand():
    assert response(scalar(1.0), scalar(3.5)) == pytest.approx(2.5)
