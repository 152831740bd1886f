"""MATLAB files of either version: which variable is the cube, and how its axes run."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import prod
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from csakd.cubes import Cube, Values
from csakd.io import matlab5, matlab73
from csakd.io.fields import cube_of, field_names, wavelength_names
from csakd.io.layout import Hints, Layout, Stored, arrange
from csakd.io.outgoing import outgoing

V5_LIMIT = 2**31  # bytes in a variable
ROWS = ("nrow", "nrows", "rows", "height", "lines", "h")
COLUMNS = ("ncol", "ncols", "cols", "columns", "width", "samples", "w")
BANDS = ("nband", "nbands", "bands")


class Contents(Protocol):
    """What `Matlab5` and `Matlab73` offer alike."""

    variables: dict[str, Stored]

    def fetch(self, names: Collection[str]) -> dict[str, NDArray[Any]]: ...

    def values(self, layout: Layout) -> Values: ...


def read(path: Path, variable: str | None) -> Cube:
    """The cube in a MATLAB file.

    It is the variable named, or the largest that is an image of many bands: a 3-D array, usually (rows, columns,
    bands), or a matrix (bands, pixels) whose pixels are numbered column after column in a grid that the file tells
    (nRow and nCol, H and W), or else in a square. Failing these, the largest matrix is an image of one band.
    Wavelengths, or the number of bands, where the file has them, decide which axis is the spectrum.

    Raises:
        ValueError: if the file is damaged or truncated, or holds no such variable.
    """
    contents: Contents = matlab73.Matlab73(path) if matlab73.recognises(path) else matlab5.Matlab5(path)
    facts = contents.fetch(field_names(contents.variables))
    layout = _choose(path, contents.variables, _hints(facts), variable)
    source = f"{path}: MATLAB {layout}"
    return cube_of(contents.values(layout), facts, source)


def write(cube: Cube, path: Path) -> None:
    """Writes version 5, or 7.3 where the values are too large for it."""
    size = prod(cube.values.shape) * outgoing(cube).dtype.itemsize
    (matlab5 if size < V5_LIMIT else matlab73).write(cube, path)


def _hints(facts: Mapping[str, NDArray[Any]]) -> Hints:
    naming_bands = [*wavelength_names(facts), *(name for name in facts if "band" in name.lower())]
    counts = {facts[name].size for name in naming_bands if facts[name].dtype.kind in "iuf"}
    bands, rows, columns = (_whole(facts, names) for names in (BANDS, ROWS, COLUMNS))
    grid = (rows, columns) if rows and columns else None
    return Hints(usual=2, counts=frozenset({*counts, bands or 1} - {1}), grid=grid)


def _whole(facts: Mapping[str, NDArray[Any]], names: tuple[str, ...]) -> int | None:
    """The first of these variables, in any case, that is one whole number above 1."""
    for name in names:
        for given, value in facts.items():
            if given.lower() == name and value.size == 1 and value.dtype.kind in "iuf" and value.item() % 1 == 0:
                return int(value.item()) if value.item() > 1 else None
    return None


def _choose(path: Path, variables: Mapping[str, Stored], hints: Hints, wanted: str | None) -> Layout:
    numeric = {name: stored for name, stored in variables.items() if stored.dtype.kind in "iufb"}
    listing = ", ".join(f"{name} {stored.shape}" for name, stored in numeric.items() if prod(stored.shape) > 1)
    if wanted is not None:
        layout = arrange(wanted, numeric[wanted].shape, hints) if wanted in numeric else None
        if layout is None:
            raise ValueError(f"{path} has no image '{wanted}'; choose from: {listing or 'nothing'}")
        return layout

    def rank(layout: Layout) -> tuple[int, int, int]:
        certain = len(layout.shape) == 3 or (layout.grid is not None and layout.grid == hints.grid)
        return 2 if certain else int(layout.grid is not None), prod(layout.shape), len(layout.shape)

    layouts = [
        layout
        for name, (shape, dtype) in numeric.items()
        if dtype.kind != "b" and prod(shape) > 0 and (len(shape) == 3 or min(shape) > 1)
        if (layout := arrange(name, shape, hints)) is not None
    ]
    if not layouts:
        raise ValueError(f"{path} holds no cube: save one as (rows, columns, bands); it has: {listing or 'nothing'}")
    return max(layouts, key=rank)
