"""NumPy's own files: .npz with every part of a cube by name, and a bare array in .npy (reading only)."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from csakd.cubes import Cube
from csakd.io.atomic import replacing
from csakd.io.damage import reading
from csakd.io.fields import cube_of, field_names, fields_of, wavelength_names
from csakd.io.layout import Arranged, Box, Hints, Layout, LoadedOnce, Stored, named_cube
from csakd.io.outgoing import outgoing

COMPLAINTS = (OSError, ValueError, LookupError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile)


class NpzValues(LoadedOnce):
    """One array of an archive, loaded whole at the first slicing."""

    def load(self) -> NDArray[np.generic]:
        return _load(self.path, self.layout.variable)


class NpyValues(Arranged):
    """A bare array, read by window."""

    def take(self, box: Box) -> NDArray[np.generic]:
        return np.array(_mapped(self.path)[box])


def read_npz(path: Path, variable: str | None) -> Cube:
    """The cube in an .npz: the array named, else `values`, else its only 3-D array of numbers.

    The axes are (bands, rows, columns), unless the file's wavelengths, or in arrays of other names two equal axes
    before a different one, say that the spectrum lies elsewhere. Arrays of Python objects are never read.

    Raises:
        ValueError: if the file is damaged or truncated, or leaves open which array is the cube.
    """
    with reading(path, "NumPy archive", *COMPLAINTS):
        arrays = _stored(path)
    chosen = named_cube(path, arrays, variable)
    facts = {name: _load(path, name) for name in field_names(arrays) if arrays[name].dtype.kind in "biufU"}
    counts = frozenset(facts[name].size for name in wavelength_names(facts))
    values = NpzValues(path, _layout(chosen, arrays[chosen].shape, counts), arrays[chosen].dtype)
    return cube_of(values, facts, f"{path}: NumPy {values.layout}")


def read_npy(path: Path) -> Cube:
    """The cube in an .npy, its values left there: (bands, rows, columns) as in `read_npz`, or one band.

    Raises:
        ValueError: if the file is damaged or truncated, holds Python objects, or no image.
    """
    array = _mapped(path)
    if array.ndim not in (2, 3) or array.dtype.kind not in "biuf":
        raise ValueError(f"{path} holds no cube but {array.dtype} of shape {array.shape}: save (bands, rows, columns)")
    values = NpyValues(path, _layout("array", array.shape), array.dtype)
    return cube_of(values, {}, f"{path}: NumPy {values.layout}")


def write(cube: Cube, path: Path) -> None:
    """Writes an .npz, from memory: `values` (bands, rows, columns), and the parts of the cube by name."""
    out = outgoing(cube)
    parts: dict[str, Any] = {"values": out.rows(), **fields_of(out)}
    with replacing(path) as draft, draft.open("wb") as file:
        (np.savez_compressed if out.compressible else np.savez)(file, **parts)


def _layout(variable: str, shape: tuple[int, ...], counts: frozenset[int] = frozenset()) -> Layout:
    if len(shape) == 2:
        return Layout(variable, shape, None)
    usual = 2 if variable != "values" and shape[0] == shape[1] != shape[2] else 0
    return Layout(variable, shape, Hints(usual, counts).spectral_axis(shape))


def _stored(path: Path) -> dict[str, Stored]:
    """Shapes and types from the heads of the archive's members."""
    found = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            with archive.open(name) as member:
                old = np.lib.format.read_magic(member) == (1, 0)
                read_head = np.lib.format.read_array_header_1_0 if old else np.lib.format.read_array_header_2_0
                shape, _, dtype = read_head(member)
                found[name.removesuffix(".npy")] = Stored(shape, dtype)
    return found


def _load(path: Path, name: str) -> NDArray[np.generic]:
    with reading(path, "NumPy archive", *COMPLAINTS), np.load(path, allow_pickle=False) as archive:
        array: NDArray[np.generic] = archive[name]
    return array


def _mapped(path: Path) -> NDArray[np.generic]:
    with reading(path, "NumPy array", *COMPLAINTS):
        array: NDArray[np.generic] = np.load(path, mmap_mode="r", allow_pickle=False)
    return array
