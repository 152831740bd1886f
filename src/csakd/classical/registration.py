"""Bands that lie beside each other: spectrometers are never aligned to a hundredth of a pixel, MSI and HSI less so."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from csakd.classical.hyper import GlobalFit
from csakd.classical.regression import local_rest
from csakd.physics import SpatialResponse, upsample

LOCAL_SIGMA, LOCAL_RIDGE = 1.0, 2.5e-4  # of the local regression that a shift has to beat
DAMPING = 0.3  # of a shift, in shares of what its gradients hold


def registered(
    fit: GlobalFit, predictors: Float[Tensor, "B P h w"], blur: SpatialResponse
) -> tuple[Float[Tensor, "B L H W"], Float[Tensor, "B L h w"]]:
    """Each band of a regression's estimate moved by the fraction of a pixel that fits the LR-HSI best; what is left.

    To first order a shift adds the gradient, times two numbers. They explain what a local regression does not: what
    looks like a shift at a shore is often a response that differs between land and water.

    Args:
        fit: the regression.
        predictors: of the local one, on the low grid.
    """
    gradients = _gradients(fit.features)
    seen = [blur(gradient) for gradient in gradients]
    count = fit.features.shape[1]
    left = local_rest(predictors, torch.cat([*seen, fit.rest], 1), LOCAL_SIGMA, LOCAL_RIDGE)
    down, right, rest = left.split([count, count, fit.rest.shape[1]], 1)
    free = torch.stack([_banded(fit.weights, gradient) for gradient in (down, right)])
    gram = torch.einsum("iblhw,jblhw->blij", free, free)
    energy = gram.diagonal(dim1=-2, dim2=-1)
    damped = gram + torch.where(energy > 0, DAMPING * energy, 1).diag_embed()
    shifts = torch.linalg.solve(damped, torch.einsum("iblhw,blhw->bli", free, rest)[..., None])[..., 0]

    weights = (shifts[..., None] * fit.weights[:, :, None]).flatten(2)  # (B, L, 2F)
    moved, detail = (_banded(weights, torch.cat(images, 1)) for images in (seen, gradients))
    size = (detail.shape[-2], detail.shape[-1])
    return detail.add_(fit.estimate).sub_(upsample(moved, size)), fit.rest - moved


def _banded(weights: Float[Tensor, "B L F"], features: Float[Tensor, "B F rows columns"]) -> Tensor:
    return torch.einsum("blf,bfhw->blhw", weights, features)


def _gradients(image: Float[Tensor, "B F H W"]) -> tuple[Tensor, Tensor]:
    """Central differences along rows and columns, one-sided and halved at the border."""
    padded = functional.pad(image, (1, 1, 1, 1), mode="replicate")
    inner = slice(1, -1)
    down = padded[..., 2:, inner] - padded[..., :-2, inner]
    right = padded[..., inner, 2:] - padded[..., inner, :-2]
    return down / 2, right / 2
