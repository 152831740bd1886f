"""AVIRIS flight lines, read a sub-image at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from csakd.cubes import Cube
from csakd.io import envi, read
from csakd.io.lazy import Lazy
from csakd.physics import band_list

ALL, KEPT = "aviris-224", "aviris-172"
HEAD_BYTES = 2**20


@dataclass(frozen=True, eq=False)
class FlightLine:
    """One flight line, on disk.

    Attributes:
        name: of the file, without its suffix.
        file: as given.
        cube: lazy; 224 channels, or the 172 that are kept.
        deviation: largest distance in nm of its band centres from the table's; None if it has no wavelengths.
        sha256: of the ENVI header, or of the first MiB of any other file.
    """

    name: str
    file: Path
    cube: Cube
    deviation: float | None
    sha256: str

    @classmethod
    def open(cls, file: str | Path, tolerance: float) -> FlightLine:
        """
        Args:
            tolerance: allowed `deviation` in nm.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it has neither 224 nor 172 bands, or their centres are not AVIRIS's.
        """
        file = Path(file)
        cube = read(file)
        if cube.bands not in (band_list(ALL).wavelengths.size, band_list(KEPT).wavelengths.size):
            raise ValueError(
                f"{file} has {cube.bands} bands: a flight line has the 224 of AVIRIS, or the 172 of {KEPT}"
            )
        deviation = None
        if cube.wavelengths is not None:
            centres = band_list(ALL if cube.bands == band_list(ALL).wavelengths.size else KEPT).wavelengths
            distance = np.abs(cube.wavelengths - centres)
            deviation = float(distance.max())
            if deviation > tolerance:
                band = int(distance.argmax())
                raise ValueError(
                    f"{file}: band {band + 1} lies at {cube.wavelengths[band]:.1f} nm, in AVIRIS's table at "
                    f"{centres[band]:.1f}: if these are its channels all the same, allow a tolerance of "
                    f"{np.ceil(deviation):.0f} nm"
                )
        data = cube.values.path if isinstance(cube.values, Lazy) else file
        return cls(data.stem, file, cube, deviation, _sha256(data))

    def corners(self, tile: int) -> list[tuple[int, int]]:
        """First row and column of every whole sub-image, from the top left corner on, without overlap."""
        rows, columns = self.cube.size
        return [(r, c) for r in range(0, rows - tile + 1, tile) for c in range(0, columns - tile + 1, tile)]

    def sub_image(self, corner: tuple[int, int], tile: int) -> NDArray[np.generic] | None:
        """(172, tile, tile) kept channels in the file's number type; None if a pixel is missing.

        A pixel is missing if in any kept channel it is the file's nodata (ENVI's `data ignore value`), not finite, or
        masked by the file; or if it is zero in all: rotated flight lines have borders of either.
        """
        rows, columns = (slice(start, start + tile) for start in corner)
        kept = _kept(self.cube.bands)
        block = self.cube.values[kept[0] : kept[-1] + 1, rows, columns][kept - kept[0]]
        seen = np.isfinite(block).all(axis=0) & (block != 0).any(axis=0)
        if self.cube.nodata is not None:
            seen &= (block != float(self.cube.nodata)).all(axis=0)
        if self.cube.valid is not None:
            seen &= self.cube.valid[rows, columns]
        return block if seen.all() else None

    def transform(self, corner: tuple[int, int]) -> tuple[float, ...] | None:
        """The affine map of a sub-image, see `Georeference`; None if the file has none."""
        where = self.cube.georeference
        return None if where is None else where.moved(*corner).transform


def open_all(files: Sequence[str | Path], tolerance: float) -> list[FlightLine]:
    """
    Raises:
        ValueError: as `FlightLine.open`; or if there is none, or two have one name.
    """
    lines = [FlightLine.open(file, tolerance) for file in files]
    twice = [line.name for line in lines if sum(other.name == line.name for other in lines) > 1]
    if not lines or twice:
        found = f"two flight lines are called {twice[0]}: rename one" if twice else "no flight line: give at least one"
        raise ValueError(found)
    return lines


def _kept(bands: int) -> NDArray[np.int64]:
    """Places of the kept channels among a file's `bands`."""
    kept = band_list(KEPT).wavelengths
    return np.arange(bands) if bands == kept.size else np.flatnonzero(np.isin(band_list(ALL).wavelengths, kept))


def _sha256(data: Path) -> str:
    """Of what describes the values; the head of a file where the description is not a file of its own."""
    if data.is_dir():
        parts = [path.read_bytes() for path in sorted(data.iterdir()) if path.is_file()]
    else:
        with (envi.header_beside(data) or data).open("rb") as file:
            parts = [file.read(HEAD_BYTES)]
    return hashlib.sha256(b"".join(parts)).hexdigest()
