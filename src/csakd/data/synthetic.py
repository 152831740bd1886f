"""Believable synthetic scenes, for tests and for trying things where no file is at hand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from csakd.cubes import Cube
from csakd.physics import band_list


def synthetic_scene(
    size: tuple[int, int] = (64, 64), bands: str = "aviris-172", materials: int = 6, seed: int = 0
) -> Cube:
    """Fields with sharp edges, mixed at their borders, textured and unevenly lit; reflectance × 10000.

    Args:
        size: rows and columns.
        bands: a name or file for `csakd.physics.band_list`.
        materials: spectra the scene is mixed from.
        seed: same seed, same scene.
    """
    generator = np.random.default_rng(seed)
    listed = band_list(bands)
    spectra = _spectra(listed.wavelengths, materials, generator)
    abundances = _abundances(size, materials, generator)
    light = 1 + 0.25 * _field(size, min(size) / 4, generator) + 0.04 * generator.standard_normal(size)
    values = 1e4 * np.clip(np.einsum("km,kij->mij", spectra, abundances) * np.clip(light, 0.2, None), 0, None)
    return Cube(
        values.astype(np.float32),
        listed.wavelengths,
        listed.fwhm,
        units="reflectance x10000",
        source=f"synthetic scene, seed {seed}",
    )


def _spectra(wavelengths: NDArray[np.float64], materials: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """(materials, L) smooth reflectances in [0.02, 0.7] with a few absorption features each."""
    position = (wavelengths - 400) / 2100
    curves = []
    for _ in range(materials):
        knots = generator.uniform(0.05, 0.6, 5)
        curve = np.interp(position, np.linspace(0, 1, 5), knots)
        for _ in range(3):
            centre, width, depth = generator.uniform(0, 1), generator.uniform(0.01, 0.05), generator.uniform(0, 0.4)
            curve = curve * (1 - depth * np.exp(-(((position - centre) / width) ** 2)))
        order = np.argsort(position)
        smooth = np.empty_like(curve)
        smooth[order] = _smoothed(curve[order], 2)
        curves.append(np.clip(smooth, 0.02, 0.7))
    return np.stack(curves)


def _abundances(size: tuple[int, int], materials: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """(materials, H, W), summing to 1: the highest of several random fields wins, softly."""
    fields = np.stack([_field(size, scale, generator) for scale in generator.uniform(2, 8, materials)])
    sharp = np.exp(6 * (fields - fields.max(axis=0)))
    return sharp / sharp.sum(axis=0)


def _field(size: tuple[int, int], scale: float, generator: np.random.Generator) -> NDArray[np.float64]:
    field = _smoothed(generator.standard_normal(size), scale)
    return np.asarray((field - field.mean()) / max(field.std(), 1e-12))


def _smoothed(values: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter  # who fuses files need not wait for it

    return np.asarray(gaussian_filter(values, sigma))
