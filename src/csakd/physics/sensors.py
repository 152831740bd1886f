"""Sensors as data: where bands lie, and which of them public scenes keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from csakd.cubes import Cube

Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False)
class BandList:
    """Band centres (and widths, where known) in nm, in band order."""

    wavelengths: NDArray[np.float64]
    fwhm: NDArray[np.float64] | None = None


# Kept channels, 1-based and inclusive, of a table in `physics/tables`. Sets marked ≈ were never published with
# their scenes: the list has the right length and is good to ±2 channels up to 106, ±3 beyond, more at 1.4 and 1.9 µm.
_HYPERSPECTRAL: dict[str, tuple[str, Ranges]] = {
    "aviris-224": ("aviris_224", ((1, 224),)),
    "aviris-172": ("aviris_224", ((11, 103), (117, 151), (171, 214))),  # the paper's
    "aviris-189": ("aviris_224", ((7, 32), (36, 96), (98, 106), (114, 152), (167, 220))),  # San Diego
    "aviris-198": ("aviris_224", ((4, 107), (113, 153), (167, 219))),  # Jasper Ridge
    "aviris-204": ("aviris_224", ((1, 106), (115, 152), (164, 223))),  # ≈ ABU urban-1
    "aviris-205": ("aviris_224", ((1, 106), (114, 152), (164, 223))),  # ≈ ABU airport, urban-4, urban-5
    "aviris-1992-220": ("aviris_1992_220", ((1, 220),)),
    "aviris-200": ("aviris_1992_220", ((1, 103), (109, 149), (164, 219))),  # Indian Pines, corrected
}

# Band edges in nm. Landsat TM (PAPER Sec. IV-A): bands 1-4, and 1-5 with 7; Sentinel-2A: those of
# 10 and 20 m; EO-1 ALI.
_TM4 = ((450.0, 520.0), (520.0, 600.0), (630.0, 690.0), (770.0, 900.0))
MULTISPECTRAL: dict[str, tuple[tuple[float, float], ...]] = {
    "tm4": _TM4,
    "tm6": (*_TM4, (1550.0, 1750.0), (2090.0, 2350.0)),
    "sentinel2": (
        *((458.0, 523.0), (543.0, 578.0), (650.0, 680.0), (698.0, 713.0), (733.0, 748.0)),
        *((773.0, 793.0), (785.0, 900.0), (855.0, 875.0), (1565.0, 1655.0), (2100.0, 2280.0)),
    ),
    "ali": (
        *((433.0, 453.0), (450.0, 515.0), (525.0, 605.0), (630.0, 690.0), (775.0, 805.0)),
        *((845.0, 890.0), (1200.0, 1300.0), (1550.0, 1750.0), (2080.0, 2350.0)),
    ),
    "rgb": _TM4[:3],
    "pan": ((480.0, 690.0),),
}


def hyperspectral_names() -> tuple[str, ...]:
    return tuple(_HYPERSPECTRAL)


@lru_cache
def _table(name: str) -> NDArray[np.float64]:
    text = files("csakd.physics").joinpath("tables", f"{name}.csv").read_text()
    return np.loadtxt(text.splitlines(), delimiter=",", skiprows=2, ndmin=2)


def band_list(name: str) -> BandList:
    """The bands of a sensor, or of one of the sets in which its scenes come.

    The order is the detector's: AVIRIS centres step back by a few nm where spectrometers overlap.

    Args:
        name: a name from `hyperspectral_names()`, a set of `MULTISPECTRAL`, or a text file with one centre in nm
            (or "centre fwhm") a line.

    Raises:
        ValueError: if there is no such name or file, or the file holds no numbers.
    """
    if name in _HYPERSPECTRAL:
        table, ranges = _HYPERSPECTRAL[name]
        rows = _table(table)[np.concatenate([np.arange(first - 1, last) for first, last in ranges])]
        return BandList(rows[:, 1], rows[:, 2] if rows.shape[1] > 2 else None)
    if name in MULTISPECTRAL:
        edges = np.array(MULTISPECTRAL[name])
        return BandList(edges.mean(axis=1), edges[:, 1] - edges[:, 0])
    rows = read_numbers(name, (*_HYPERSPECTRAL, *MULTISPECTRAL), "band list")
    return BandList(rows[:, 0], rows[:, 1] if rows.shape[1] > 1 else None)


def resample(cube: Cube, bands: str) -> Cube:
    """The cube on the bands of `band_list(bands)`, by linear interpolation between its own band centres.

    A cube that has these very bands is handed back as it is, lazy or not.

    Raises:
        ValueError: if the cube has no wavelengths, or a wanted centre lies outside them by more than 10 nm.
    """
    wanted = band_list(bands)
    if cube.wavelengths is None:
        raise ValueError(f"{cube.source or 'the scene'} has no wavelengths, so it cannot be resampled to {bands}")
    if np.array_equal(cube.wavelengths, wanted.wavelengths):
        return cube
    centres, order = np.unique(cube.wavelengths, return_index=True)
    least, most = wanted.wavelengths.min(), wanted.wavelengths.max()
    if least < centres[0] - 10 or most > centres[-1] + 10:
        raise ValueError(
            f"{cube.source or 'the scene'} covers {centres[0]:.0f}-{centres[-1]:.0f} nm, {bands} {least:.0f}-{most:.0f}"
        )
    values = np.asarray(cube.load().values[:, :, :])[order]
    above = np.clip(np.searchsorted(centres, wanted.wavelengths), 1, len(centres) - 1)
    share = np.clip((wanted.wavelengths - centres[above - 1]) / (centres[above] - centres[above - 1]), 0, 1)
    weight = share.astype(np.float32)[:, None, None]
    mixed = values[above - 1] * (1 - weight) + values[above] * weight
    return replace(cube, values=mixed, wavelengths=wanted.wavelengths, fwhm=wanted.fwhm, nodata=None)


def read_numbers(path: str, names: Sequence[str], what: str) -> NDArray[np.float64]:
    """A table of numbers from a text file (comma or blank separated, # comments, one heading line allowed).

    Raises:
        ValueError: naming the built-in `names`, if the file is missing or no table of numbers.
    """
    if not Path(path).is_file():
        raise ValueError(f"no {what} {path!r}: it is neither a file nor one of {', '.join(names)}")
    lines = [
        line.split("#")[0].replace(",", " ").split() for line in Path(path).read_text(errors="replace").splitlines()
    ]
    lines = [line for line in lines if line]
    try:
        if lines and not _is_number(lines[0][0]):
            lines = lines[1:]
        rows = np.array([[float(word) for word in line] for line in lines], dtype=np.float64)
    except ValueError:
        rows = np.empty((0, 0))
    if rows.size == 0 or not np.isfinite(rows).all():
        raise ValueError(f"{path} is no {what}: it must hold rows of numbers, all of one length")
    return rows


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
