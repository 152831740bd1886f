"""Scores from the local means and variances of small windows: SSIM and UIQI.

Only windows that lie inside the image and hold valid pixels alone are scored. Where none of the wanted size
exists (a small image, a mask full of holes) the window shrinks to the largest square that does: one pixel at least.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from csakd.metrics.comparison import compare, mean

_K1, _K2 = 0.01, 0.03  # Wang et al. 2004
_FLAT = 2.0**-46  # variance over squared mean that one rounding of float32 brings about: less is no contrast


class _Moments(NamedTuple):
    """Means, variances and covariance of estimate x and truth y in every window."""

    mean_x: Tensor
    mean_y: Tensor
    variance_x: Tensor
    variance_y: Tensor
    covariance: Tensor


def ssim(
    estimate: Float[Tensor, "L H W"],
    truth: Float[Tensor, "L H W"],
    *,
    valid: Bool[Tensor, "H W"] | None = None,
    window: int = 11,
    sigma: float = 1.5,
) -> float:
    """Structural similarity (Wang et al. 2004), mean over windows, then over live bands.

    Gaussian windows at every pixel, K1 = 0.01, K2 = 0.03. The data range of a band is its truth's largest magnitude.

    Args:
        estimate: (L, H, W), any range.
        truth: (L, H, W), any range.
        valid: (H, W), True where a pixel counts; all by default.
        window: side of a window in pixels.
        sigma: standard deviation of its Gaussian weights in pixels.

    Returns:
        A number in [−1, 1], 1 at best.

    Raises:
        ValueError: for a window below 1, a truth without energy, or cubes that cannot be compared.
    """
    scene = compare(estimate, truth, valid)
    side, whole = _whole_windows(scene.valid, window)
    weights = [math.exp(-(((k - (side - 1) / 2) / sigma) ** 2) / 2) for k in range(side)]
    weights = [weight / sum(weights) for weight in weights]

    def score(band: int) -> Float[Tensor, ""]:
        local = _moments(*scene.images(band), weights)
        c1, c2 = (_K1 * scene.peak(band)) ** 2, (_K2 * scene.peak(band)) ** 2
        luminance = (2 * local.mean_x * local.mean_y + c1) / (local.mean_x**2 + local.mean_y**2 + c1)
        structure = (2 * local.covariance + c2) / (local.variance_x + local.variance_y + c2)
        return (luminance * structure)[whole].mean()

    return mean([score(band) for band in scene.live_bands()])


def uiqi(
    estimate: Float[Tensor, "L H W"],
    truth: Float[Tensor, "L H W"],
    *,
    valid: Bool[Tensor, "H W"] | None = None,
    window: int = 8,
    stride: int = 1,
) -> float:
    """Universal image quality index Q (Wang & Bovik 2002), mean over windows, then over live bands.

    Q is the product of 2·σ_xy / (σ_x² + σ_y²) and 2·μ_x·μ_y / (μ_x² + μ_y²); a factor is 1 where its
    denominator is zero, so two flat windows are judged by their means alone. Defaults as in the paper: windows of
    8×8 at every pixel. `window=32, stride=32` gives the blocks of pansharpening toolboxes.

    Args:
        estimate: (L, H, W), any range.
        truth: (L, H, W), any range.
        valid: (H, W), True where a pixel counts; all by default.
        window: side of a window in pixels.
        stride: step between windows in pixels; never more than the side of a window that had to shrink.

    Returns:
        A number in [−1, 1], 1 at best.

    Raises:
        ValueError: for a window or stride below 1, a truth without energy, or cubes that cannot be compared.
    """
    scene = compare(estimate, truth, valid)
    side, whole = _whole_windows(scene.valid, window, stride)

    def score(band: int) -> Float[Tensor, ""]:
        local = _moments(*scene.images(band), [1 / side] * side)
        energy = local.mean_x**2 + local.mean_y**2
        luminance = torch.where(energy > 0, 2 * local.mean_x * local.mean_y / energy, 1)
        contrast = local.variance_x + local.variance_y
        structure = torch.where(contrast > _FLAT * energy, 2 * local.covariance / contrast, 1)
        return (luminance * structure)[whole].mean()

    return mean([score(band) for band in scene.live_bands()])


def _whole_windows(valid: Bool[Tensor, "H W"], window: int, stride: int = 1) -> tuple[int, Bool[Tensor, "h w"]]:
    """The side of the windows to use, and for every window inside the image whether it is scored."""
    if window < 1 or stride < 1:
        raise ValueError(f"a window of {window} pixels every {stride} does not exist; both must be at least 1")
    for side in range(min(window, *valid.shape), 0, -1):
        whole = _slide((~valid).double(), [1.0] * side) == 0
        step = min(stride, side)
        on_grid = torch.zeros_like(whole)
        on_grid[::step, ::step] = True
        if (whole & on_grid).any():
            return side, whole & on_grid
    raise AssertionError("a comparison has a valid pixel, which is a window of side 1")


def _moments(x: Float[Tensor, "H W"], y: Float[Tensor, "H W"], weights: list[float]) -> _Moments:
    """Weighted moments of every window inside the image; the weights are the same along rows and columns."""
    mean_x, mean_y, xx, yy, xy = _slide(torch.stack([x, y, x * x, y * y, x * y]), weights)
    return _Moments(mean_x, mean_y, xx - mean_x**2, yy - mean_y**2, xy - mean_x * mean_y)


def _slide(images: Float[Tensor, "*N H W"], weights: list[float]) -> Float[Tensor, "*N h w"]:
    """Sums over every window inside the image, weighted by the product of `weights` along rows and columns.

    Shifted sums: several times as fast as a float64 convolution, and without the rounding of an integral image.
    """
    for axis in (-2, -1):
        length = images.shape[axis] - len(weights) + 1
        total = images.narrow(axis, 0, length) * weights[0]
        for shift, weight in enumerate(weights[1:], start=1):
            total.add_(images.narrow(axis, shift, length), alpha=weight)
        images = total
    return images
