"""Losses by which a student learns from its teacher. No gradient reaches the teacher through them."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from csakd.losses.reconstruction import l1

ROLES = ("released", "printed")


def kd(
    student: Float[Tensor, "B C H W"], teacher: Float[Tensor, "B C H W"], *, roles: str = "released"
) -> Float[Tensor, ""]:
    """Feature distillation (Eq. 11): binary cross-entropy between the sigmoids of both networks' fused features.

    - `released`: the teacher's sigmoid is the target, as in the released code. Least where both features are equal,
      where its gradient vanishes; the least value is the entropy of the teacher's sigmoid, not zero.
    - `printed`: Eq. 11 as printed, where the student's sigmoid is the target. It is linear in that sigmoid, so
      it drives the student's features to ±∞ by the sign of the teacher's: for comparison only.

    Args:
        student: (B, C, H, W), fused features before the sigmoid.
        teacher: (B, C, H, W), likewise.
        roles: one of `ROLES`.

    Returns:
        A number > 0 in nats, mean over all features.

    Raises:
        ValueError: for unknown roles, or if the shapes differ.
    """
    if roles not in ROLES:
        raise ValueError(f"unknown roles {roles!r}; choose one of {', '.join(ROLES)}")
    if student.shape != teacher.shape:
        raise ValueError(
            f"the student's features are {tuple(student.shape)}, the teacher's {tuple(teacher.shape)}; "
            "distillation needs networks of the same feature width"
        )
    student, teacher = (fused.to(torch.promote_types(fused.dtype, torch.float32)) for fused in (student, teacher))
    teacher = teacher.detach()
    if roles == "printed":
        return F.binary_cross_entropy_with_logits(teacher, student.sigmoid())
    return F.binary_cross_entropy_with_logits(student, teacher.sigmoid())


def response(
    student: Float[Tensor, "B L H W"], teacher: Float[Tensor, "B L H W"], *, valid: Bool[Tensor, "B H W"] | None = None
) -> Float[Tensor, ""]:
    """Response distillation (the λ4 term of Eq. 15): mean absolute difference of both networks' fused cubes.

    Args:
        student: (B, L, H, W).
        teacher: (B, L, H, W).
        valid: (B, H, W), True where a pixel counts; all by default.

    Returns:
        A number ≥ 0 in the data's units, 0 at equality.

    Raises:
        ValueError: if the shapes differ.
    """
    return l1(student, teacher.detach(), valid=valid)
