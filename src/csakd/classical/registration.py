"""Bands that lie beside each other: spectrometers are never aligned to a hundredth of a pixel, MSI and HSI less so."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from csakd.classical.regression import local_rest
from csakd.physics import SpatialResponse, upsample

LOCAL_SIGMA, LOCAL_RIDGE = 1.0, 2.5e-4  # of the local regression that a shift has to beat
DAMPING = 0.05  # of a shift, in shares of what its gradients hold


def registered(
    estimate: Float[Tensor, "B L H W"],
    rest: Float[Tensor, "B L h w"],
    features: Float[Tensor, "B F h w"],
    blur: SpatialResponse,
) -> tuple[Float[Tensor, "B L H W"], Float[Tensor, "B L h w"]]:
    """Each band of the estimate moved by a fraction of a pixel, so that it fits the LR-HSI best, and what is then left.

    To first order a shift adds the gradient, times two numbers. A shift is kept as far as it still explains what a
    local regression cannot.

    Args:
        estimate: HR-HSI.
        rest: of the LR-HSI, what the estimate does not explain.
        features: MSI features on the low grid.
    """
    gradients = torch.stack(_gradients(estimate))
    seen = blur(gradients)
    gram = torch.einsum("iblhw,jblhw->blij", seen, seen)
    energy = gram.diagonal(dim1=-2, dim2=-1).mean(-1)[..., None, None]
    damping = torch.where(energy > 0, DAMPING * energy, 1) * torch.eye(2).to(gram)
    shifts = torch.linalg.solve(gram + damping, torch.einsum("iblhw,blhw->bli", seen, rest)[..., None])[..., 0]

    moved = torch.einsum("bli,iblhw->blhw", shifts, seen)
    new, left = local_rest(features, torch.cat([moved, rest], 1), LOCAL_SIGMA, LOCAL_RIDGE).chunk(2, 1)
    fit = (new * left).sum((-2, -1)) / new.square().sum((-2, -1)).clamp(min=torch.finfo(new.dtype).tiny)
    kept = fit.clamp(0, 1)[..., None]
    size = (estimate.shape[-2], estimate.shape[-1])
    detail = torch.einsum("bli,iblhw->blhw", kept * shifts, gradients)
    moved = kept[..., None] * moved
    return estimate + detail - upsample(moved, size), rest - moved


def _gradients(image: Float[Tensor, "B L H W"]) -> tuple[Tensor, Tensor]:
    """Central differences along rows and columns, one-sided and halved at the border."""
    padded = functional.pad(image, (1, 1, 1, 1), mode="replicate")
    inner = slice(1, -1)
    down = padded[..., 2:, inner] - padded[..., :-2, inner]
    right = padded[..., inner, 2:] - padded[..., inner, :-2]
    return down / 2, right / 2
