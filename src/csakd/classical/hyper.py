"""`hyper`: quadratic and local hypersharpening with back-projection.

A scene's low pixels are a training set for "MSI value → spectrum" that knows its sensor, season and scale:

1. global: half a linear and half a quadratic regression of the LR-HSI on MSI features that were low-passed *after*
   the products were taken on the high grid, so that the model is exactly consistent with the sensor;
2. local: what is left is regressed once more on the MSI bands around each low pixel;
3. back-projection: what the estimate, observed again, misses of the LR-HSI is added.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from csakd.classical.factored import Factored, banded
from csakd.classical.regression import local_ridge, moments, ridge, window_mean
from csakd.physics import Sensors, SpatialResponse, upsample

# Chosen on the training and validation scenes of docs/diary.md, 4 and 6 MSI bands, ratio 4.
RIDGE = 1e-5
LOCAL_SIGMA = 1.0  # low pixels
LOCAL_RIDGE = 5e-3
QUADRATIC = 0.5
FINE = 1.0  # low pixels; what a window as wide takes away is not fine
BACK_PROJECTIONS = 3


def hyper(hsi: Float[Tensor, "B L h w"], msi: Float[Tensor, "B M H W"], sensors: Sensors) -> Float[Tensor, "B L H W"]:
    """The estimate of the HR-HSI."""
    size = (msi.shape[-2], msi.shape[-1])
    fit = global_fit(hsi, msi, sensors.blur)
    estimate = fit.estimate.image()
    detail = fit.linear - upsample(fit.linear_low, size)
    for band, local in enumerate(local_ridge(fit.linear_low, fit.rest, LOCAL_SIGMA, LOCAL_RIDGE).unbind(1)):
        estimate += upsample(local, size) * detail[:, band, None]
    return back_project(estimate, hsi, sensors.blur, BACK_PROJECTIONS)


class GlobalFit(NamedTuple):
    """What one regression for a whole scene explains.

    Attributes:
        estimate: of the HR-HSI; its maps are the MSI and products of its bands.
        rest: of the LR-HSI, what the regression leaves.
        linear, linear_low: the MSI on both grids, each band with mean 0 and deviation 1 on the low one.
    """

    estimate: Factored
    rest: Float[Tensor, "B L h w"]
    linear: Float[Tensor, "B M H W"]
    linear_low: Float[Tensor, "B M h w"]


def global_fit(
    hsi: Float[Tensor, "B L h w"],
    msi: Float[Tensor, "B M H W"],
    blur: SpatialResponse,
    quadratic: float = QUADRATIC,
    *,
    fine: bool = False,
) -> GlobalFit:
    """A mean of a linear and a quadratic regression of the LR-HSI on the MSI.

    Args:
        quadratic: the latter's share.
        fine: heed only what is fine on the low grid: it tells most of what is finer still.
    """
    size = (msi.shape[-2], msi.shape[-1])
    linear, linear_low = _standardised(msi, blur)
    square, square_low = _standardised(
        bounded_products(linear, linear_low.amin((-2, -1), keepdim=True), linear_low.amax((-2, -1), keepdim=True)), blur
    )
    features, features_low = torch.cat([linear, square], 1), torch.cat([linear_low, square_low], 1)

    # Averaging with the linear fit halves the quadratic's variance: worth 0.5 dB over either alone.
    centred = hsi - hsi.mean((-2, -1), keepdim=True)
    known, known_linear, wanted = (
        image - window_mean(image, FINE) if fine else image for image in (features_low, linear_low, centred)
    )
    weights = quadratic * ridge(known, wanted, RIDGE)
    weights[..., : msi.shape[1]] += (1 - quadratic) * ridge(known_linear, wanted, RIDGE)
    estimate = Factored.of(hsi, size).sharpened(weights, features, features_low)
    return GlobalFit(estimate, centred - banded(weights, features_low), linear, linear_low)


def back_project(
    estimate: Float[Tensor, "B L H W"], hsi: Float[Tensor, "B L h w"], blur: SpatialResponse, steps: int
) -> Float[Tensor, "B L H W"]:
    """Z ← Z + up(X_h − blur(Z)), `steps` times: what the sensor saw stays true of the estimate."""
    for _ in range(steps):
        estimate = estimate + upsample(hsi - blur(estimate), (estimate.shape[-2], estimate.shape[-1]))
    return estimate


def unseen(image: Float[Tensor, "B K H W"], blur: SpatialResponse) -> Float[Tensor, "B K H W"]:
    """The image less what the sensor sees of it."""
    return image - upsample(blur(image), (image.shape[-2], image.shape[-1]))


def bounded_products(
    bands: Float[Tensor, "B M H W"], least: Float[Tensor, "B M 1 1"], most: Float[Tensor, "B M 1 1"]
) -> Float[Tensor, "B F H W"]:
    """All products of two bands, F = M(M+1)/2, each going on as its tangent beyond [least, most].

    High pixels are brighter than any low pixel the regression has seen; a parabola must not run away there.
    """
    inside = bands.clamp(least, most)
    beyond = bands - inside
    i, j = torch.triu_indices(bands.shape[1], bands.shape[1], device=bands.device)
    return inside[:, i] * inside[:, j] + inside[:, i] * beyond[:, j] + inside[:, j] * beyond[:, i]


def _standardised(
    high: Float[Tensor, "B F H W"], blur: SpatialResponse
) -> tuple[Float[Tensor, "B F H W"], Float[Tensor, "B F h w"]]:
    """Features on both grids, each with mean 0 and deviation 1 on the low one."""
    low = blur(high)
    mean, std = moments(low)
    return (high - mean) / std, (low - mean) / std
