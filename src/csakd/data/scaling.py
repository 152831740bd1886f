"""From data units to the numbers a network sees, by what its inputs know; undone in one place."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class Affine(NamedTuple):
    """x ↦ (x − offset) / scale, and back; both (B, bands or 1, 1, 1)."""

    offset: Tensor
    scale: Tensor

    def apply(self, image: Float[Tensor, "B bands H W"]) -> Float[Tensor, "B bands H W"]:
        return (image - self.offset) / self.scale

    def undo(self, image: Float[Tensor, "B bands H W"]) -> Float[Tensor, "B bands H W"]:
        return torch.addcmul(self.offset, image, self.scale)


class Scaling:
    """How a pair is scaled for a network, named by a string that is stored with the model.

    - "maximum": each image by its own robust maximum (its 99.9th percentile). No offset, so angles are kept.
    - "bands": each band to mean 0 and deviation 1; what guided networks use, whose bands weigh alike.
    - "fixed:V": both images by V, such as "fixed:10000" for reflectance ×10000.

    Never by the truth, which nobody has at inference.

    Raises:
        ValueError: for another name, or a V that is not above zero.
    """

    def __init__(self, name: str) -> None:
        kind, _, number = name.partition(":")
        try:
            self.fixed = float(number) if kind == "fixed" else 1.0
        except ValueError:
            self.fixed = 0.0
        if kind not in ("maximum", "bands", "fixed") or not 0 < self.fixed < float("inf"):
            raise ValueError(f"scaling {name!r}: choose maximum, bands, or fixed:V with V above zero")
        self.name, self.kind = name, kind

    def of(self, image: Float[Tensor, "B bands H W"]) -> Affine:
        """The map for one image of a pair, LR-HSI or HR-MSI."""
        if self.kind == "bands":
            mean = image.mean((-2, -1), keepdim=True)
            std = (image - mean).square().mean((-2, -1), keepdim=True).sqrt()
            # A dead band keeps its value and sees no noise blown up.
            return Affine(mean, torch.where(std > 1e-6 * mean.abs() + 1e-30, std, torch.ones_like(std)))
        ones = image.new_ones(image.shape[0], 1, 1, 1)
        if self.kind == "fixed":
            return Affine(0 * ones, self.fixed * ones)
        flat = image.flatten(1)
        highest = flat.kthvalue(max(1, round(0.999 * flat.shape[1])), dim=1).values.view_as(ones)
        return Affine(0 * ones, torch.where(highest > 0, highest, ones))
