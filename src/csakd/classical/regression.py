"""Least squares from MSI features to HSI bands, in float64, that cannot blow up.

Every solve is a ridge on standardised features, so dead bands, dependent bands and scenes with fewer low pixels than
features have one finite answer.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def exact(values: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """In float64; on the CPU where the device has none (MPS)."""
    return values.to("cpu" if values.device.type == "mps" else values.device, torch.float64)


def moments(low: Float[Tensor, "B F h w"]) -> tuple[Float[Tensor, "B F 1 1"], Float[Tensor, "B F 1 1"]]:
    """Mean and standard deviation of each feature; a constant feature's counts as infinite, so it becomes 0 exactly."""
    mean = low.mean((-2, -1), keepdim=True)
    std = (low - mean).square().mean((-2, -1), keepdim=True).sqrt()
    return mean, torch.where(std > 1e-6 * mean.abs() + torch.finfo(low.dtype).tiny, std, torch.inf)


def ridge(
    features: Float[Tensor, "B F h w"], targets: Float[Tensor, "B L h w"], strength: float
) -> Float[Tensor, "B L F"]:
    """argmin_W mean‖targets − W·features‖² + strength·‖W‖², both sides centred by the caller."""
    x, y = exact(features).flatten(2), exact(targets).flatten(2)
    gram = x @ x.mT / x.shape[-1]
    penalty = strength * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    weights: Tensor = torch.linalg.solve(gram + penalty, x @ y.mT / x.shape[-1])
    return weights.mT.to(targets)


def unexplained(hsi: Float[Tensor, "B L h w"], low: Float[Tensor, "B M h w"]) -> Float[Tensor, "B L 1 1"]:
    """RMS of what a linear regression of each band on the MSI observed on the low grid leaves."""
    mean, std = moments(low)
    features, centred = (low - mean) / std, hsi - hsi.mean((-2, -1), keepdim=True)
    rest = centred - torch.einsum("blf,bfhw->blhw", ridge(features, centred, 1e-5), features)
    return rest.square().mean((-2, -1), keepdim=True).sqrt()


def local_ridge(
    features: Float[Tensor, "B F h w"], targets: Float[Tensor, "B L h w"], sigma: float, strength: float
) -> Float[Tensor, "B F L h w"]:
    """A ridge of its own around each pixel, neighbours weighted by a Gaussian of `sigma` pixels."""
    x = exact(features)
    x_mean, y_mean = window_mean(x, sigma), window_mean(targets, sigma)
    gram = window_mean(x[:, :, None] * x[:, None], sigma) - x_mean[:, :, None] * x_mean[:, None]
    penalty = strength * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    # Many tiny matrices, well-conditioned by the ridge: their inverses cost a tenth of solving for L right sides each.
    inverse: Tensor = torch.linalg.inv(gram.movedim((1, 2), (-2, -1)) + penalty)
    # Only the inverses need float64, and hundreds of targets would pay for it.
    products = window_mean(features[:, :, None] * targets[:, None], sigma)
    cross = products - x_mean.to(targets)[:, :, None] * y_mean[:, None]
    weights = torch.zeros_like(cross)
    for row, moment in zip(inverse.to(targets).movedim((1, 2), (-2, -1)).unbind(1), cross.unbind(1), strict=True):
        weights.addcmul_(row[:, :, None], moment[:, None])
    return weights


def local_rest(
    features: Float[Tensor, "B F h w"], targets: Float[Tensor, "B L h w"], sigma: float, strength: float
) -> Float[Tensor, "B L h w"]:
    """What `local_ridge` leaves of the targets."""
    weights = local_ridge(features, targets, sigma, strength)
    x, y = (image - window_mean(image, sigma) for image in (features, targets))
    return y - (weights * x[:, :, None]).sum(1)


def window_mean(maps: Float[Tensor, "*any h w"], sigma: float) -> Float[Tensor, "*any h w"]:
    """Around each pixel, by a Gaussian of `sigma` pixels, its weights renormalised at the borders."""
    rows, columns = (_window(n, sigma).to(maps) for n in maps.shape[-2:])
    return rows @ maps @ columns.mT


def skewed(maps: Float[Tensor, "B K n"]) -> Float[Tensor, "B K"]:
    """The signs in which third moments are positive."""
    return torch.where(maps.pow(3).sum(-1) < 0, -1.0, 1.0)


def whitening(low: Float[Tensor, "B F h w"], floor: float) -> Float[Tensor, "B F F"]:
    """Matrices that make features of mean 0 uncorrelated with variance 1, or less if below `floor` of the largest.

    The sign of each is that in which its third moment is positive.
    """
    x = exact(low).flatten(2)
    variance, axes = torch.linalg.eigh(x @ x.mT / x.shape[-1])
    axes = skewed(axes.mT @ x)[:, None] * axes
    floored = variance.clamp(min=0) + floor * variance[:, -1:]
    scale = torch.where(floored > 0, floored, torch.inf).rsqrt()
    return (scale[..., None] * axes.mT).to(low)


def _window(length: int, sigma: float) -> Tensor:
    """(length, length): row i averages with Gaussian weights around i."""
    place = torch.arange(length, dtype=torch.float64)
    weights = torch.exp(-((place[:, None] - place) ** 2) / (2 * sigma**2))
    return weights / weights.sum(1, keepdim=True)
