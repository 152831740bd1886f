"""How a stored array is read as a cube: which axis holds the spectrum, and how pixels are laid out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import isqrt, prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from csakd.io.lazy import Lazy

Box = tuple[slice, ...]


class Stored(NamedTuple):
    """What is known of a variable before it is read. Texts have the type `str`, one element each."""

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def is_vector(self) -> bool:
        """A number, a text, or a list of moderate length: what one reads to learn about the rest."""
        return 0 < prod(self.shape) == max(self.shape, default=1) <= 2**16


@dataclass(frozen=True)
class Hints:
    """What a file says about the layout of its arrays.

    Attributes:
        usual: the spectral axis of a 3-D array if nothing else is said: 2 in MATLAB, 0 in NumPy.
        counts: numbers of bands that the file mentions, as by the length of its wavelengths.
        grid: (rows, columns) of the image, if it says so.
    """

    usual: int
    counts: frozenset[int] = frozenset()
    grid: tuple[int, int] | None = None

    def spectral_axis(self, shape: tuple[int, ...]) -> int:
        """The axis that the file's facts single out among three, else the usual one."""
        for told in (
            [axis for axis in range(3) if shape[axis] in self.counts],
            [axis for axis in range(3) if shape[:axis] + shape[axis + 1 :] == self.grid],
        ):
            if len(told) == 1 or self.usual in told:
                return self.usual if self.usual in told else told[0]
        return self.usual


@dataclass(frozen=True)
class Layout:
    """One variable and how to read it.

    Attributes:
        shape: of the variable in the file.
        spectral: its axis of bands; None for an image of one band.
        grid: (rows, columns) if one axis holds all pixels, column after column as MATLAB unrolls them.
    """

    variable: str
    shape: tuple[int, ...]
    spectral: int | None
    grid: tuple[int, int] | None = None

    @property
    def cube_shape(self) -> tuple[int, int, int]:
        """(L, H, W)."""
        bands = 1 if self.spectral is None else self.shape[self.spectral]
        rows, columns = self.grid or (length for axis, length in enumerate(self.shape) if axis != self.spectral)
        return bands, rows, columns

    def fetch(self, take: Callable[[Box], NDArray[Any]], bands: slice, rows: slice, columns: slice) -> NDArray[Any]:
        """(bands, rows, columns) of the cube; `take` gets a box of the variable."""
        if self.spectral is None:
            return take((rows, columns))[None]
        if self.grid is None:
            box = [rows, columns]
            box.insert(self.spectral, bands)
            return np.moveaxis(take(tuple(box)), self.spectral, 0)
        height = self.grid[0]
        pixels = slice(columns.start * height, columns.stop * height)
        strip = take((bands, pixels)) if self.spectral == 0 else take((pixels, bands)).T
        return strip.reshape(len(strip), -1, height)[:, :, rows].swapaxes(1, 2)

    def __str__(self) -> str:
        axes = ["rows", "columns"] if self.grid is None else ["pixels"]
        if self.spectral is not None:
            axes.insert(self.spectral, "bands")
        unrolled = f", {self.grid[0]} rows x {self.grid[1]} columns unrolled column by column" if self.grid else ""
        return f"variable '{self.variable}' {self.shape} read as ({', '.join(axes)}){unrolled}"


def arrange(variable: str, shape: tuple[int, ...], hints: Hints) -> Layout | None:
    """How to read a variable of this shape from a MATLAB file; None if it cannot be an image."""
    if len(shape) == 3:
        return Layout(variable, shape, hints.spectral_axis(shape))
    if len(shape) != 2:
        return None
    for axis, pixels in enumerate(reversed(shape)):
        if hints.grid is not None and prod(hints.grid) == pixels:
            return Layout(variable, shape, axis, hints.grid)
    side = isqrt(shape[1])
    # spectra of a square image are far more in number than bands; anything squarer is an image itself
    if side**2 == shape[1] >= 4 * shape[0] > 4:
        return Layout(variable, shape, 0, (side, side))
    return Layout(variable, shape, None)


def named_cube(path: Path, arrays: Mapping[str, Stored], wanted: str | None) -> str:
    """Which array is the cube where only names can tell: the one wanted, else `values`, else the only one in 3-D.

    Raises:
        ValueError: that lists the arrays, if none or several could be meant.
    """
    images = {name: stored for name, stored in arrays.items() if stored.dtype.kind in "biuf" and stored.ndim in (2, 3)}
    cubes = [name for name, stored in images.items() if stored.ndim == 3]
    chosen = wanted or ("values" if "values" in cubes else cubes[0] if len(cubes) == 1 else "")
    if chosen not in images:
        listing = ", ".join(f"{name} {stored.shape}" for name, stored in images.items()) or "no image"
        raise ValueError(f"{path}: name the array that is the cube by variable=...; it holds {listing}")
    return chosen


class Arranged(Lazy):
    """A variable in a file, read through its layout."""

    def __init__(self, path: Path, layout: Layout, dtype: DTypeLike) -> None:
        super().__init__(path, layout.cube_shape, dtype)
        self.layout = layout

    @abstractmethod
    def take(self, box: Box) -> NDArray[np.generic]:
        """A box of the variable as it is stored."""

    def fetch(self, bands: slice, rows: slice, columns: slice) -> NDArray[np.generic]:
        return self.layout.fetch(self.take, bands, rows, columns)


class LoadedOnce(Arranged):
    """A variable of a format that can only be read whole: at the first slicing, then kept."""

    @abstractmethod
    def load(self) -> NDArray[np.generic]:
        """The whole variable."""

    @cached_property
    def _stored(self) -> NDArray[np.generic]:
        stored = self.load()
        if stored.shape != self.layout.shape:
            raise ValueError(f"{self.path} changed while it was in use: read it again")
        return stored

    def take(self, box: Box) -> NDArray[np.generic]:
        return self._stored[box].astype(self.dtype)  # a copy: who writes into it must not change what is kept

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_stored"}
