"""The canonical form of a pair: what `hyper-edge` could not explain of it, alike for every sensor.

Whatever bands, units and ratio a pair comes with: what a global regression leaves of its LR-HSI has principal
directions, and the MSI has uncorrelated ones. Written in these, each in units of its own RMS, pairs of any two sensors
look alike, and one network can correct the estimate for all of them.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from csakd.classical.factored import Factored, banded
from csakd.classical.hyper import RIDGE, unseen
from csakd.classical.hyper_edge import PLAIN, THOROUGH, Effort, Steps, steps
from csakd.classical.regression import ridge
from csakd.physics import SpatialResponse

# As names of bases: the effort that `hyper-edge` makes.
CANONICAL, THOROUGHLY = "canonical", "canonical-thorough"
FORMS = {CANONICAL: PLAIN, THOROUGHLY: THOROUGH}
DIRECTIONS = 12  # K, of the HSI
LEAST = 1e-3  # share of the strongest's RMS below which such a direction is but rounding
LOOKS = 6  # of the MSI
GUIDES = LOOKS + 3 * DIRECTIONS  # G


class Canonical(NamedTuple):
    """A pair as a universal network sees it; directions that a pair does not have are zeros.

    Attributes:
        low: what the global regression leaves of the LR-HSI in K directions.
        guides: on the high grid, the MSI in its strongest directions, then three maps for each of the K: detail found
            by the Gaussian process; the noise taken out of the MSI, as a linear regression would have carried it on;
            detail of the estimate.
        factored: the estimate of `hyper-edge`, to be corrected.
        axes: the K directions among the HSI's bands, orthonormal, of arbitrary sign.
        unit: RMS of the LR-HSI in each; 0 where there is nothing to correct.
    """

    low: Float[Tensor, "B K h w"]
    guides: Float[Tensor, "B G H W"]
    factored: Factored
    axes: Float[Tensor, "B L K"]
    unit: Float[Tensor, "B K 1 1"]

    @property
    def estimate(self) -> Float[Tensor, "B L H W"]:
        """`hyper-edge`'s."""
        return self.factored.image()

    def corrected(self, learnt: Float[Tensor, "B K H W"]) -> Float[Tensor, "B L H W"]:
        """The estimate with a correction in the K directions, each in its unit."""
        return self.factored.plus(self.axes, self.unit * learnt).image()


def canonical(
    hsi: Float[Tensor, "B L h w"],
    msi: Float[Tensor, "B M H W"],
    blur: SpatialResponse,
    effort: Effort = PLAIN,
) -> Canonical:
    """The canonical form of each pair."""
    found = steps(hsi, msi, blur, effort)
    axes, targets = found.axes[..., :DIRECTIONS], found.targets[:, :DIRECTIONS]
    unit = targets.square().mean((-2, -1), keepdim=True).sqrt()
    unit = torch.where(unit > LEAST * unit.amax(1, keepdim=True), unit, 0)
    scale = torch.where(unit > 0, unit, torch.inf)
    maps = (
        unseen(found.regressed[:, :DIRECTIONS], blur),
        _carried(found, axes),
        unseen(found.estimate.along(axes).image(), blur),
    )
    looks = _widened(found.high.flip(1)[:, :LOOKS], LOOKS)
    return Canonical(
        low=_widened(squashed(targets / scale), DIRECTIONS),
        guides=torch.cat([looks, *(_widened(squashed(image / scale), DIRECTIONS) for image in maps)], 1),
        factored=found.estimate,
        axes=functional.pad(axes, (0, DIRECTIONS - axes.shape[-1])),
        unit=_widened(unit, DIRECTIONS),
    )


def along(axes: Float[Tensor, "B L K"], image: Float[Tensor, "B L rows columns"]) -> Float[Tensor, "B K rows columns"]:
    """The image's share in each direction."""
    return banded(axes.mT, image)


def squashed(image: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """±log(1 + |x|): outliers hundreds of times the RMS tell a network no more than those ten times."""
    return image.sign() * image.abs().log1p()


def _carried(found: Steps, axes: Float[Tensor, "B L K"]) -> Float[Tensor, "B K H W"]:
    """What noise of the MSI would have become in the estimate, had it stayed there."""
    weights = ridge(found.fit.linear_low, along(axes, found.hsi - found.hsi.mean((-2, -1), keepdim=True)), RIDGE)
    return banded(weights, found.noise)


def _widened(image: Float[Tensor, "B k rows columns"], channels: int) -> Float[Tensor, "B K rows columns"]:
    return functional.pad(image, (0, 0, 0, 0, 0, channels - image.shape[1]))
