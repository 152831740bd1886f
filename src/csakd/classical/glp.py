"""GLP-HS: generalised Laplacian pyramid with hypersharpening by regression (Selva et al. 2015; Aiazzi et al. 2006)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from csakd.classical.regression import moments, ridge
from csakd.physics import Sensors, upsample

RIDGE = 1e-8  # plain least squares, but safe


def glp(hsi: Float[Tensor, "B L h w"], msi: Float[Tensor, "B M H W"], sensors: Sensors) -> Float[Tensor, "B L H W"]:
    """Each band gets its own sharp image, a regression on all MSI bands, and that image's detail times a global gain.

    The pyramid's low-pass is the PSF with which the LR-HSI was sampled.
    """
    size = (msi.shape[-2], msi.shape[-1])
    low = sensors.blur(msi)
    mean, std = moments(low)
    weights = ridge((low - mean) / std, hsi - hsi.mean((-2, -1), keepdim=True), RIDGE)

    base = upsample(hsi, size)
    sharp = torch.einsum("blf,bfhw->blhw", weights, (msi - mean) / std)
    smooth = torch.einsum("blf,bfhw->blhw", weights, upsample((low - mean) / std, size))
    gain = _covariance(base, smooth) / _covariance(smooth, smooth).clamp_min(torch.finfo(hsi.dtype).tiny)
    return base + gain * (sharp - smooth)


def _covariance(first: Float[Tensor, "B L H W"], second: Float[Tensor, "B L H W"]) -> Float[Tensor, "B L 1 1"]:
    first = first - first.mean((-2, -1), keepdim=True)
    second = second - second.mean((-2, -1), keepdim=True)
    return (first * second).mean((-2, -1), keepdim=True)
