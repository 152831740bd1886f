"""Scores that look at one band at a time and at no pixel's neighbours: PSNR, RMSE, ERGAS, CC."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from csakd.metrics.comparison import Comparison, compare, mean

CONVENTIONS = ("per_band_max", "global_max", "pooled")

PSNR_CAP = 20 * math.log10(2**24)
"""144.5 dB: an error of half the spacing of float32 numbers at the peak. No better match can be told from a
perfect one in float32, and a finite score keeps one perfect band from making the mean of all bands infinite."""


def psnr(
    estimate: Float[Tensor, "L H W"],
    truth: Float[Tensor, "L H W"],
    *,
    valid: Bool[Tensor, "H W"] | None = None,
    convention: str = "per_band_max",
) -> float:
    """Peak signal-to-noise ratio. The literature holds several conventions, which differ by many dB.

    A peak is the truth's largest magnitude.

    - `per_band_max`: each band's own peak over its own error, mean of dB over live bands (CSAKD, Sec. IV-A3).
    - `global_max`: the cube's peak over each band's own error, mean of dB over live bands (CUCaNet).
    - `pooled`: the cube's peak over the error pooled from all bands, dead ones too (SSRNET and its descendants).

    Args:
        estimate: (L, H, W), any range.
        truth: (L, H, W), any range.
        valid: (H, W), True where a pixel counts; all by default.
        convention: one of `CONVENTIONS`.

    Returns:
        dB, at most `PSNR_CAP`, which a perfect band gets.

    Raises:
        ValueError: for an unknown convention, a truth without energy, or cubes that cannot be compared.
    """
    if convention not in CONVENTIONS:
        raise ValueError(f"unknown PSNR convention {convention!r}; choose one of {', '.join(CONVENTIONS)}")
    scene = compare(estimate, truth, valid)
    live = scene.live_bands()
    peaks = torch.stack([scene.peak(band) for band in live])
    if convention != "per_band_max":
        peaks = peaks.max()
    if convention == "pooled":
        errors = torch.stack([scene.squared_error(band) for band in scene.bands]).mean()
    else:
        errors = torch.stack([scene.squared_error(band) for band in live])
    return float((10 * torch.log10(peaks.square() / errors)).clamp(max=PSNR_CAP).mean())


def rmse(
    estimate: Float[Tensor, "L H W"], truth: Float[Tensor, "L H W"], *, valid: Bool[Tensor, "H W"] | None = None
) -> float:
    """Root of the mean over all bands, dead ones too, of each band's mean squared error (CSAKD, Sec. IV-A3).

    Args:
        estimate: (L, H, W), any range.
        truth: (L, H, W), any range.
        valid: (H, W), True where a pixel counts; all by default.

    Returns:
        An error in the data's own units, 0 at best.

    Raises:
        ValueError: for cubes that cannot be compared.
    """
    scene = compare(estimate, truth, valid)
    return math.sqrt(mean([scene.squared_error(band) for band in scene.bands]))


def ergas(
    estimate: Float[Tensor, "L H W"],
    truth: Float[Tensor, "L H W"],
    *,
    ratio: float,
    valid: Bool[Tensor, "H W"] | None = None,
) -> float:
    """Relative dimensionless global error in synthesis, 100/r · sqrt(mean_b(MSE_b / μ_b²)) (Wald 2000).

    μ_b is the truth's mean in band b. Bands where it is zero are left out.

    Args:
        estimate: (L, H, W), any range.
        truth: (L, H, W), any range; not centred, since the score relates errors to means.
        ratio: r, low pixel size over high pixel size: 4, not 1/4.
        valid: (H, W), True where a pixel counts; all by default.

    Returns:
        A percentage per unit of ratio, 0 at best.

    Raises:
        ValueError: for a ratio not above zero, a truth with zero mean in every band, or cubes that cannot be compared.
    """
    if ratio <= 0:
        raise ValueError(f"ratio {ratio} is not positive; give low pixel size over high pixel size, such as 4")
    scene = compare(estimate, truth, valid)
    means = torch.stack([scene.pixels(band)[1].mean() for band in scene.bands])
    counted = means.nonzero().flatten().tolist()
    if not counted:
        raise ValueError("every band of the truth has zero mean, so ERGAS is undefined; leave this scene out")
    return 100 / ratio * math.sqrt(mean([scene.squared_error(band) / means[band].square() for band in counted]))


def cc(
    estimate: Float[Tensor, "L H W"], truth: Float[Tensor, "L H W"], *, valid: Bool[Tensor, "H W"] | None = None
) -> float:
    """Pearson's correlation of estimate and truth, mean over live bands.

    A constant image correlates with nothing: such a band scores 1 if both images are equal and 0 otherwise.

    Args:
        estimate: (L, H, W), any range.
        truth: (L, H, W), any range.
        valid: (H, W), True where a pixel counts; all by default.

    Returns:
        A number in [−1, 1], 1 at best.

    Raises:
        ValueError: for a truth without energy, or cubes that cannot be compared.
    """
    scene = compare(estimate, truth, valid)
    return mean([_correlation(scene, band) for band in scene.live_bands()])


def _correlation(scene: Comparison, band: int) -> Float[Tensor, ""]:
    estimate, truth = scene.pixels(band)
    # Asked of the values themselves: a variance that should be zero is left with rounding noise.
    if estimate.amin() == estimate.amax() or truth.amin() == truth.amax():
        return (estimate == truth).all().double()
    estimate, truth = estimate - estimate.mean(), truth - truth.mean()
    return ((estimate @ truth) / torch.sqrt((estimate @ estimate) * (truth @ truth))).clamp(-1, 1)
