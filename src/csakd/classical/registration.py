"""Bands that lie beside each other: spectrometers are never aligned to a hundredth of a pixel, MSI and HSI less so."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from csakd.classical.factored import Factored, banded
from csakd.classical.hyper import GlobalFit
from csakd.classical.regression import local_rest
from csakd.physics import SpatialResponse

LOCAL_SIGMA, LOCAL_RIDGE = 1.0, 2.5e-4  # of the local regression that a shift has to beat
DAMPING = 0.3  # of a shift, in shares of what its gradients hold


def registered(
    fit: GlobalFit, predictors: Float[Tensor, "B P h w"], blur: SpatialResponse
) -> tuple[Factored, Float[Tensor, "B L h w"]]:
    """Each band of a regression's estimate moved by the fraction of a pixel that fits the LR-HSI best; what is left.

    To first order a shift adds the gradient, times two numbers. They explain what a local regression does not: what
    looks like a shift at a shore is often a response that differs between land and water.

    Args:
        fit: the regression.
        predictors: of the local one, on the low grid.
    """
    of_features, features = fit.estimate.spectra, fit.estimate.maps
    gradients = _gradients(features)
    seen = [blur(gradient) for gradient in gradients]
    count = features.shape[1]
    left = local_rest(predictors, torch.cat([*seen, fit.rest], 1), LOCAL_SIGMA, LOCAL_RIDGE)
    down, right, rest = left.split([count, count, fit.rest.shape[1]], 1)
    free = torch.stack([banded(of_features, gradient) for gradient in (down, right)])
    gram = torch.einsum("iblhw,jblhw->blij", free, free)
    energy = gram.diagonal(dim1=-2, dim2=-1)
    damped = gram + torch.where(energy > 0, DAMPING * energy, 1).diag_embed()
    shifts = torch.linalg.solve(damped, torch.einsum("iblhw,blhw->bli", free, rest)[..., None])[..., 0]

    spectra = (shifts[..., None] * of_features[:, :, None]).flatten(2)  # (B, L, 2F)
    low, high = torch.cat(seen, 1), torch.cat(gradients, 1)
    return fit.estimate.sharpened(spectra, high, low), fit.rest - banded(spectra, low)


def _gradients(image: Float[Tensor, "B F H W"]) -> tuple[Tensor, Tensor]:
    """Central differences along rows and columns, one-sided and halved at the border."""
    padded = functional.pad(image, (1, 1, 1, 1), mode="replicate")
    inner = slice(1, -1)
    down = padded[..., 2:, inner] - padded[..., :-2, inner]
    right = padded[..., inner, 2:] - padded[..., inner, :-2]
    return down / 2, right / 2
