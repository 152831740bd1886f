"""A cube's parts by name, for the formats that hold named arrays: MATLAB, NumPy, Zarr."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from csakd.cubes import Cube, Georeference, Values
from csakd.io.layout import Stored
from csakd.io.nodata import fitting
from csakd.io.outgoing import Outgoing
from csakd.io.wavelengths import in_nanometres

Fields = Mapping[str, Any]  # arrays, numbers and texts, as whichever type a format returns
WAVELENGTHS = ("wavelength", "wavelengths", "wavelength_nm", "wavelength_um", "wave", "waves", "wl", "wvl", "lambda")


def fields_of(out: Outgoing) -> dict[str, NDArray[np.generic] | str]:
    """Everything known of a cube but its values, under the names that `cube_of` looks for."""
    cube, where = out.cube, out.cube.georeference
    known: dict[str, NDArray[np.generic] | str | None] = {
        "wavelengths": cube.wavelengths,
        "fwhm": cube.fwhm,
        "wavelength_units": "nm" if cube.wavelengths is not None or cube.fwhm is not None else None,
        "valid": cube.valid,
        "transform": np.array(where.transform, dtype=np.float64) if where is not None else None,
        "crs": where.crs if where is not None else None,
        "units": cube.units,
        "nodata": np.array([out.nodata]) if out.nodata is not None and np.isfinite(out.nodata) else None,
    }
    return {name: value for name, value in known.items() if value is not None and len(value) > 0}


def cube_of(values: Values, fields: Fields, source: str) -> Cube:
    """The cube of `values` (L, H, W) and whatever fits it among the fields; `source` is logged."""
    logging.getLogger("csakd").info(source)
    bands, *size = values.shape
    centres = next((v for name in wavelength_names(fields) if (v := _vector(fields, name, bands)) is not None), None)
    wavelengths, fwhm = in_nanometres(centres, _vector(fields, "fwhm", bands), _text(fields, "wavelength_units"))
    valid = np.asarray(fields.get("valid", ()))
    transform, nodata = _vector(fields, "transform", 6), _vector(fields, "nodata", 1)
    where = None
    if transform is not None:
        a, b, c, d, e, f = transform.tolist()
        where = Georeference(_text(fields, "crs"), (a, b, c, d, e, f))
    return Cube(
        values,
        wavelengths,
        fwhm,
        valid=valid.astype(np.bool_) if valid.shape == tuple(size) else None,
        georeference=where,
        units=_text(fields, "units"),
        nodata=None if nodata is None else fitting(float(nodata[0]), values.dtype),
        source=source,
    )


def field_names(stored: Mapping[str, Stored]) -> list[str]:
    """The variables that may be fields: small ones, and the mask."""
    return [name for name, variable in stored.items() if variable.is_vector or name == "valid"]


def wavelength_names(fields: Fields) -> list[str]:
    """The names under which wavelengths may stand, the likeliest first."""
    return sorted((name for name in fields if name.lower() in WAVELENGTHS), key=lambda name: name != "wavelengths")


def _vector(fields: Fields, name: str, size: int) -> NDArray[np.float64] | None:
    array = np.asarray(fields.get(name, ()))
    return array.astype(np.float64).reshape(-1) if array.size == size and array.dtype.kind in "iuf" else None


def _text(fields: Fields, name: str) -> str:
    array = np.asarray(fields.get(name, ()))
    return str(array.reshape(-1)[0]) if array.size == 1 and array.dtype.kind == "U" else ""
