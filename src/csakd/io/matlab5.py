"""MATLAB files up to version 7: a variable can only be read whole."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from csakd.cubes import Cube
from csakd.io.atomic import replacing
from csakd.io.damage import reading
from csakd.io.fields import fields_of
from csakd.io.layout import Layout, LoadedOnce, Stored
from csakd.io.outgoing import outgoing

TYPES = {
    **{"double": "float64", "single": "float32", "logical": "bool", "char": "str"},
    **{name: name for name in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")},
}


class Matlab5:
    """The numeric, logical and text variables of a file.

    Raises:
        ValueError: if the file is damaged, truncated or no MATLAB file.
    """

    def __init__(self, path: Path) -> None:
        from scipy.io import whosmat

        self.path = path
        with _reading(path):
            _check_length(path)
            self.variables = {
                name: Stored(tuple(shape), np.dtype(TYPES[kind]))
                for name, shape, kind in whosmat(path)
                if kind in TYPES
            }

    def fetch(self, names: Collection[str]) -> dict[str, NDArray[Any]]:
        return _load(self.path, names)

    def values(self, layout: Layout) -> LoadedOnce:
        return Matlab5Values(self.path, layout, self.variables[layout.variable].dtype)


class Matlab5Values(LoadedOnce):
    """One variable, loaded whole at the first slicing."""

    def load(self) -> NDArray[np.generic]:
        stored = _load(self.path, [self.layout.variable])[self.layout.variable]
        if stored.dtype.kind == "c":
            raise ValueError(f"{self.path}: '{self.layout.variable}' holds complex numbers, a cube holds real ones")
        return stored


def write(cube: Cube, path: Path) -> None:
    """Writes version 5, from memory: `cube` as (rows, columns, bands), and the parts of the cube by name."""
    from scipy.io import savemat

    out = outgoing(cube)
    variables = {"cube": out.rows().transpose(1, 2, 0), **fields_of(out)}
    with replacing(path) as draft:
        savemat(str(draft), variables, appendmat=False, do_compression=out.compressible)


def _load(path: Path, names: Collection[str]) -> dict[str, NDArray[Any]]:
    from scipy.io import loadmat

    if not names:
        return {}
    with _reading(path):
        loaded = loadmat(path, variable_names=list(names))
        return {name: np.asarray(loaded[name]) for name in names}


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    from scipy.io.matlab import MatReadError

    complaints = (OSError, ValueError, TypeError, LookupError, EOFError, struct.error, zlib.error, MatReadError)
    with reading(path, "MATLAB file", *complaints):
        yield


def _check_length(path: Path) -> None:
    """Adds up the lengths of the variables; scipy takes a file cut inside one for a file without the next."""
    found, end = path.stat().st_size, 128
    with path.open("rb") as file:
        order = {b"IM": "<", b"MI": ">"}.get(file.read(end)[126:])
        while order and end < found:
            file.seek(end)
            end += 8 + struct.unpack(f"{order}4xI", file.read(8))[0]
    if order and end > found:
        raise ValueError(f"it has {found} bytes and says {end}")
