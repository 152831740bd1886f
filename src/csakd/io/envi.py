"""ENVI: raw numbers in one file, a header in text beside it."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np

from csakd.cubes import Cube, Georeference
from csakd.io import envi_header as header
from csakd.io.atomic import replacing
from csakd.io.nodata import fitting
from csakd.io.outgoing import Outgoing, outgoing
from csakd.io.raster import RasterValues, georeference, opened, without_sidecars
from csakd.io.wavelengths import Spectral, in_nanometres

DATA_SUFFIXES = (".img", ".dat", ".bsq", ".bil", ".bip", ".raw")
TYPES = {
    1: "uint8",
    2: "int16",
    3: "int32",
    4: "float32",
    5: "float64",
    12: "uint16",
    13: "uint32",
    14: "int64",
    15: "uint64",
}
ORDERS = {"bsq": (0, 1, 2), "bil": (1, 0, 2), "bip": (1, 2, 0)}  # of (bands, rows, columns) in the file


def header_beside(data: Path) -> Path | None:
    """The header that belongs to a data file: scene.hdr or scene.img.hdr."""
    names = [data.with_suffix(suffix) for suffix in (".hdr", ".HDR")]
    names += [data.with_name(data.name + suffix) for suffix in (".hdr", ".HDR")]
    return next((name for name in names if name.is_file() and name != data), None)


def read(path: Path) -> Cube:
    """The cube in an ENVI image, its pixels left there.

    Args:
        path: the header or the data file.

    Raises:
        FileNotFoundError: if the header or the data file is missing.
        ValueError: if the header is no ENVI header, the data are shorter than it says, or no real numbers.
    """
    data, head = _both(path)
    fields = header.parse(head)
    bands, rows, columns = shape = _shape(fields, head)
    dtype = _dtype(fields, head)
    if fields.get("file compression", "0") == "0":
        offset = header.whole(fields, "header offset", head, default=0)
        needed, found = offset + bands * rows * columns * dtype.itemsize, data.stat().st_size
        if found < needed:
            raise ValueError(f"{data} is truncated: it has {found} bytes, its header {head.name} says {needed}")
    wavelengths, fwhm = _spectral(fields, bands, head)
    with opened(data, "ENVI") as source:
        where = georeference(source)
    ignored = header.numbers(fields, "data ignore value", head)
    return Cube(
        RasterValues(data, "ENVI", shape, dtype),
        wavelengths,
        fwhm,
        georeference=_located(where, fields, head),
        units=_units(fields, head),
        nodata=None if ignored is None else fitting(float(ignored[0]), dtype),
        source=f"{data}: ENVI{_bad_bands(fields, head)}",
    )


def write(cube: Cube, path: Path) -> None:
    """Writes scene.img and scene.hdr (given either); the data keep their suffix, .bil and .bip their interleave."""
    given_header = path.suffix.lower() == ".hdr"
    data, head = (path.with_suffix(".img"), path) if given_header else (path, path.with_suffix(".hdr"))
    interleave = data.suffix.lower().removeprefix(".")
    interleave = interleave if interleave in ORDERS else "bsq"
    out = outgoing(cube)
    # left in this order: the data first, the header, which makes them an image, last
    with replacing(head) as draft_header, replacing(data) as draft:
        with draft.open("wb") as file:
            _write_data(out, file, interleave)
        draft_header.write_text(header.render(_fields(out, interleave)), encoding="utf-8")
    without_sidecars(data)


def _both(path: Path) -> tuple[Path, Path]:
    """The data file and its header, given one of them."""
    if path.suffix.lower() != ".hdr":
        head = header_beside(path)
        if head is None:
            raise FileNotFoundError(f"{path} has no ENVI header beside it: expected {path.with_suffix('.hdr').name}")
        return path, head
    stem = path.with_suffix("")
    names = [Path(f"{stem}{suffix}") for suffix in ("", *DATA_SUFFIXES)]
    data = next((name for name in names if name.is_file()), None)
    if data is None:
        raise FileNotFoundError(f"{path} has no data file beside it: expected {stem.name}.img, or name the data file")
    return data, path


def _shape(fields: dict[str, str], path: Path) -> tuple[int, int, int]:
    bands, rows, columns = (header.whole(fields, name, path) for name in ("bands", "lines", "samples"))
    if min(bands, rows, columns) < 1:
        raise ValueError(f"{path} describes an empty image: {bands} bands, {rows} lines, {columns} samples")
    return bands, rows, columns


def _dtype(fields: dict[str, str], path: Path) -> np.dtype[np.generic]:
    code = header.whole(fields, "data type", path)
    if code not in TYPES:
        known = ", ".join(f"{number} ({name})" for number, name in TYPES.items())
        raise ValueError(f"{path}: data type {code} is no real number type; known are {known}")
    return np.dtype(TYPES[code])


def _spectral(fields: dict[str, str], bands: int, path: Path) -> Spectral:
    centres, widths = header.numbers(fields, "wavelength", path), header.numbers(fields, "fwhm", path)
    for name, values in (("wavelengths", centres), ("fwhm", widths)):
        if values is not None and values.size != bands:
            raise ValueError(f"{path} lists {values.size} {name} for {bands} bands; correct the header")
    return in_nanometres(centres, widths, fields.get("wavelength units", ""))


def _located(where: Georeference | None, fields: dict[str, str], path: Path) -> Georeference | None:
    """What GDAL made of the header, `where`, except where it cannot know better."""
    told, named = header.transform(fields, path), bool(fields.get("coordinate system string"))
    if told is not None:
        return Georeference(header.crs(fields, path) if named else "", told)
    if where is not None and not named and fields.get("map info", "").lower().startswith("arbitrary"):
        return Georeference("", where.transform)  # GDAL makes up a coordinate system of this name
    return where


def _units(fields: dict[str, str], path: Path) -> str:
    scale = header.numbers(fields, "reflectance scale factor", path)
    return fields.get("data units") or ("" if scale is None else f"reflectance x{scale[0]:g}")


def _bad_bands(fields: dict[str, str], path: Path) -> str:
    good = header.numbers(fields, "bbl", path)
    if good is None or good.all():
        return ""
    return ", bad bands (from 1) " + ", ".join(str(band) for band in np.flatnonzero(good == 0) + 1)


def _fields(out: Outgoing, interleave: str) -> dict[str, str]:
    cube = out.cube
    fields = {
        "samples": str(cube.size[1]),
        "lines": str(cube.size[0]),
        "bands": str(cube.bands),
        "header offset": "0",
        "file type": "ENVI Standard",
        "data type": str(next(code for code, name in TYPES.items() if name == out.dtype.name)),
        "interleave": interleave,
        "byte order": "0",
    }
    if out.nodata is not None:
        fields["data ignore value"] = f"{out.nodata:.17g}"
    if cube.units:
        fields["data units"] = header.plain(cube.units)
    if cube.wavelengths is not None or cube.fwhm is not None:
        fields["wavelength units"] = "Nanometers"
    if cube.wavelengths is not None:
        fields["wavelength"] = header.listed(cube.wavelengths)
    if cube.fwhm is not None:
        fields["fwhm"] = header.listed(cube.fwhm)
    return fields | (header.location_fields(cube.georeference) if cube.georeference is not None else {})


def _write_data(out: Outgoing, file: BinaryIO, interleave: str) -> None:
    """Little-endian numbers; rows arrive in blocks, so bands in sequence are written by seeking."""
    (height, width), stored = out.cube.size, out.dtype.newbyteorder("<")
    for rows, block in out.blocks():
        ordered = block.astype(stored, copy=False).transpose(ORDERS[interleave])
        if interleave != "bsq":
            file.write(np.ascontiguousarray(ordered).tobytes())
            continue
        for band, plane in enumerate(ordered):
            file.seek((band * height + rows.start) * width * stored.itemsize)
            file.write(np.ascontiguousarray(plane).tobytes())
