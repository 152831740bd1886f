"""Sensor files in, product files out: `read` and `write`, one format a file.

Readers leave the pixels where they are until a window is sliced; writers leave no half-written file.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from csakd.cubes import Cube
from csakd.io import envi, geotiff, matlab, matlab73, numpy_files, zarr_folder

__all__ = ["FORMATS", "Format", "read", "write"]


class Format(NamedTuple):
    """What a format is called by, and what reads and writes it.

    Attributes:
        suffixes: that mean this format.
        read: (path) -> cube, or (path, variable) -> cube if `named`.
        write: (cube, path); None if the format is only read.
        named: whether a file holds variables by name.
    """

    suffixes: tuple[str, ...]
    read: Callable[..., Cube]
    write: Callable[[Cube, Path], None] | None
    named: bool = False


FORMATS: dict[str, Format] = {
    "envi": Format((".hdr", *envi.DATA_SUFFIXES), envi.read, envi.write),
    "geotiff": Format((".tif", ".tiff"), geotiff.read, geotiff.write),
    "cog": Format((), geotiff.read, geotiff.write_cog),
    "matlab": Format((".mat",), matlab.read, matlab.write, named=True),
    "matlab73": Format((), matlab.read, matlab73.write, named=True),
    "npz": Format((".npz",), numpy_files.read_npz, numpy_files.write, named=True),
    "npy": Format((".npy",), numpy_files.read_npy, None),
    "zarr": Format((".zarr",), zarr_folder.read, zarr_folder.write, named=True),
}


def read(path: str | Path, *, variable: str | None = None) -> Cube:
    """The cube in a file or folder; its values are fetched when they are sliced.

    Args:
        path: the suffix tells the format; a file of any other name is ENVI if a header lies beside it.
        variable: which of the arrays in a MATLAB, NumPy or Zarr file; by default the one that looks like a cube.

    Returns:
        Values (L, H, W) in the file's number type and unit, wavelengths and FWHM in nm where the file has them.
        `source` says how the file was read.

    Raises:
        FileNotFoundError: if the file, or the other half of an ENVI pair, is missing.
        ValueError: if the suffix is unknown, or the file is damaged, truncated or holds no cube.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file; check the path")
    name = "zarr" if path.is_dir() else _format_of(path)
    if name is None and envi.header_beside(path) is not None:
        name = "envi"
    if name is None:
        raise ValueError(f"{path} has no suffix that csakd reads and no ENVI header beside it; known are {_known()}")
    if FORMATS[name].named:
        return FORMATS[name].read(path, variable)
    if variable is not None:
        raise ValueError(f"{path} holds one cube without a name: leave out variable={variable!r}")
    return FORMATS[name].read(path)


def write(cube: Cube, path: str | Path, *, format: str | None = None) -> Path:
    """Writes a cube, whole or not at all; a file that was there is replaced at the end.

    Invalid pixels become NaN, or the cube's `nodata` where values are integers. Floats are written as float32.

    Args:
        cube: lazy cubes are written in blocks of rows, but to .npz and MATLAB v5 from memory.
        path: the file, or for Zarr the folder; its folder must exist.
        format: a key of `FORMATS`; by default what the suffix says. "cog" and "matlab73" must be asked for.

    Returns:
        The path, which `read` understands.

    Raises:
        ValueError: if the suffix or the format is unknown, or the cube cannot be written.
        OSError: if the system refuses.
    """
    path = Path(path)
    name = format or _format_of(path)
    writer = FORMATS[name].write if name in FORMATS else None
    if name is None or writer is None:
        writable = ", ".join(key for key, known in FORMATS.items() if known.write)
        raise ValueError(
            f"{path}: csakd writes no {name or 'file of this suffix'}; known are {_known()}, or format={writable}"
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: its folder does not exist; create it first")
    if name != "zarr" and path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: name a file")
    try:
        writer(cube, path)
    except OSError as error:
        if str(path) in str(error):
            raise
        raise OSError(f"{path} could not be written: {' '.join(str(error).split())}") from error
    return path


def _format_of(path: Path) -> str | None:
    return next((name for name, known in FORMATS.items() if path.suffix.lower() in known.suffixes), None)


def _known() -> str:
    return " ".join(suffix for known in FORMATS.values() for suffix in known.suffixes)
