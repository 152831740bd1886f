"""MATLAB 7.3 files: HDF5 behind 512 bytes that say so, with every variable's axes reversed."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from errno import ENOSPC
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from csakd.cubes import Cube
from csakd.io.atomic import replacing
from csakd.io.damage import reading
from csakd.io.fields import fields_of
from csakd.io.layout import Arranged, Box, Layout, Stored
from csakd.io.outgoing import Outgoing, outgoing

CLASSES = {"float64": "double", "float32": "single", "bool": "logical"}
CHUNK = 32  # rows and columns read and packed together, with whole spectra
HEADER = b"MATLAB 7.3 MAT-file, written by csakd, HDF5 schema 1.00 .".ljust(116) + b"\0" * 8 + b"\x00\x02IM"


class Matlab73:
    """The numeric, logical and text variables of a file, shapes as MATLAB shows them.

    Raises:
        ValueError: if the file is damaged, truncated or no HDF5.
    """

    def __init__(self, path: Path) -> None:
        import h5py

        self.path = path
        self.variables = {}
        with _opened(path) as file:
            for name, item in file.items():
                if isinstance(item, h5py.Dataset) and item.dtype.kind in "iufb" and "MATLAB_empty" not in item.attrs:
                    kind = {b"char": np.dtype(str), b"logical": np.dtype(np.bool_)}.get(_class(item), item.dtype)
                    self.variables[name] = Stored(item.shape[::-1], kind)

    def fetch(self, names: Collection[str]) -> dict[str, NDArray[Any]]:
        with _opened(self.path) as file:
            return {name: _text(file[name]) if _class(file[name]) == b"char" else file[name][()].T for name in names}

    def values(self, layout: Layout) -> Arranged:
        return Matlab73Values(self.path, layout, self.variables[layout.variable].dtype)


class Matlab73Values(Arranged):
    """One variable, read by window."""

    def take(self, box: Box) -> NDArray[np.generic]:
        with _opened(self.path) as file:
            stored: NDArray[np.generic] = file[self.layout.variable][box[::-1]]
        return stored.T.astype(self.dtype, copy=False)


def recognises(path: Path) -> bool:
    """Whether a .mat file is of version 7.3, by its first bytes."""
    import h5py

    with path.open("rb") as file:
        return file.read(10) == b"MATLAB 7.3" or bool(h5py.is_hdf5(path))


def write(cube: Cube, path: Path) -> None:
    """Writes version 7.3, block by block: `cube` as (rows, columns, bands), and the parts of the cube by name."""
    out = outgoing(cube)
    with replacing(path) as draft, _Noting(draft, "w+") as file:
        _write_hdf5(out, file)
        file.seek(0)
        file.write(HEADER)
        if file.failure:
            raise file.failure


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    import h5py

    with reading(path, "MATLAB 7.3 file", OSError, RuntimeError, LookupError), h5py.File(path, "r") as file:
        yield file


class _Noting(FileIO):
    """Notes the first failure instead of raising it: HDF5 crashes the process if its file refuses to be written."""

    failure: OSError | None = None

    def write(self, data: Any, /) -> int:
        length = memoryview(data).nbytes
        try:
            if not self.failure and super().write(data) < length:
                raise OSError(ENOSPC, os.strerror(ENOSPC))
        except OSError as error:
            self.failure = error
        return length

    def truncate(self, size: int | None = None, /) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.failure = error
            return size or 0


def _write_hdf5(out: Outgoing, target: _Noting) -> None:
    import h5py

    bands, (height, width) = out.cube.bands, out.cube.size
    with h5py.File(target, "w", userblock_size=512) as file:
        cube = file.create_dataset(
            "cube",
            shape=(bands, width, height),
            dtype=out.dtype,
            chunks=(bands, min(CHUNK, width), min(CHUNK, height)),
            compression="gzip",
            shuffle=True,
        )
        _mark(cube, CLASSES.get(out.dtype.name, out.dtype.name))
        for rows, block in out.blocks(multiple=CHUNK):
            cube[:, :, rows] = block.swapaxes(1, 2)
            if target.failure:
                return
        for name, value in fields_of(out).items():
            if isinstance(value, str):
                _mark(file.create_dataset(name, data=_utf16(value)), "char", decode=2)
            else:
                stored = value.astype(np.uint8) if value.dtype == np.bool_ else value
                _mark(
                    file.create_dataset(name, data=np.atleast_2d(stored).T),
                    CLASSES.get(value.dtype.name, value.dtype.name),
                    decode=1 if value.dtype == np.bool_ else 0,
                )


def _mark(dataset: Any, kind: str, decode: int = 0) -> None:
    """Tells MATLAB the class of a variable; it insists on fixed-length text."""
    dataset.attrs["MATLAB_class"] = np.bytes_(kind)
    if decode:
        dataset.attrs.create("MATLAB_int_decode", decode, dtype=np.int32)


def _class(dataset: Any) -> bytes:
    return bytes(np.bytes_(dataset.attrs.get("MATLAB_class", b"")))


def _utf16(text: str) -> NDArray[np.uint16]:
    """A row of characters, as a column for the reversed axes."""
    return np.frombuffer(text.encode("utf-16-le"), dtype="<u2").reshape(-1, 1)


def _text(dataset: Any) -> NDArray[Any]:
    """The one text of a row of characters."""
    return np.array([np.asarray(dataset[()]).astype("<u2").tobytes().decode("utf-16-le")])
