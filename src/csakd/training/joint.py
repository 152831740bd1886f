"""The training step of joint distillation (paper Sec. III-B), as a pure function of networks and batch."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from csakd import losses
from csakd.data import Batch


@dataclass(frozen=True)
class LossWeights:
    """λ1…λ4 of Eqs. 14 and 15, and two choices the paper leaves open.

    Attributes:
        beba, sam: of both networks.
        kd, response: of the student, towards the teacher.
        early: of an earlier estimate, in networks that have one (`csakd.models.Network.early`), against the truth.
        data: "l1" as printed, or "smooth-l1" as released.
        kd_roles: whose sigmoid is the target of Eq. 11: "released" (the teacher's) or "printed".
    """

    beba: float = 0.1
    sam: float = 0.1
    kd: float = 0.1
    response: float = 0.1
    early: float = 0.0
    data: str = "l1"
    kd_roles: str = "released"

    def __post_init__(self) -> None:
        if self.data not in DATA_TERMS:
            raise ValueError(f"no data term {self.data!r}: choose one of {', '.join(DATA_TERMS)}")
        if min(self.beba, self.sam, self.kd, self.response, self.early) < 0:
            raise ValueError("loss weights cannot be negative")


DATA_TERMS = {"l1": losses.l1, "smooth-l1": losses.smooth_l1}


def joint_step(student: nn.Module, teacher: nn.Module | None, batch: Batch, weights: LossWeights) -> dict[str, Tensor]:
    """All terms of one step, unweighted, and their weighted sum under "loss".

    Teacher and student see the same (noisy) inputs. Gradients of the teacher come from its own terms alone. A teacher
    whose parameters are frozen has no terms (offline distillation); without a teacher the student learns from the
    truth alone.

    Returns:
        "loss", "student/l1", "student/beba", "student/sam"; where it has one and it weighs, "student/early" (ℓ1 of the
        earlier estimate); with a teacher "student/kd" and "student/response"; with
        one that learns also "teacher/l1", "teacher/beba", "teacher/sam".
    """
    estimate, features = student(batch.hsi, batch.msi, batch.base)
    terms = {f"student/{name}": term for name, term in _against_truth(estimate, batch, weights).items()}
    if weights.early and features is not None:
        terms["student/early"] = DATA_TERMS[weights.data](features, batch.truth, valid=batch.valid)
    if teacher is not None:
        learns = any(parameter.requires_grad for parameter in teacher.parameters())
        with torch.set_grad_enabled(learns and torch.is_grad_enabled()):
            guidance, guiding = teacher(batch.hsi, batch.msi, batch.base)
        terms["student/kd"] = losses.kd(features, guiding, roles=weights.kd_roles)  # Eq. 11
        terms["student/response"] = losses.response(estimate, guidance, valid=batch.valid)
        if learns:
            own = _against_truth(guidance, batch, weights)
            terms |= {f"teacher/{name}": term for name, term in own.items()}
    weight = {"l1": 1.0, **asdict(weights)}
    total = sum((weight[name.split("/")[1]] * term for name, term in terms.items()), start=torch.zeros(()).to(estimate))
    return {"loss": total, **terms}  # Eqs. 14 and 15


def _against_truth(estimate: Float[Tensor, "B L H W"], batch: Batch, weights: LossWeights) -> dict[str, Tensor]:
    """The terms both networks have; angles are taken on spectra without offset."""
    return {
        "l1": DATA_TERMS[weights.data](estimate, batch.truth, valid=batch.valid),
        "beba": losses.beba(estimate, batch.truth, valid=batch.valid),  # Eq. 12
        "sam": losses.sam(batch.physical(estimate), batch.physical(batch.truth), valid=batch.valid),  # Eq. 13
    }
