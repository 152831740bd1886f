"""A pair with gaps, made ready for methods that know of none."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from csakd.classical.regression import moments, ridge
from csakd.cubes import Pair
from csakd.physics import SpatialResponse

RIDGE = 1e-4


def ready(pair: Pair) -> tuple[Float[Tensor, "1 L h w"], Float[Tensor, "1 M H W"], NDArray[np.bool_]]:
    """Both images without gaps, and (H, W) where both hold a measurement.

    The MSI is filled as by `Pair.filled`. HSI pixels that are missing become what a linear regression of all others on
    the MSI, seen by the HSI's sensor, says of them, within each band's range. So methods learn nothing from them that
    is not so elsewhere.

    Raises:
        ValueError: if no pixel is valid in both.
    """
    *images, valid = pair.filled()
    hsi, msi = (torch.from_numpy(image)[None] for image in images)
    seen = pair.hsi.load().valid
    assert seen is not None
    if seen.all():
        return hsi, msi, valid
    there = torch.from_numpy(seen)
    low = SpatialResponse(pair.ratio, pair.psf)(msi)
    known, unknown = low[..., there, None], low[..., ~there, None]
    mean, std = moments(known)
    spectra = hsi[..., there, None]
    level = spectra.mean(2, keepdim=True)
    weights = ridge((known - mean) / std, spectra - level, RIDGE)
    hsi = hsi.clone()
    found = weights @ ((unknown - mean) / std)[..., 0] + level[..., 0]
    hsi[..., ~there] = found.clamp(spectra.amin(2), spectra.amax(2))
    return hsi, msi, valid
