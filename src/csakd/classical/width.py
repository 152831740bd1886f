"""How wide the HSI's PSF is, from the pair alone.

A PSF a tenth too wide costs the closed forms more than all that is between them. But the MSI's bands lie among the
HSI's, so, blurred by the true PSF, they are mixtures of the HSI's bands, and by any other they are less so.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from csakd.classical.denoising import denoised
from csakd.classical.factored import banded
from csakd.classical.gaps import ready
from csakd.classical.regression import exact, moments, ridge
from csakd.cubes import Pair
from csakd.physics import SpatialResponse, check_ratio, psf

# Chosen on the training and validation scenes of docs/diary.md, 1 to 6 MSI bands, ratio 4.
COMPONENTS = 24  # of the HSI, at most; their mixtures are what an MSI band may be
PIXELS_A_COMPONENT = 8  # low pixels, at least
LARGEST = 28  # low pixels a side of the part that is looked at
BORDER = 2  # low pixels along its sides, into which something may be blurred from beyond
WIDEST, NEARBY = 4.0, 1.25  # factors of the paper's variance, and of what is found first, within which it is sought
PRECISION = 2e-3  # between the ends, in shares of the variance: coarser, and the first look sees noise in clean images
EXPLAINED = 0.9  # of the variance of some MSI band, at least: else the HSI does not tell
RIDGE = 1e-4


def with_psf(pair: Pair) -> Pair:
    """The pair in memory, its PSF known: its own, or a Gaussian as wide as the images have it, or else the paper's.

    Raises:
        ValueError: as of `estimated_variance`.
    """
    if pair.psf is not None:
        return pair
    pair = replace(pair, hsi=pair.hsi.load(), msi=pair.msi.load())
    return replace(pair, psf=psf.gaussian(pair.ratio, variance=estimated_variance(pair)))


def estimated_variance(pair: Pair) -> float | None:
    """Of the round Gaussian by which the MSI, blurred and sampled, is best explained by the HSI.

    Within 2 % of the true variance, without noise as with 25 dB on both images, on scenes of 25 low pixels a side
    (docs/diary.md). What else moves detail, such as images that lie a fraction of a pixel apart, makes it wider.

    Args:
        pair: its `psf` is heeded in filling gaps alone.

    Returns:
        σ² in squared high pixels, for `csakd.physics.psf.gaussian`, or None if the pair does not tell: too few pixels,
        an MSI without detail or outside the HSI's bands, a best width at the end of what is tried.

    Raises:
        ValueError: if the grids do not nest, or no pixel is valid in both images.
    """
    ratio = check_ratio(pair.ratio)
    hsi, msi = _middle(*ready(pair)[:2])
    first = _best_variance(hsi, msi, psf.paper_variance(ratio), WIDEST)
    if first is None:
        return None
    # Noise makes that a few per cent too wide, but by it noise can be told from detail.
    blur = SpatialResponse(ratio, psf.gaussian(ratio, variance=first))
    return _best_variance(*denoised(hsi, msi, blur, BORDER), first, NEARBY)


def _best_variance(
    hsi: Float[Tensor, "1 L h w"], msi: Float[Tensor, "1 M H W"], guess: float, reach: float
) -> float | None:
    """The variance, within a factor of the guess, with which mixtures of the HSI leave least of the MSI."""
    ratio = msi.shape[-1] // hsi.shape[-1]
    msi = msi[:, moments(SpatialResponse(ratio)(msi))[1].isfinite().flatten()]
    rank = min(COMPONENTS, _inner(hsi)[0, 0].numel() // PIXELS_A_COMPONENT)
    if rank < 2 or not msi.shape[1]:
        return None
    components = _components(_inner(hsi), rank)

    def missed(width: float) -> Float[Tensor, " M"]:
        """Logarithm of the share of each MSI band that no mixture explains: the best explained tell most."""
        blur = SpatialResponse(ratio, psf.gaussian(ratio, variance=guess * math.exp(width)))
        seen = _standardised(_inner(blur(msi)))
        left = seen - banded(ridge(components, seen, RIDGE), components)
        return left.square().mean((-2, -1)).clamp(min=1e-12).log().flatten()

    width = _lowest(lambda width: float(missed(width).mean()), math.log(reach))
    if abs(width) > 0.95 * math.log(reach) or missed(width).min() > math.log(1 - EXPLAINED):
        return None
    return guess * math.exp(width)


def _lowest(function: Callable[[float], float], reach: float) -> float:
    """Where between -reach and reach a function with one valley is lowest: golden sections.

    To import SciPy's takes longer than the whole search.
    """
    golden = (math.sqrt(5) - 1) / 2
    low, high = -reach, reach
    inner = [high - golden * (high - low), low + golden * (high - low)]
    values = [function(place) for place in inner]
    while high - low > PRECISION:
        if values[0] < values[1]:
            high, inner[1], values[1] = inner[1], inner[0], values[0]
            inner[0] = high - golden * (high - low)
            values[0] = function(inner[0])
        else:
            low, inner[0], values[0] = inner[0], inner[1], values[1]
            inner[1] = low + golden * (high - low)
            values[1] = function(inner[1])
    return (low + high) / 2


def _middle(
    hsi: Float[Tensor, "1 L h w"], msi: Float[Tensor, "1 M H W"]
) -> tuple[Float[Tensor, "1 L i j"], Float[Tensor, "1 M I J"]]:
    """The middle of a pair, at most `LARGEST` low pixels a side."""
    ratio = msi.shape[-1] // hsi.shape[-1]
    for axis in (-2, -1):
        start, length = max(0, hsi.shape[axis] - LARGEST) // 2, min(hsi.shape[axis], LARGEST)
        hsi, msi = hsi.narrow(axis, start, length), msi.narrow(axis, ratio * start, ratio * length)
    return hsi, msi


def _inner(image: Float[Tensor, "1 C h w"]) -> Float[Tensor, "1 C i j"]:
    return image[..., BORDER:-BORDER, BORDER:-BORDER]


def _components(hsi: Float[Tensor, "1 L h w"], rank: int) -> Float[Tensor, "1 K h w"]:
    """The strongest principal components, each of mean 0 and variance 1."""
    bands = _standardised(hsi).flatten(2)
    axes = torch.linalg.eigh(bands @ bands.mT).eigenvectors[..., -rank:]
    return _standardised((axes.mT @ bands).view(1, -1, *hsi.shape[-2:]))


def _standardised(image: Float[Tensor, "1 C h w"]) -> Float[Tensor, "1 C h w"]:
    mean, std = moments(exact(image))
    return (exact(image) - mean) / std
