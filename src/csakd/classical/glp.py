"""GLP-HS: generalised Laplacian pyramid with hypersharpening by regression (Selva et al. 2015; Aiazzi et al. 2006).

`glp` adds the detail of a band's sharp image, `glp_hpm` multiplies by it (high-pass modulation, Vivone et al. 2014).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from csakd.classical.regression import moments, ridge
from csakd.physics import Sensors, upsample

RIDGE = 1e-8  # plain least squares, but safe
MOST_GAIN = 2.0  # of a modulation; the ratio of a band to its own regression stays near 1 wherever it means something


class Pyramid(NamedTuple):
    """What both variants inject from.

    Attributes:
        base: the LR-HSI interpolated.
        sharp: each band's own image, a regression on all MSI bands, less the band's mean.
        smooth: the same as the LR-HSI would have seen it, interpolated.
    """

    base: Float[Tensor, "B L H W"]
    sharp: Float[Tensor, "B L H W"]
    smooth: Float[Tensor, "B L H W"]


def glp(hsi: Float[Tensor, "B L h w"], msi: Float[Tensor, "B M H W"], sensors: Sensors) -> Float[Tensor, "B L H W"]:
    """Each band gets its own sharp image, a regression on all MSI bands, and that image's detail times a global gain.

    The pyramid's low-pass is the PSF with which the LR-HSI was sampled.
    """
    base, sharp, smooth = _pyramid(hsi, msi, sensors)
    gain = covariance(base, smooth) / covariance(smooth, smooth).clamp_min(torch.finfo(hsi.dtype).tiny)
    return base + gain * (sharp - smooth)


def glp_hpm(hsi: Float[Tensor, "B L h w"], msi: Float[Tensor, "B M H W"], sensors: Sensors) -> Float[Tensor, "B L H W"]:
    """As `glp`, the detail multiplied in: base · sharp / smooth."""
    base, sharp, smooth = _pyramid(hsi, msi, sensors)
    mean = hsi.mean((-2, -1), keepdim=True)
    return modulated(base, sharp + mean, smooth + mean)


def modulated(
    base: Float[Tensor, "B L H W"], sharp: Float[Tensor, "B L H W"], smooth: Float[Tensor, "B L H W"]
) -> Float[Tensor, "B L H W"]:
    """base · sharp / smooth, written as base + gain · (sharp − smooth) so that its gain can be bounded.

    gain = base / smooth, from 0 to `MOST_GAIN`: where `smooth` crosses zero the plain quotient has no meaning.
    """
    gain = torch.where(smooth == 0, 0, base / smooth).clamp(0, MOST_GAIN)
    return base + gain * (sharp - smooth)


def covariance(first: Float[Tensor, "B L H W"], second: Float[Tensor, "B L2 H W"]) -> Float[Tensor, "B L 1 1"]:
    first = first - first.mean((-2, -1), keepdim=True)
    second = second - second.mean((-2, -1), keepdim=True)
    return (first * second).mean((-2, -1), keepdim=True)


def _pyramid(hsi: Float[Tensor, "B L h w"], msi: Float[Tensor, "B M H W"], sensors: Sensors) -> Pyramid:
    size = (msi.shape[-2], msi.shape[-1])
    low = sensors.blur(msi)
    mean, std = moments(low)
    weights = ridge((low - mean) / std, hsi - hsi.mean((-2, -1), keepdim=True), RIDGE)
    return Pyramid(
        upsample(hsi, size),
        torch.einsum("blf,bfhw->blhw", weights, (msi - mean) / std),
        torch.einsum("blf,bfhw->blhw", weights, upsample((low - mean) / std, size)),
    )
