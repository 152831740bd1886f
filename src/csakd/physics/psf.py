"""Point spread functions: how a low pixel weighs the high pixels around it.

A PSF is an array (S, S) with S = r + 2m. Its first tap falls on high pixel (r·i − m, r·j − m) of low pixel (i, j),
so an array that is symmetric is centred on the block that the low pixel covers: between two high pixels where r is
even. Any other sampling phase is an array that is not symmetric. Weights sum to 1.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from csakd.physics.sensors import read_numbers

_REACH = 4.0  # a Gaussian is cut at 4 σ: 6e-5 of its weight


def paper_variance(ratio: int) -> float:
    """σ² of the paper's Gaussian in squared high pixels: 3 at ratio 4, scaled with the ratio."""
    return 3 * (ratio / 4) ** 2


def gaussian(
    ratio: int,
    *,
    variance: float | None = None,
    fwhm: float | None = None,
    mtf: float | None = None,
    phase: float | None = None,
) -> NDArray[np.float64]:
    """A round Gaussian, its width given in one of three ways (none: the paper's, scaled with the ratio).

    Args:
        ratio: r, high pixels to a low pixel.
        variance: σ² in squared high pixels (default: `paper_variance`).
        fwhm: full width at half maximum in high pixels.
        mtf: modulation left at the Nyquist frequency of the low grid, between 0 and 1.
        phase: centre of the PSF in high pixels, counted from the centre of the block's first pixel;
            default (r − 1)/2, the block's centre.

    Returns:
        (S, S) weights.

    Raises:
        ValueError: if a width is out of range, or more than one is given.
    """
    given = {name: width for name, width in (("variance", variance), ("fwhm", fwhm), ("mtf", mtf)) if width is not None}
    if len(given) > 1:
        raise ValueError(f"a Gaussian has one width: give one of {', '.join(given)}")
    if any(not (math.isfinite(width) and width > 0) for width in given.values()) or (mtf is not None and mtf >= 1):
        raise ValueError(f"PSF {given}: the width must be positive (an MTF between 0 and 1)")
    if variance is not None:
        sigma = math.sqrt(variance)
    elif fwhm is not None:
        sigma = fwhm / math.sqrt(8 * math.log(2))
    elif mtf is not None:  # exp(−2π²σ²f²) = mtf at f = 1/(2r)
        sigma = ratio * math.sqrt(-2 * math.log(mtf)) / math.pi
    else:
        sigma = math.sqrt(paper_variance(ratio))
    if sigma > 8 * ratio:
        raise ValueError(f"PSF {given}: σ = {sigma:.1f} high pixels is more than 8 low pixels at ratio {ratio}")
    centre = (ratio - 1) / 2 if phase is None else phase
    margin = math.ceil(max(0.0, _REACH * sigma - ratio / 2) + abs(centre - (ratio - 1) / 2))
    taps = np.arange(-margin, ratio + margin) - centre
    profile = np.exp(-(taps**2) / (2 * sigma**2))
    profile /= profile.sum()
    return np.outer(profile, profile)


def place(kernel: ArrayLike, ratio: int, phase: float | None = None) -> NDArray[np.float64]:
    """A user's kernel (any rectangle) laid onto the grid and normalised to sum 1.

    Args:
        kernel: weights; the PSF's centre is the middle of the array.
        ratio: r.
        phase: as in `gaussian`.

    Raises:
        ValueError: if the weights do not sum to a positive number, or the middle of the array falls between pixels
            where `phase` needs it on one (or the other way round).
    """
    weights = np.atleast_2d(np.asarray(kernel, dtype=np.float64))
    if weights.ndim != 2 or not np.isfinite(weights).all() or weights.sum() <= 0:
        raise ValueError("a PSF kernel is a table of finite weights with a positive sum")
    centre = (ratio - 1) / 2 if phase is None else phase
    starts = [centre - (length - 1) / 2 for length in weights.shape]
    if any(start != round(start) for start in starts):
        parity = "even" if centre != round(centre) else "odd"
        raise ValueError(
            f"a {weights.shape[0]}x{weights.shape[1]} kernel cannot be centred at phase {centre:g} (ratio {ratio}): "
            f"its sides must be {parity}, or give another phase"
        )
    firsts = [round(start) for start in starts]
    margin = max(0, *(-first for first in firsts), *(f + n - ratio for f, n in zip(firsts, weights.shape, strict=True)))
    canvas = np.zeros((ratio + 2 * margin, ratio + 2 * margin))
    top, left = (first + margin for first in firsts)
    canvas[top : top + weights.shape[0], left : left + weights.shape[1]] = weights / weights.sum()
    return canvas


def parse(text: str, ratio: int) -> NDArray[np.float64]:
    """A PSF from its short form: "variance:3", "fwhm:4", "mtf:0.3", or a text file with a kernel's weights.

    Raises:
        ValueError: if the text is none of these.
    """
    name, _, number = text.partition(":")
    if name in ("variance", "fwhm", "mtf"):
        try:
            width = float(number)
        except ValueError:
            raise ValueError(f"PSF {text!r}: expected a number after {name}:, as in {name}:0.3") from None
        return gaussian(ratio, **{name: width})
    return place(read_numbers(text, ("variance:V", "fwhm:V", "mtf:V"), "PSF"), ratio)
