"""Regression as nonlinear as the low pixels bear out: a Gaussian process that knows the sensor's blur.

What the MSI leaves open, y, is taken for one random function of the MSI's value, alike all over the scene, and a linear
one whose coefficients drift with place:

    f(x) = w·φ(p(x)) + c₀(x) + c(x)·p(x)

with φ random rectified features, as of a wide network with one hidden layer, w white, c₀ and c smooth. The HSI saw B f;
what is known of f from all low pixels together, its posterior mean, has a closed form. φ is blurred after it was taken
on the high grid, so mixed pixels are no approximation. Rectified features go on as straight lines beyond the
brightest low pixel; most of the error lies there, where regression extrapolates.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from csakd.classical.regression import exact
from csakd.physics import SpatialResponse, upsample

# Chosen on the training and validation scenes of docs/diary.md, 4 and 6 MSI bands, ratio 4.
FEATURES, AT_ONCE = 512, 128
DRIFT = 0.03  # variance of c₀ and of c·p, where that of w·φ is about 1
REACH_LEVEL, REACH_SLOPES = 1.5, 2.5  # low pixels within which c₀ and c are alike
NOISE = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)  # variances of what remains unexplained, in shares of all, to choose from
TILE, OVERLAP = 40, 8  # low pixels: those of one tile are solved for together


def regressed(
    predictors: tuple[Float[Tensor, "B P h w"], Float[Tensor, "B P H W"]],
    targets: Float[Tensor, "B K h w"],
    blur: SpatialResponse,
) -> Float[Tensor, "B K H W"]:
    """f on the high grid.

    Args:
        predictors: p, on the low and on the high grid, of variance 1.
        targets: y.
        blur: B.
    """
    scenes = zip(*predictors, targets, strict=True)
    return torch.stack([_regressed(*scene, blur) for scene in scenes])


def _regressed(
    low: Float[Tensor, "P h w"], high: Float[Tensor, "P H W"], targets: Float[Tensor, "K h w"], blur: SpatialResponse
) -> Float[Tensor, "K H W"]:
    drawn = _drawn(len(low)).to(high)
    seen = torch.cat([blur(_rectified(some, high)) for some in drawn.split(AT_ONCE)])
    total, weight = high.new_zeros(len(targets), *high.shape[1:]), high.new_zeros(high.shape[1:])
    for rows in _tiles(targets.shape[1]):
        for columns in _tiles(targets.shape[2]):
            above, right = (slice(blur.ratio * tile.start, blur.ratio * tile.stop) for tile in (rows, columns))
            p, phi, y = (image[:, rows, columns] for image in (low, seen, targets))
            found = _posterior(p, phi, y, high[:, above, right], drawn)
            share = torch.outer(_taper(found.shape[1]), _taper(found.shape[2])).to(high)
            total[:, above, right] += share * found
            weight[above, right] += share
    return total / weight


def _posterior(
    low: Float[Tensor, "P h w"],
    seen: Float[Tensor, "D h w"],
    targets: Float[Tensor, "K h w"],
    high: Float[Tensor, "P H W"],
    drawn: Float[Tensor, "D Q"],
) -> Float[Tensor, "K H W"]:
    """f over a tile, from what the HSI saw of it."""
    grid, size = (low.shape[-2], low.shape[-1]), (high.shape[-2], high.shape[-1])
    phi, p, y = (exact(image).flatten(1) for image in (seen, low, targets))
    level, slopes = (DRIFT * _near(grid, reach).to(p) for reach in (REACH_LEVEL, REACH_SLOPES))
    slopes /= max(len(p), 1)
    covariance = torch.addmm(level, phi.mT, phi) + slopes * (p.mT @ p)
    causes = _causes(covariance, y)

    def on_top(image: Float[Tensor, "K n"]) -> Float[Tensor, "K H W"]:
        return upsample(image.to(high).unflatten(1, grid), size)

    found = on_top(causes @ level)
    for band, values in zip(high, p, strict=True):
        found += on_top((causes * values) @ slopes) * band
    weights = (causes @ phi.mT).to(high)
    for some, w in zip(drawn.split(AT_ONCE), weights.split(AT_ONCE, 1), strict=True):
        found += torch.einsum("kd,dhw->khw", w, _rectified(some, high))
    return found


def _causes(covariance: Float[Tensor, "n n"], y: Float[Tensor, "K n"]) -> Float[Tensor, "K n"]:
    """(covariance + noise)⁻¹ y, for each y with the noise next below that under which it is most likely.

    Evidence knows averages over low pixels alone. Within them there is more to gain from detail than it knows.
    """
    best, causes, below = y.new_full((len(y),), -torch.inf), torch.zeros_like(y), None
    variance = covariance.diagonal().mean()
    for noise in NOISE:
        noisy = covariance.clone()
        noisy.diagonal().add_(noise * variance)
        root = torch.linalg.cholesky(noisy)
        solved = torch.cholesky_solve(y.mT, root).mT
        energy = (y * solved).sum(1).clamp(min=torch.finfo(y.dtype).tiny)
        evidence = -y.shape[1] / 2 * energy.log() - root.diagonal().log().sum()  # of y in its most likely unit
        if below is not None:
            causes = torch.where((evidence > best)[:, None], below, causes)
            best = torch.maximum(evidence, best)
        below = solved
    return causes


def _drawn(predictors: int) -> Float[Tensor, "D Q"]:
    """Weights of the hidden layer, the last its bias's; the same for every scene."""
    weights = torch.randn(FEATURES, predictors + 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weights[:, :-1] /= max(predictors, 1) ** 0.5
    return weights * (2 / FEATURES) ** 0.5


def _rectified(drawn: Float[Tensor, "D Q"], predictors: Float[Tensor, "P H W"]) -> Float[Tensor, "D H W"]:
    return (torch.einsum("dp,phw->dhw", drawn[:, :-1], predictors) + drawn[:, -1, None, None]).relu_()


def _near(grid: tuple[int, int], reach: float) -> Float[Tensor, "n n"]:
    """Correlation of low pixels by their distance, a Gaussian of so many pixels."""
    rows, columns = (torch.arange(n, dtype=torch.float64) for n in grid)
    down, right = (torch.exp(-((at[:, None] - at) ** 2) / (2 * reach**2)) for at in (rows, columns))
    return torch.kron(down, right)


def _tiles(length: int) -> list[slice]:
    """Low pixels of each tile; neighbours overlap by `OVERLAP` or more."""
    count = 1 if length <= TILE else -(-(length - OVERLAP) // (TILE - OVERLAP))
    size = length if count == 1 else TILE
    starts = [round(i * (length - size) / max(count - 1, 1)) for i in range(count)]
    return [slice(start, start + size) for start in starts]


def _taper(length: int) -> Float[Tensor, " n"]:
    """Weights that grow from the ends of a tile to its middle."""
    place = torch.arange(length, dtype=torch.float64)
    return torch.minimum(place + 1, length - place)
