"""Scenes seen by other sensors: a few scenes become a stream of pairs, no two alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from csakd.cubes import Cube
from csakd.data.positions import Position
from csakd.physics import MULTISPECTRAL, SpatialResponse, SpectralResponse, add_noise, psf

SETS = ("tm4", "tm4", "tm6", "tm6", "sentinel2", "ali", "rgb", "pan")  # of which one is drawn
RATIOS = (4, 3, 4, 6, 4, 2, 3, 4, 8, 4, 5, 4, 6, 3, 4, 4)  # of variants in turn
SMALLEST = 64  # high pixels of a part's side
WIDTH = (0.6, 1.3)  # of a Gaussian PSF's variance, in units of the paper's
SHIFT = 0.12  # high pixels, RMS
NOISE = (20.0, 42.0)  # dB
GRAIN = (25.0, 45.0)  # dB
MAPS, PSEUDO_BANDS = 16, 32  # of a remixed scene
GAIN = 0.35  # RMS of its logarithm at five places


class Variant(NamedTuple):
    """A simulated pair, its sensor's blur as one would assume it, and its truth."""

    hsi: Float[Tensor, "1 L h w"]
    msi: Float[Tensor, "1 M H W"]
    truth: Float[Tensor, "1 L H W"]
    blur: SpatialResponse


@dataclass(frozen=True)
class Chances:
    """How often a variant is none of the plain scene under the paper's sensor.

    Attributes:
        part: of the scene alone.
        remixed: the scene's own maps under other spectra, as if other materials lay there.
        gain: other light or calibration, smooth over wavelength.
        bands: some of the bands only.
        grain: noise of the scene's own, as old sensors' scenes have it: it is part of the truth.
        free: an MSI of bands that no sensor has, instead of one of `SETS`.
        box: low pixels that are plain means of high ones, instead of Gaussians of some width.
        shifted: HSI and MSI beside each other by a fraction of a pixel.
        mistaken: the paper's PSF assumed, whatever the true one.
        noise: on the HSI, the MSI or both.
    """

    part: float = 0.4
    remixed: float = 0.5
    gain: float = 0.5
    bands: float = 0.3
    grain: float = 0.25
    free: float = 0.25
    box: float = 0.1
    shifted: float = 0.25
    mistaken: float = 0.3
    noise: float = 0.65


def variant(scene: Cube, ratio: int, random: np.random.Generator, chances: Chances | None = None) -> Variant:
    """The scene as some pair of sensors might have seen it, turned and flipped.

    Args:
        scene: loaded, with wavelengths, no smaller than one low pixel.
        ratio: r, from 2 to 16.
        random: where everything is drawn from.
        chances: of every departure.
    """
    chances = chances or Chances()
    assert scene.wavelengths is not None
    values, wavelengths = scene.filled(), scene.wavelengths
    if random.random() < chances.remixed:
        values, wavelengths = _remixed(values, random)
    values = _turned_part(values, ratio, random, chances.part)
    if random.random() < chances.gain:
        places = np.linspace(wavelengths.min(), wavelengths.max(), 5)
        gain = np.interp(wavelengths, places, np.exp(random.normal(0, GAIN, 5)))
        values = values * gain.astype(np.float32)[:, None, None]
    if random.random() < chances.bands:
        kept = _some_bands(wavelengths, random)
        values, wavelengths = values[kept], wavelengths[kept]
    if random.random() < chances.grain:
        values = values + _grain(values, random)
    truth = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))[None]
    response = _response(wavelengths, random, chances.free)
    true, assumed = _blurs(ratio, random, chances)
    hsi, msi = true(truth), response(truth)
    if random.random() < chances.noise:
        level = float(random.uniform(*NOISE))
        levels = ((level, level), (level, level), (level, None), (None, level))[random.integers(4)]
        hsi, msi = add_noise(hsi, msi, levels, torch.Generator().manual_seed(int(random.integers(2**62))))
    return Variant(hsi, msi, truth, assumed)


def _remixed(
    values: NDArray[np.float32], random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """The scene's strongest principal maps, in any order of strength, each with a smooth random spectrum."""
    bands = values.reshape(len(values), -1)
    deviation = bands.std(1, keepdims=True)
    bands = (bands - bands.mean(1, keepdims=True)) / np.where(deviation > 0, deviation, 1)
    most = min(MAPS, len(values))
    count = int(random.integers(min(6, most), most + 1))
    _, axes = np.linalg.eigh(bands @ bands.T)
    maps = axes[:, ::-1][:, :count].T @ bands
    maps /= maps.std(1, keepdims=True).clip(1e-6)
    # Shuffled, or past the next now and then: real maps of little variance are rarely strong elsewhere.
    order = np.argsort(np.arange(count) + random.normal(0, random.choice([1.5, 1e3]), count))
    strength = np.exp(-np.arange(count) * random.uniform(0.1, 0.5))
    spectra = random.normal(size=(PSEUDO_BANDS, count)).cumsum(0)
    spectra /= np.linalg.norm(spectra, axis=1, keepdims=True)
    mixed = (spectra * strength) @ maps[order]
    mixed -= random.uniform(1, 1.5) * mixed.min(1, keepdims=True)
    mixed *= np.exp(random.normal(0, 0.5, (PSEUDO_BANDS, 1)))
    return mixed.reshape(-1, *values.shape[1:]).astype(np.float32), np.linspace(400, 2400, PSEUDO_BANDS)


def _turned_part(
    values: NDArray[np.float32], ratio: int, random: np.random.Generator, chance: float
) -> NDArray[np.float32]:
    """A square, as large as it can be or smaller, in one of eight positions."""
    side = min(values.shape[1:])
    if random.random() < chance:
        side = int(random.integers(min(SMALLEST, side), side + 1))
    side = side // ratio * ratio
    row, column = (int(random.integers(n - side + 1)) for n in values.shape[1:])
    part = torch.from_numpy(values[:, row : row + side, column : column + side])
    return Position(int(random.integers(4)), bool(random.random() < 0.5))(part).numpy()


def _some_bands(wavelengths: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.intp]:
    """Visible and near infrared alone, every second or third band, or a random part of them."""
    every = np.arange(wavelengths.size)
    kind = random.integers(3)
    if kind == 0:
        return every[wavelengths < max(random.uniform(850, 1100), wavelengths.min() + 200)]
    if kind == 1:
        return every[:: random.integers(2, 4)]
    return np.sort(random.choice(every, round(every.size * random.uniform(0.5, 0.9)), replace=False))


def _grain(values: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """White noise, in some bands stronger than in others."""
    strength = np.sqrt(np.square(values).mean((1, 2))) * 10 ** (-random.uniform(*GRAIN) / 20)
    strength = strength * np.exp(random.normal(0, 0.5, len(values)))
    return strength.astype(np.float32)[:, None, None] * random.standard_normal(values.shape, dtype=np.float32)


def _response(wavelengths: NDArray[np.float64], random: np.random.Generator, free: float) -> SpectralResponse:
    """Of a known sensor, without those bands that the HSI does not have, or of one to eight bands anywhere."""
    edges = MULTISPECTRAL[SETS[random.integers(len(SETS))]]
    least, most = float(wavelengths.min()), float(wavelengths.max())
    if random.random() < free:
        middle = random.uniform(least, min(most, random.choice([950.0, most])), random.integers(1, 9))
        width = random.uniform(20, 150, middle.size)
        edges = tuple(zip(middle - width / 2, middle + width / 2, strict=True))
    seen = [(low, high) for low, high in edges if ((wavelengths >= low) & (wavelengths < high)).any()]
    return SpectralResponse.box(seen or [(least, most + 1)], wavelengths)


def _blurs(ratio: int, random: np.random.Generator, chances: Chances) -> tuple[SpatialResponse, SpatialResponse]:
    """The true one, and the one to assume, which knows of no shift."""
    usual = SpatialResponse(ratio)
    if random.random() < chances.box:
        return (plain := SpatialResponse(ratio, psf.place(np.ones((ratio, ratio)), ratio))), plain
    width = random.uniform(*WIDTH)
    shift = random.normal(0, SHIFT) if random.random() < chances.shifted else 0.0
    centre = (ratio - 1) / 2
    variance = width * psf.paper_variance(ratio)
    centred = SpatialResponse(ratio, psf.gaussian(ratio, variance=variance))
    true = SpatialResponse(ratio, psf.gaussian(ratio, variance=variance, phase=centre + shift)) if shift else centred
    return true, usual if random.random() < chances.mistaken else centred
