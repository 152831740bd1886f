"""Losses between a fused cube and a reference: ℓ1, smooth ℓ1, BEBA (Eq. 12) and SAM (Eq. 13).

Each takes batches (B, L, H, W) and returns one number: the mean over scenes of the mean over a scene's valid pixels.
A scene without a valid pixel adds zero. Half precision is lifted to float32 inside.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from csakd.metrics.spectral import spectral_cosine


def l1(
    estimate: Float[Tensor, "B L H W"], truth: Float[Tensor, "B L H W"], *, valid: Bool[Tensor, "B H W"] | None = None
) -> Float[Tensor, ""]:
    """Mean absolute error, the first term of Eqs. 14 and 15.

    Args:
        estimate: (B, L, H, W).
        truth: (B, L, H, W).
        valid: (B, H, W), True where a pixel counts; all by default.

    Returns:
        A number ≥ 0 in the data's units, 0 at equality.

    Raises:
        ValueError: if the shapes differ.
    """
    estimate, truth = _comparable(estimate, truth, valid)
    return _mean_over_pixels((estimate - truth).abs(), valid).mean()


def smooth_l1(
    estimate: Float[Tensor, "B L H W"], truth: Float[Tensor, "B L H W"], *, valid: Bool[Tensor, "B H W"] | None = None
) -> Float[Tensor, ""]:
    """What the released code trains with in place of ℓ1: d²/2 for errors d below 1, |d| − 1/2 above.

    On data scaled to [0, 1] every error is below 1, which makes it half the mean squared error.

    Args:
        estimate: (B, L, H, W).
        truth: (B, L, H, W).
        valid: (B, H, W), True where a pixel counts; all by default.

    Returns:
        A number ≥ 0, 0 at equality.

    Raises:
        ValueError: if the shapes differ.
    """
    estimate, truth = _comparable(estimate, truth, valid)
    return _mean_over_pixels(F.smooth_l1_loss(estimate, truth, reduction="none"), valid).mean()


def beba(
    estimate: Float[Tensor, "B L H W"],
    truth: Float[Tensor, "B L H W"],
    *,
    valid: Bool[Tensor, "B H W"] | None = None,
    alpha: float = 0.5,
    beta: float = 1.0,
    epsilon: float = 0.1,
) -> Float[Tensor, ""]:
    """Band-energy-balance-aware loss (Eq. 12): squared errors D weighed against the energy of their band.

    mean_bands( mean_pixels(α·D/β + relu(D − β)) / mean_pixels(truth² + ε) ). The printed constant −αβ is left
    out: it has no gradient, and it makes a perfect match score below zero.

    Args:
        estimate: (B, L, H, W).
        truth: (B, L, H, W), scaled to about [0, 1]: β and ε are absolute.
        valid: (B, H, W), True where a pixel counts; all by default.
        alpha: weight of the error below the threshold.
        beta: squared error above which the excess is added once more.
        epsilon: keeps the weight of dark bands finite.

    Returns:
        A number ≥ 0, 0 at equality.

    Raises:
        ValueError: if the shapes differ.
    """
    estimate, truth = _comparable(estimate, truth, valid)
    squared = (estimate - truth).square()
    penalty = _mean_over_pixels(alpha * squared / beta + F.relu(squared - beta), valid)
    energy = _mean_over_pixels(truth.square(), valid) + epsilon
    return (penalty / energy).mean()


def sam(
    estimate: Float[Tensor, "B L H W"],
    truth: Float[Tensor, "B L H W"],
    *,
    valid: Bool[Tensor, "B H W"] | None = None,
    epsilon: float = 1e-4,
) -> Float[Tensor, ""]:
    """Spectral angle loss (Eq. 13): 1 − mean cosine between the spectra of estimate and truth.

    Eq. 13 adds ε to the product of both lengths, which leaves a loss at equality. Here ε is the shortest length
    divided by: equal spectra cost nothing, and the gradient of an estimate near zero stays below 1/ε. Pixels
    whose truth is shorter than ε have no direction worth matching and are left out, as in the metric.

    Args:
        estimate: (B, L, H, W).
        truth: (B, L, H, W), in proportion to reflectance or radiance: angles change when data are shifted.
        valid: (B, H, W), True where a pixel counts; all by default.
        epsilon: shortest spectrum, in the data's units.

    Returns:
        A number in [0, 2], 0 at equality up to rounding.

    Raises:
        ValueError: if the shapes differ.
    """
    estimate, truth = _comparable(estimate, truth, valid)
    has_direction = torch.linalg.vector_norm(truth, dim=1) > epsilon  # no invalid pixel has: it is zero by now
    distance = 1 - spectral_cosine(estimate, truth, floor=epsilon)
    return _mean_over_pixels(distance[:, None], has_direction).mean()


def _comparable(
    estimate: Float[Tensor, "B L H W"], truth: Float[Tensor, "B L H W"], valid: Bool[Tensor, "B H W"] | None
) -> tuple[Float[Tensor, "B L H W"], Float[Tensor, "B L H W"]]:
    """Both cubes in float32 at least, zero in every invalid pixel, so that no NaN there reaches a gradient."""
    if estimate.shape != truth.shape:
        raise ValueError(
            f"the estimate is {tuple(estimate.shape)}, the reference {tuple(truth.shape)}; crop or resample"
        )
    estimate, truth = (cube.to(torch.promote_types(cube.dtype, torch.float32)) for cube in (estimate, truth))
    if valid is None:
        return estimate, truth
    return estimate.masked_fill(~valid[:, None], 0), truth.masked_fill(~valid[:, None], 0)


def _mean_over_pixels(images: Float[Tensor, "B N H W"], valid: Bool[Tensor, "B H W"] | None) -> Float[Tensor, "B N"]:
    """Mean over each scene's valid pixels; zero where it has none."""
    if valid is None:
        return images.mean((-2, -1))
    weights = valid[:, None].to(images.dtype)
    return (images * weights).sum((-2, -1)) / weights.sum((-2, -1)).clamp_min(1)
