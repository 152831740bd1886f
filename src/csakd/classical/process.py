"""Regression as nonlinear as the low pixels bear out: a Gaussian process that knows the sensor's blur.

What the MSI leaves open, y, is taken for one random function of the MSI's value, alike all over the neighbourhood, and
a linear one whose coefficients drift with place:

    f(x) = w·φ(p(x)) + c₀(x) + c(x)·p(x)

with φ random rectified features, as of a wide network with one hidden layer, w white, c₀ and c smooth. φ may look at
the surroundings of p(x) too. The HSI saw B f;
what is known of f from all low pixels together, its posterior mean, has a closed form. φ is blurred after it was taken
on the high grid, so mixed pixels are no approximation. Rectified features go on as straight lines beyond the
brightest low pixel; most of the error lies there, where regression extrapolates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from csakd.classical.regression import exact
from csakd.physics import SpatialResponse, upsample

# Chosen on the training and validation scenes of docs/diary.md, 4 and 6 MSI bands, ratio 4.
AT_ONCE = 128  # features
NOISE = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)  # variances of what remains unexplained, in shares of all, to choose from
OVERLAP = 4  # low pixels that neighbouring tiles share


class Prior(NamedTuple):
    """What is held likely of f before the HSI is seen.

    Attributes:
        drift: variance of c₀ and of c·p, where that of w·φ is about 1.
        level, slopes: low pixels within which c₀ and c are alike.
        tile: low pixels a side of the squares that are solved apart, with w of their own.
        waves: φ are cosines instead, which do not go on beyond what was seen.
        place: low pixels in which w·φ changes as in a deviation of p; 0 if it is alike all over a tile.
        around: what φ sees of the surroundings as far as it is clear of noise, a key of `AROUND`; nothing if empty.
        features: how many φ.
        seed: of φ.
    """

    drift: float = 0.03
    level: float = 1.5
    slopes: float = 2.5
    tile: int = 16
    waves: bool = False
    place: float = 0.0
    around: str = ""
    features: int = 384
    seed: int = 0


# The mean of estimates of different kinds is better than any of them. Alone, those that look around are far worse.
SEVERAL = tuple(
    prior._replace(features=768, seed=seed)
    for seed, prior in enumerate(
        (
            Prior(drift=0.003),
            Prior(drift=0.3, tile=20, waves=True),
            Prior(level=2.5, slopes=4.0),
            Prior(level=4.0, slopes=7.0, tile=40),
            Prior(drift=0.01, tile=12),
            Prior(around="slopes", place=12.0),
            Prior(around="fine contrast"),
            Prior(around="contrast"),
        ),
        start=1,
    )
)


def regressed(
    predictors: tuple[Float[Tensor, "B P h w"], Float[Tensor, "B P H W"]],
    targets: Float[Tensor, "B K h w"],
    blur: SpatialResponse,
    priors: Sequence[Prior] = (Prior(),),
    noise: Float[Tensor, "B P H W"] | None = None,
) -> Float[Tensor, "B K H W"]:
    """f on the high grid, the mean over all priors.

    Args:
        predictors: p, on the low and on the high grid, of variance 1.
        targets: y.
        blur: B.
        priors: one or more.
        noise: that was taken out of p on the high grid: the more, the less φ sees of what is around; none by default.
    """
    noise = torch.zeros_like(predictors[1]) if noise is None else noise
    scenes = zip(*predictors, noise, targets, strict=True)
    return torch.stack([torch.stack([_regressed(*scene, blur, prior) for prior in priors]).mean(0) for scene in scenes])


def _regressed(
    low: Float[Tensor, "P h w"],
    high: Float[Tensor, "P H W"],
    noise: Float[Tensor, "P H W"],
    targets: Float[Tensor, "K h w"],
    blur: SpatialResponse,
    prior: Prior,
) -> Float[Tensor, "K H W"]:
    hidden = _drawn(len(high), prior).to(high)
    inputs = _inputs(high, noise, blur.ratio, prior)
    seen = _factor(prior) * torch.cat([blur(_features(some, inputs, prior)) for some in hidden.split(AT_ONCE)])
    total, weight = high.new_zeros(len(targets), *high.shape[1:]), high.new_zeros(high.shape[1:])
    for rows in _tiles(targets.shape[1], prior.tile):
        for columns in _tiles(targets.shape[2], prior.tile):
            above, right = (slice(blur.ratio * tile.start, blur.ratio * tile.stop) for tile in (rows, columns))
            phi, p, y = (image[:, rows, columns] for image in (seen, low, targets))
            found = _posterior(phi, p, y, high[:, above, right], inputs[:, above, right], hidden, prior)
            share = torch.outer(_taper(found.shape[1]), _taper(found.shape[2])).to(high)
            total[:, above, right] += share * found
            weight[above, right] += share
    return total / weight


def _posterior(
    seen: Float[Tensor, "D h w"],
    low: Float[Tensor, "P h w"],
    targets: Float[Tensor, "K h w"],
    high: Float[Tensor, "P H W"],
    inputs: Float[Tensor, "Q H W"],
    hidden: Float[Tensor, "D Q"],
    prior: Prior,
) -> Float[Tensor, "K H W"]:
    """f over a tile, from what the HSI saw of it: y's covariance with itself, then f's with y."""
    grid, size = (low.shape[-2], low.shape[-1]), (high.shape[-2], high.shape[-1])
    phi, p, y = (exact(image).flatten(1) for image in (seen, low, targets))
    level, slopes = (prior.drift * _near(grid, reach).to(p) for reach in (prior.level, prior.slopes))
    slopes /= max(len(p), 1)
    causes = _causes(torch.addmm(level, phi.mT, phi) + slopes * (p.mT @ p), y)

    # Coefficients of 1 and of p on the low grid, (1 + P, K, n), and what they belong to on the high one.
    drifting = torch.cat([(causes @ level)[None], (causes * p[:, None]) @ slopes]).to(high).unflatten(2, grid)
    bands = functional.pad(high, (0, 0, 0, 0, 1, 0), value=1.0)
    found = (upsample(drifting, size) * bands[:, None]).sum(0)
    weights = _factor(prior) * (causes @ phi.mT).to(high)
    for some, w in zip(hidden.split(AT_ONCE), weights.split(AT_ONCE, 1), strict=True):
        found += torch.einsum("kd,dhw->khw", w, _features(some, inputs, prior))
    return found


def _causes(covariance: Float[Tensor, "n n"], y: Float[Tensor, "K n"]) -> Float[Tensor, "K n"]:
    """(covariance + noise)⁻¹ y, with the noises next below those under which y is likely, weighing as these are.

    Evidence knows averages over low pixels alone. Within them there is more to gain from detail than it knows.
    """
    solutions, evidence = [], []
    variance = covariance.diagonal().mean()
    for noise in NOISE:
        noisy = covariance.clone()
        noisy.diagonal().add_(noise * variance)
        root = torch.linalg.cholesky(noisy)
        solutions.append(torch.cholesky_solve(y.mT, root).mT)
        energy = (y * solutions[-1]).sum(1).clamp(min=torch.finfo(y.dtype).tiny)
        # The logarithm of y's density in the unit in which that is highest.
        evidence.append(-y.shape[1] / 2 * energy.log() - root.diagonal().log().sum())
    likely = torch.stack(evidence[1:]).softmax(0)
    return (likely[..., None] * torch.stack(solutions[:-1])).sum(0)


def _drawn(predictors: int, prior: Prior) -> Float[Tensor, "D Q"]:
    """Weights of the hidden layer for `_inputs`; the same for every scene."""
    generator = torch.Generator().manual_seed(prior.seed)
    inputs = predictors * (1 + len(AROUND[prior.around])) + 3
    weights = torch.randn(prior.features, inputs, generator=generator, dtype=torch.float64)
    weights[:, :-1] *= (2 if prior.waves else 1) / max(predictors, 1) ** 0.5
    if prior.waves:
        weights[:, -1] = 2 * math.pi * torch.rand(prior.features, generator=generator, dtype=torch.float64)
    return weights


def _inputs(
    high: Float[Tensor, "P H W"], noise: Float[Tensor, "P H W"], ratio: int, prior: Prior
) -> Float[Tensor, "Q H W"]:
    """p, what is around it, the place, and 1."""
    height, width = high.shape[1:]
    unit = ratio * prior.place if prior.place else math.inf
    places = torch.meshgrid(*(torch.arange(n).to(high) / unit for n in (height, width)), indexing="ij")
    around = [weight * _clear(look(high, ratio), look(noise, ratio)) for look, weight in AROUND[prior.around]]
    return torch.cat([high, *around, *(place[None] for place in places), torch.ones_like(high[:1])])


def _clear(bands: Float[Tensor, "P H W"], noise: Float[Tensor, "P H W"]) -> Float[Tensor, "P H W"]:
    """Each band in units of its RMS, times its share in the power that it and the noise taken out of it had."""
    tiny = torch.finfo(bands.dtype).tiny
    power, taken = (image.square().mean((-2, -1), keepdim=True) for image in (bands, noise))
    return bands / power.sqrt().clamp(min=tiny) * (power / (power + taken).clamp(min=tiny))


def _contrast(high: Float[Tensor, "P H W"], side: int) -> Float[Tensor, "P H W"]:
    """To the mean of a square of pixels, an odd number a side."""
    wide = functional.pad(high[None], (side // 2,) * 4, mode="replicate")
    return high - functional.avg_pool2d(wide, side, 1)[0]


# What a process may see of a pixel's surroundings, and how much that counts beside p.
AROUND: dict[str, tuple[tuple[Callable[[Tensor, int], Tensor], float], ...]] = {
    "": (),
    "slopes": (
        (lambda high, ratio: torch.gradient(high, dim=1)[0], 0.5**0.5),
        (lambda high, ratio: torch.gradient(high, dim=2)[0], 0.5**0.5),
    ),
    "fine contrast": ((lambda high, ratio: _contrast(high, 3), 2.0),),
    "contrast": ((lambda high, ratio: _contrast(high, ratio // 2 * 2 + 1), 1.0),),
}


def _features(hidden: Float[Tensor, "D Q"], inputs: Float[Tensor, "Q H W"], prior: Prior) -> Float[Tensor, "D H W"]:
    """φ, but for a factor: they are many."""
    found = torch.einsum("dq,qhw->dhw", hidden, inputs)
    return found.cos_() if prior.waves else found.relu_()


def _factor(prior: Prior) -> float:
    """That with which w·φ has a variance of about 1."""
    return (2 / prior.features) ** 0.5


def _near(grid: tuple[int, int], reach: float) -> Float[Tensor, "n n"]:
    """Correlation of pixels by their distance, a Gaussian of so many pixels."""
    rows, columns = (torch.arange(n, dtype=torch.float64) for n in grid)
    down, right = (torch.exp(-((at[:, None] - at) ** 2) / (2 * reach**2)) for at in (rows, columns))
    return torch.kron(down, right)


def _tiles(length: int, size: int) -> list[slice]:
    """Low pixels of each tile; neighbours share `OVERLAP` or more."""
    if length <= size:
        return [slice(0, length)]
    count = -(-(length - OVERLAP) // (size - OVERLAP))
    starts = [round(i * (length - size) / (count - 1)) for i in range(count)]
    return [slice(start, start + size) for start in starts]


def _taper(length: int) -> Float[Tensor, " n"]:
    """Weights that grow from the ends of a tile to its middle."""
    place = torch.arange(length, dtype=torch.float64)
    return torch.minimum(place + 1, length - place)
