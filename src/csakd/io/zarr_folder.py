"""Zarr version 3: a folder with `values` in chunks of whole spectra, and every other part of a cube by name."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from csakd.cubes import Cube
from csakd.io.atomic import replacing
from csakd.io.damage import reading
from csakd.io.fields import cube_of, field_names, fields_of, wavelength_names
from csakd.io.layout import Arranged, Box, Hints, Layout, Stored, named_cube
from csakd.io.outgoing import outgoing

BROKEN = ("Zarr store", OSError, ValueError, LookupError, RuntimeError)
CHUNK = 64  # rows and columns stored together, with whole spectra
DIMENSIONS = ("band", "y", "x")
SPECTRAL = ("band", "bands", "wavelength", "wavelengths", "channel")


class ZarrValues(Arranged):
    """One array of a store, read by window."""

    def take(self, box: Box) -> NDArray[np.generic]:
        with reading(self.path, *BROKEN):
            return np.asarray(_arrays(self.path)[0][self.layout.variable][box])


def read(path: Path, variable: str | None) -> Cube:
    """The cube in a Zarr store (version 2 or 3): the array named, else `values`, else its only 3-D array.

    The axes are (bands, rows, columns), unless their names or the wavelengths in the store say otherwise.

    Raises:
        ValueError: if the store is damaged, or leaves open which array is the cube.
    """
    with reading(path, *BROKEN):
        arrays, attributes = _arrays(path)
    stored = {name: Stored(array.shape, array.dtype) for name, array in arrays.items()}
    chosen = named_cube(path, stored, variable)
    with reading(path, *BROKEN):
        facts = attributes | {name: np.asarray(arrays[name][...]) for name in field_names(stored)}
    layout = _layout(chosen, arrays[chosen], frozenset(np.size(facts[name]) for name in wavelength_names(facts)))
    return cube_of(ZarrValues(path, layout, stored[chosen].dtype), facts, f"{path}: Zarr {layout}")


def write(cube: Cube, path: Path) -> None:
    """Writes a Zarr store, block by block.

    Raises:
        FileExistsError: if `path` is a folder that holds something else.
    """
    import zarr
    from zarr.codecs import ZstdCodec

    if path.is_dir() and any(path.iterdir()) and not (path / "zarr.json").exists():
        raise FileExistsError(f"{path} is a folder with other contents: choose another name")
    out = outgoing(cube)
    with replacing(path) as draft:
        group = zarr.open_group(draft, mode="w", zarr_format=3)
        values = group.create_array(
            "values",
            shape=(cube.bands, *cube.size),
            dtype=out.dtype.name,
            chunks=(cube.bands, min(CHUNK, cube.size[0]), min(CHUNK, cube.size[1])),
            compressors=ZstdCodec(checksum=True),
            fill_value=np.nan if out.dtype.kind == "f" else (out.nodata or 0),  # what a lost chunk reads as
            dimension_names=DIMENSIONS,
        )
        for rows, block in out.blocks(multiple=CHUNK):
            for top, left in product(range(rows.start, rows.stop, CHUNK), range(0, cube.size[1], CHUNK)):
                inside = block[:, top - rows.start :][:, :CHUNK, left : left + CHUNK]
                # one chunk a call: after a failure, zarr's threads would go on filling the folder being removed
                values[:, top : top + inside.shape[1], left : left + inside.shape[2]] = inside
        for name, value in fields_of(out).items():
            if isinstance(value, str):
                group.attrs[name] = value
            else:
                group.create_array(name, data=np.asarray(value))


def _layout(name: str, array: Any, counts: frozenset[int]) -> Layout:
    if array.ndim == 2:
        return Layout(name, array.shape, None)
    dimensions = getattr(array.metadata, "dimension_names", None) or array.attrs.get("_ARRAY_DIMENSIONS", ())  # v3, v2
    named = [axis for axis, dimension in enumerate(dimensions) if dimension in SPECTRAL]
    return Layout(name, array.shape, named[0] if named else Hints(0, counts).spectral_axis(array.shape))


def _arrays(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arrays of a store by name, and its attributes. A store that is one array holds `values`."""
    import zarr

    store = zarr.open(path, mode="r")
    if isinstance(store, zarr.Array):
        return {"values": store}, dict(store.attrs)
    return dict(store.arrays()), dict(store.attrs)
