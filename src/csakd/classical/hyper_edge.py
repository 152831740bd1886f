"""`hyper-edge`: `hyper` that knows noise, misregistration and edges.

1. white noise is found in both images and taken out (`denoising`);
2. the global regression of `hyper`;
3. each band is moved by the fraction of a pixel that fits the LR-HSI best (`registration`);
4. what is left has few principal directions: in each, the mean of a regression in windows, as in `hyper`, and of one
   whose coefficients follow the MSI's edges (`edges`);
5. back-projection, as in `hyper`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from csakd.classical.denoising import denoised
from csakd.classical.edges import spread
from csakd.classical.hyper import BACK_PROJECTIONS, GlobalFit, back_project, global_fit, unseen
from csakd.classical.registration import registered
from csakd.classical.regression import exact, local_ridge, whitening
from csakd.physics import Sensors, SpatialResponse, upsample

# Chosen on the training and validation scenes of docs/diary.md, 4 and 6 MSI bands, ratio 4.
DIRECTIONS, EDGED = 64, 12  # of what is left; those in which edges are followed
SLOPES = 10  # directions among the MSI bands that local regressions are on, at most
FLOOR = 0.01  # share of the largest variance below which such a direction counts less
LOCAL_SIGMA = 1.0  # low pixels
LOCAL_RIDGE = 2e-3
INTERCEPT = 2.0  # of the edge-following regression, beside features of variance 1
LOCAL_SHARE, EDGE_SHARE = 0.5, 0.6  # more than 1 in all: each gives up what back-projection has to restore


def hyper_edge(
    hsi: Float[Tensor, "B L h w"], msi: Float[Tensor, "B M H W"], sensors: Sensors
) -> Float[Tensor, "B L H W"]:
    """The estimate of the HR-HSI."""
    return steps(hsi, msi, sensors.blur).estimate


class Steps(NamedTuple):
    """What `hyper_edge` finds on its way.

    Attributes:
        estimate: of the HR-HSI.
        hsi, msi: the images without noise.
        fit: the global regression.
        low, high: the MSI on both grids in uncorrelated directions of variance 1, the strongest last.
        axes: orthonormal directions among the HSI's bands, those that hold most of what the regression leaves first.
        targets: what it leaves in these directions.
        local: detail that a regression in windows finds for them.
        followed: detail that one whose coefficients follow edges finds for the first few.
    """

    estimate: Float[Tensor, "B L H W"]
    hsi: Float[Tensor, "B L h w"]
    msi: Float[Tensor, "B M H W"]
    fit: GlobalFit
    low: Float[Tensor, "B G h w"]
    high: Float[Tensor, "B G H W"]
    axes: Float[Tensor, "B L D"]
    targets: Float[Tensor, "B D h w"]
    local: Float[Tensor, "B D H W"]
    followed: Float[Tensor, "B K H W"]


def steps(hsi: Float[Tensor, "B L h w"], msi: Float[Tensor, "B M H W"], blur: SpatialResponse) -> Steps:
    """`hyper_edge`, with all it finds on its way."""
    size = (msi.shape[-2], msi.shape[-1])
    hsi, msi = denoised(hsi, msi, blur)
    fit = global_fit(hsi, msi, blur)
    # Directions of little variance tell materials apart as well as those of much.
    white = whitening(fit.linear_low, FLOOR)[:, -SLOPES:]
    low, high = (torch.einsum("bgf,bfhw->bghw", white, bands) for bands in (fit.linear_low, fit.linear))
    estimate, rest = registered(fit.estimate, fit.rest, low, blur)

    axes = principal_axes(rest, DIRECTIONS)
    targets = torch.einsum("blk,blhw->bkhw", axes, rest)
    local = torch.zeros_like(upsample(targets, size))
    detail = high - upsample(low, size)
    for band, weights in enumerate(local_ridge(low, targets, LOCAL_SIGMA, LOCAL_RIDGE).unbind(1)):
        local += upsample(weights, size) * detail[:, band, None]
    predictors = [functional.pad(bands, (0, 0, 0, 0, 1, 0), value=INTERCEPT) for bands in (low, high)]
    followed = unseen(spread((predictors[0], predictors[1]), targets[:, :EDGED], blur), blur)

    found = local.clone()
    found[:, :EDGED] *= LOCAL_SHARE
    found[:, :EDGED] += EDGE_SHARE * followed
    estimate = estimate + torch.einsum("blk,bkhw->blhw", axes, found)
    estimate = back_project(estimate, hsi, blur, BACK_PROJECTIONS)
    return Steps(estimate, hsi, msi, fit, low, high, axes, targets, local, followed)


def principal_axes(image: Float[Tensor, "B L h w"], count: int) -> Float[Tensor, "B L K"]:
    """The orthonormal directions among the bands that hold most of the image, strongest first; at most `count`."""
    x = exact(image).flatten(2)
    return torch.linalg.eigh(x @ x.mT).eigenvectors.flip(-1)[..., :count].to(image)
