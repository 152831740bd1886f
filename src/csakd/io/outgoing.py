"""A cube as a file will hold it: which number type, which mark for missing pixels, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from csakd.cubes import Cube
from csakd.io.nodata import fitting

BLOCK_BYTES = 64 * 2**20
NARROW = {"bool": "uint8", "int8": "int16"}  # types that ENVI does not know


@dataclass(frozen=True)
class Outgoing:
    """What a writer writes.

    Attributes:
        cube: where the values come from, read block by block.
        dtype: integers keep their type; other numbers, and integers that must hold NaN, become float32.
        nodata: NaN for float32; the cube's own mark, if any, for integers.
    """

    cube: Cube
    dtype: np.dtype[np.generic]
    nodata: float | None

    @property
    def compressible(self) -> bool:
        """Whether deflate alone pays: it saves a tenth of floats, at ten seconds for 100 MB."""
        return self.dtype.kind != "f"

    def rows(self, rows: slice = slice(None)) -> NDArray[np.generic]:
        """(L, rows, W) with every invalid pixel marked."""
        raw = np.asarray(self.cube.values[:, rows, :])
        values = raw.astype(self.dtype)
        if self.dtype.kind == "f" and self.cube.nodata is not None:
            values[raw == np.asarray(self.cube.nodata).astype(raw.dtype)] = np.nan
        if self.cube.valid is not None and self.nodata is not None:
            values[:, ~self.cube.valid[rows]] = self.nodata
        return values

    def blocks(self, multiple: int = 1) -> Iterator[tuple[slice, NDArray[np.generic]]]:
        """Whole rows from top to bottom, about 64 MB at a time, in multiples of `multiple` rows."""
        height, width = self.cube.size
        fitting_rows = BLOCK_BYTES // (self.cube.bands * width * self.dtype.itemsize)
        step = max(1, fitting_rows // multiple) * multiple
        for top in range(0, height, step):
            rows = slice(top, min(top + step, height))
            yield rows, self.rows(rows)


def outgoing(cube: Cube) -> Outgoing:
    """Decides how a file can hold `cube` without losing a pixel's validity.

    Raises:
        ValueError: if the values are no real numbers.
    """
    dtype = np.dtype(cube.values.dtype)
    if dtype.kind not in "biuf":
        raise ValueError(f"a cube of {dtype} cannot be written: convert its values to real numbers first")
    masked = cube.valid is not None and not cube.valid.all()
    nodata = fitting(cube.nodata, dtype)
    if dtype.kind == "f" or (masked and nodata is None):
        return Outgoing(cube, np.dtype(np.float32), np.nan)
    return Outgoing(cube, np.dtype(NARROW.get(dtype.name, dtype.name)), nodata)
