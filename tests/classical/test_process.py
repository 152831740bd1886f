"""The Gaussian process against a dense second source, and what it must be able to find."""

import importlib
import itertools

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from csakd.physics import SpatialResponse, upsample

process = importlib.import_module("csakd.classical.process")


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def rms(image: torch.Tensor) -> float:
    return float(image.square().mean().sqrt())


def dense(operator, pixels: int) -> np.ndarray:
    """The matrix of a linear operator, a column for each pixel."""
    return np.stack([operator(unit).flatten().numpy() for unit in torch.eye(pixels, dtype=torch.float64)], 1)


def causes(covariance: np.ndarray, y: np.ndarray) -> np.ndarray:
    """By the density of y under each of the noises above the least, the solution with the noise below it."""
    solutions, densities = [], []
    for noise in process.NOISE:
        noisy = covariance + noise * np.diag(covariance).mean() * np.eye(len(y))
        unit = y @ np.linalg.solve(noisy, y) / len(y)
        solutions.append(np.linalg.solve(noisy, y))
        densities.append(multivariate_normal(cov=unit * noisy).logpdf(y))
    likely = np.exp(np.array(densities[1:]) - max(densities[1:]))
    return likely / likely.sum() @ np.array(solutions[:-1])


def test_the_mean_is_that_of_the_textbook():
    """K* (K + noise)⁻¹ y with all matrices written out, where coefficients drift so slowly that bicubic is exact."""
    blur, high = SpatialResponse(2), random(1, 2, 10, 12)
    low, targets = blur(high), random(1, 3, 5, 6, seed=1)
    found = process.regressed((low, high), targets, blur)[0]

    prior = process.Prior()
    weights = process._drawn(2, prior).numpy()
    flat = high[0].flatten(1).numpy()
    hidden = np.maximum(weights[:, :2] @ flat + weights[:, -1:], 0) * (2 / prior.features) ** 0.5
    b = np.stack([blur(unit.view(10, 12)).flatten().numpy() for unit in torch.eye(120, dtype=torch.float64)], 1)
    u = np.stack(
        [upsample(unit.view(5, 6), (10, 12)).flatten().numpy() for unit in torch.eye(30, dtype=torch.float64)], 1
    )
    at = np.array([(i, j) for i in range(5) for j in range(6)])
    distance = ((at[:, None] - at) ** 2).sum(-1)
    level, slopes = (prior.drift * np.exp(-distance / (2 * reach**2)) for reach in (prior.level, prior.slopes))
    p = low[0].flatten(1).numpy()
    seen = hidden @ b.T
    covariance = seen.T @ seen + level + slopes * (p.T @ p) / 2
    with_high = hidden.T @ seen + u @ level + sum(
        flat[m][:, None] * (u @ (slopes * p[m] / 2)) for m in range(2)
    )  # fmt: skip
    for y, estimate in zip(targets[0].flatten(1).numpy(), found.flatten(1).numpy(), strict=True):
        np.testing.assert_allclose(estimate, with_high @ causes(covariance, y), atol=1e-6)


def test_a_bend_in_the_response_is_found_from_mixed_pixels():
    """y is a kinked function of the MSI; a linear regression misses it."""
    blur = SpatialResponse(4)
    high = upsample(random(1, 1, 48, 48), (96, 96))
    high = high / high.std()
    truth = high.abs()
    targets = blur(truth - truth.mean())
    low = blur(high)
    found = process.regressed((low, high), targets, blur)
    assert rms(found - found.mean() - truth + truth.mean()) < 0.15 * rms(truth - truth.mean())


def test_tiles_of_a_large_scene_agree_with_the_whole():
    blur = SpatialResponse(2)
    high = upsample(random(1, 2, 24, 20), (96, 80))
    truth = high[:, :1].abs() + 0.3 * high[:, 1:] * upsample(random(1, 1, 4, 4, seed=2), (96, 80))
    low, targets = blur(high), blur(truth - truth.mean())
    whole, tiled = (process.regressed((low, high), targets, blur, [process.Prior(tile=n)]) for n in (48, 24))
    assert rms(tiled - whole) < 0.05 * rms(whole)


@pytest.mark.parametrize("prior", process.SEVERAL, ids=str)
def test_whatever_is_held_likely_the_mean_of_several_is_as_good_as_the_plain_one(prior):
    blur = SpatialResponse(4)
    high = upsample(random(1, 2, 24, 24), (96, 96))
    truth = (high[:, :1] + high[:, 1:]).abs()
    low, targets = blur(high), blur(truth - truth.mean())
    found = process.regressed((low, high), targets, blur, [prior])
    assert rms(found - found.mean() - truth + truth.mean()) < 0.4 * rms(truth - truth.mean())


@pytest.mark.parametrize("around", ["slopes", "fine contrast", "contrast"])
def test_who_looks_around_finds_what_a_pixel_alone_does_not_tell(around):
    """The truth is the MSI, moved by half a pixel or with its contrast changed."""
    blur, high = SpatialResponse(4), upsample(random(1, 1, 64, 64), (128, 128))
    high = high / high.std()
    seen = [weight * look(high[0], 4)[None] for look, weight in process.AROUND[around]]
    truth = high + 0.5 * sum(image / image.std() for image in seen)
    found, plain = (
        process.regressed((blur(high), high), blur(truth), blur, [process.Prior(around=kind)]) for kind in (around, "")
    )
    assert rms(found - truth) < 0.7 * rms(plain - truth)


@pytest.mark.parametrize("around", ["slopes", "fine contrast", "contrast"])
def test_who_looks_around_is_not_led_astray_by_noise(around):
    """The truth is in each pixel alone; one of two bands is hardly more than what denoising left of its noise."""
    blur, scene = SpatialResponse(4), upsample(random(1, 2, 24, 24), (96, 96))
    scene = scene / scene.std()
    noise = random(1, 2, 96, 96, seed=1) * torch.tensor([0.0, 1.0]).view(2, 1, 1)
    high = scene + 0.4 * noise
    prior, truth = process.Prior(around=around), scene[:, :1].abs() + 0.3 * scene[:, 1:]
    targets = blur(truth) + 0.02 * random(1, 1, 24, 24, seed=2)
    unaware, aware = (process.regressed((blur(high), high), targets, blur, [prior], taken) for taken in (None, noise))
    assert rms(aware - truth) < 0.95 * rms(unaware - truth)
    calm = process.regressed((blur(high), high), targets, blur, [prior], torch.zeros_like(noise))
    assert torch.equal(calm, unaware)


def test_several_priors_give_the_mean_of_what_each_gives():
    blur, high = SpatialResponse(2), random(1, 2, 24, 24)
    low, targets = blur(high), random(1, 1, 12, 12, seed=1)
    together = process.regressed((low, high), targets, blur, process.SEVERAL)
    apart = [process.regressed((low, high), targets, blur, [prior]) for prior in process.SEVERAL]
    torch.testing.assert_close(together, torch.stack(apart).mean(0))
    assert rms(apart[0] - apart[1]) > 0.01 * rms(apart[0])


@pytest.mark.parametrize(("length", "count"), [(1, 1), (20, 1), (21, 2), (36, 2), (37, 3), (300, 19)])
def test_tiles_cover_everything_and_overlap(length, count):
    tiles = process._tiles(length, 20)
    assert len(tiles) == count
    assert (tiles[0].start, tiles[-1].stop) == (0, length)
    assert all(first.stop - second.start >= process.OVERLAP for first, second in itertools.pairwise(tiles))


def test_noise_is_told_from_signal():
    """The same y, clean and under noise as strong as itself: of the noisy one less is believed."""
    blur = SpatialResponse(2)
    high = upsample(random(1, 2, 12, 12), (48, 48))
    low, truth = blur(high), high[:, :1].abs() - high[:, :1].abs().mean()
    clean = blur(truth)
    noisy = clean + rms(clean) * random(*clean.shape, seed=3)
    found = process.regressed((low, high), torch.cat([clean, noisy], 1), blur)
    wrong = [rms(f - truth[0, 0]) for f in found[0]]
    assert wrong[0] < 0.1 * rms(truth)
    assert wrong[1] < 0.7 * rms(noisy - clean)
