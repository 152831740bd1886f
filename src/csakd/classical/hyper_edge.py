"""`hyper-edge`: `hyper` that knows noise, misregistration, materials and edges.

1. white noise is found in both images and taken out (`denoising`);
2. the global regression of `hyper`;
3. each band is moved by the fraction of a pixel that fits the LR-HSI best (`registration`);
4. what is left has few principal directions. In each, a Gaussian process finds what else the MSI tells of it
   (`process`); in the first few, if clear of the noise, the mean of that and of a regression whose coefficients follow
   the MSI's edges (`edges`);
5. what no fit explains of the LR-HSI, and what the estimate misses of it, is added as far as it is more than noise.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from csakd.classical.denoising import denoised, standing_out
from csakd.classical.edges import STRENGTH, spread
from csakd.classical.factored import Factored, banded
from csakd.classical.hyper import BACK_PROJECTIONS, GlobalFit, global_fit
from csakd.classical.process import SEVERAL, Prior, regressed
from csakd.classical.registration import registered
from csakd.classical.regression import exact, moments, skewed, whitening
from csakd.physics import Sensors, SpatialResponse

# Chosen on the training and validation scenes of docs/diary.md, 4 and 6 MSI bands, ratio 4.
QUADRATIC = 0.2  # share of the global regression; the process is better at what bends
DIRECTIONS = 32  # of what is left
PREDICTORS = 10  # directions among the MSI bands, at most
FLOOR = 0.01  # share of the largest variance below which such a direction counts less
INTERCEPT = 2.0  # of the edge-following regression, beside predictors of variance 1
PROCESS_SHARE, EDGE_SHARE = 0.7, 0.4  # more than 1 in all: each gives up what back-projection has to restore
REST_SHARE = 0.85  # of the process in the other directions, where it takes some noise for signal
CLEAR = 4  # variance, in units of the noise's, of directions clear enough to follow edges in


class Effort(NamedTuple):
    """How much work an estimate is worth.

    Attributes:
        priors: of the processes whose mean is taken.
        edged: directions in which edges are followed, at most.
        steps: of conjugate gradients for that.
        strength: with which they hold neighbours together.
        fine: whether the global regression heeds only what is fine.
    """

    priors: tuple[Prior, ...] = (Prior(),)
    edged: int = 4
    steps: int = 20
    strength: float = STRENGTH
    fine: bool = False


PLAIN, THOROUGH = Effort(), Effort(SEVERAL, edged=8, steps=160, strength=0.2, fine=True)


def hyper_edge(
    hsi: Float[Tensor, "B L h w"], msi: Float[Tensor, "B M H W"], sensors: Sensors
) -> Float[Tensor, "B L H W"]:
    """The estimate of the HR-HSI."""
    return steps(hsi, msi, sensors.blur).estimate.image()


def hyper_edge_thorough(
    hsi: Float[Tensor, "B L h w"], msi: Float[Tensor, "B M H W"], sensors: Sensors
) -> Float[Tensor, "B L H W"]:
    """The same with more effort: the mean of several processes, edges in more directions."""
    return steps(hsi, msi, sensors.blur, THOROUGH).estimate.image()


class Steps(NamedTuple):
    """What `hyper_edge` finds on its way.

    Attributes:
        estimate: of the HR-HSI.
        hsi, msi: the images without noise.
        noise: that of the MSI, in units of each band's deviation on the low grid.
        fit: the global regression.
        low, high: the MSI on both grids in uncorrelated directions of variance 1, the strongest last.
        axes: orthonormal directions among the HSI's bands, those that hold most of what the regression leaves first.
        targets: what it leaves in these directions.
        regressed: what the Gaussian process makes of them.
    """

    estimate: Factored
    hsi: Float[Tensor, "B L h w"]
    msi: Float[Tensor, "B M H W"]
    noise: Float[Tensor, "B M H W"]
    fit: GlobalFit
    low: Float[Tensor, "B P h w"]
    high: Float[Tensor, "B P H W"]
    axes: Float[Tensor, "B L D"]
    targets: Float[Tensor, "B D h w"]
    regressed: Float[Tensor, "B D H W"]


def steps(
    hsi: Float[Tensor, "B L h w"],
    msi: Float[Tensor, "B M H W"],
    blur: SpatialResponse,
    effort: Effort = PLAIN,
) -> Steps:
    """`hyper_edge`, with all it finds on its way."""
    noisy_hsi, noisy_msi = hsi, msi
    hsi, msi = denoised(hsi, msi, blur)
    noise = (noisy_hsi - hsi).square().mean((-2, -1), keepdim=True).sqrt()
    msi_noise = (noisy_msi - msi) / moments(blur(msi))[1]
    fit = global_fit(hsi, msi, blur, QUADRATIC, fine=effort.fine)
    # Directions of little variance tell materials apart as well as those of much.
    white = whitening(fit.linear_low, FLOOR)[:, -PREDICTORS:]
    low, high = (banded(white, bands) for bands in (fit.linear_low, fit.linear))
    estimate, rest = registered(fit, low, blur)

    axes = principal_axes(rest, DIRECTIONS)
    targets = banded(axes.mT, rest)
    process = regressed((low, high), targets, blur, effort.priors, banded(white, msi_noise))
    predictors = [functional.pad(bands, (0, 0, 0, 0, 1, 0), value=INTERCEPT) for bands in (low, high)]
    edged = spread((predictors[0], predictors[1]), targets[:, : effort.edged], blur, effort.steps, effort.strength)
    found = REST_SHARE * process
    both = PROCESS_SHARE * process[:, : effort.edged] + EDGE_SHARE * edged
    noise_along = banded(axes.mT.square(), noise.square())
    clear = targets.square().mean((-2, -1), keepdim=True) > CLEAR * noise_along
    found[:, : effort.edged] = torch.where(clear[:, : effort.edged], both, found[:, : effort.edged])
    estimate = _consistent(estimate.sharpened(axes, found, blur(found)), hsi, noise, blur)
    return Steps(estimate, hsi, msi, msi_noise, fit, low, high, axes, targets, process)


def _consistent(
    estimate: Factored, hsi: Float[Tensor, "B L h w"], noise: Float[Tensor, "B L 1 1"], blur: SpatialResponse
) -> Factored:
    """Back-projected, noise apart: what was taken out of the bands tells how much of it is left in the LR-HSI."""
    level = estimate.low.mean((-2, -1), keepdim=True)
    calm = estimate._replace(low=level + standing_out(estimate.low - level, noise))
    seen = calm.seen(blur)
    return calm.back_projected(seen + standing_out(hsi - seen, noise), blur, BACK_PROJECTIONS)


def principal_axes(image: Float[Tensor, "B L h w"], count: int) -> Float[Tensor, "B L K"]:
    """The orthonormal directions among the bands that hold most of the image, strongest first; at most `count`.

    The sign of each is that in which the image's third moment is positive.
    """
    x = exact(image).flatten(2)
    axes = torch.linalg.eigh(x @ x.mT).eigenvectors.flip(-1)[..., :count]
    return (skewed(axes.mT @ x)[:, None] * axes).to(image)
