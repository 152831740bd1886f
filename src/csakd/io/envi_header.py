"""The text beside an ENVI image: `name = value` lines, lists in braces; map info for where it lies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import atan2, cos, degrees, hypot, isclose, sin
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from csakd.cubes import Georeference
from csakd.io.raster import coordinate_system, wkt

FIELD = re.compile(r"^[ \t]*([^={}\n;]+?)[ \t]*=[ \t]*(\{[^}]*\}|[^\n]*)", re.MULTILINE)
TRANSFORM = "affine transform"  # our own field, for grids that map info cannot tell


def parse(path: Path) -> dict[str, str]:
    """The header's fields: names in lower case, values as text, lists without their braces.

    Raises:
        ValueError: if this is no ENVI header.
    """
    text = path.read_text(encoding="utf-8", errors="replace").replace("\r", "\n")
    if not text.lstrip("\ufeff").startswith("ENVI"):
        raise ValueError(f"{path} is no ENVI header: its first line is not ENVI")
    return {name.lower(): " ".join(value.strip("{} \t\n").split()) for name, value in FIELD.findall(text)}


def render(fields: Mapping[str, str]) -> str:
    return "ENVI\n" + "".join(f"{name} = {value}\n" for name, value in fields.items())


def listed(values: NDArray[np.float64]) -> str:
    """Numbers in braces, as short as keeps them exact, eight a line (ENVI refuses long lines)."""
    texts = [repr(float(value)) for value in values]
    return "{\n " + ",\n ".join(", ".join(texts[i : i + 8]) for i in range(0, len(texts), 8)) + "}"


def plain(text: str) -> str:
    """Free text that cannot break the header: one line, no braces."""
    return " ".join(text.split()).replace("{", "(").replace("}", ")")


def numbers(fields: Mapping[str, str], name: str, path: Path) -> NDArray[np.float64] | None:
    """A list of numbers, or None if the header has none of this name."""
    text = fields.get(name, "")
    if not text:
        return None
    try:
        return np.array([float(item) for item in re.split(r"[,\s]+", text.strip(", "))])
    except ValueError as error:
        raise ValueError(f"{path}: `{name}` holds something other than numbers; correct the header") from error


def whole(fields: Mapping[str, str], name: str, path: Path, default: int | None = None) -> int:
    """A whole number that the header must have, unless there is a default."""
    try:
        return int(fields[name]) if default is None else int(fields.get(name, default))
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path}: no whole number stands under `{name}`; correct the header") from error


def location_fields(where: Georeference) -> dict[str, str]:
    """`map info` and `coordinate system string`; a grid that no map info can tell goes to a field of our own."""
    system = coordinate_system(where)
    fields = {}
    name, zone, unit = _projection(system)
    told = _size_and_rotation(where.transform)
    if told is None:
        fields[TRANSFORM] = "{" + ", ".join(map(repr, where.transform)) + "}"
    else:
        width, height, rotation = told
        items = [name, "1", "1", *(repr(float(v)) for v in (where.transform[2], where.transform[5], width, height))]
        items += [*zone, f"units={unit}"] + ([f"rotation={rotation!r}"] if rotation else [])
        fields["map info"] = "{" + ", ".join(items) + "}"
    if system is not None:
        fields["coordinate system string"] = "{" + system.to_wkt(version="WKT1_ESRI") + "}"
    return fields


def crs(fields: Mapping[str, str], path: Path) -> str:
    """The coordinate system string as WKT, translated from ESRI's dialect."""
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    try:
        return wkt(CRS.from_wkt(fields["coordinate system string"], morph_from_esri_dialect=True))
    except CRSError as error:
        raise ValueError(f"{path}: `coordinate system string` is no WKT; correct or remove it") from error


def transform(fields: Mapping[str, str], path: Path) -> tuple[float, float, float, float, float, float] | None:
    """The affine map from the field of our own, if the header has it."""
    coefficients = numbers(fields, TRANSFORM, path)
    if coefficients is None or coefficients.size != 6:
        return None
    a, b, c, d, e, f = coefficients.tolist()
    return a, b, c, d, e, f


def _projection(system: Any) -> tuple[str, list[str], str]:
    """ENVI's name of the projection, what follows the pixel sizes, and the unit."""
    code = (system.to_epsg() if system else None) or 0
    if code // 100 in (326, 327) and 1 <= code % 100 <= 60:
        return "UTM", [str(code % 100), "North" if code // 100 == 326 else "South", "WGS-84"], "Meters"
    if system is not None and system.is_geographic:
        return "Geographic Lat/Lon", ["WGS-84"], "Degrees"  # the true datum stands in the coordinate system string
    projection = re.search(r'PROJECTION\["([^"]+)', system.to_wkt(version="WKT1_ESRI")) if system else None
    return projection[1].replace("_", " ") if projection else "Arbitrary", [], "Meters"


def _size_and_rotation(affine: tuple[float, float, float, float, float, float]) -> tuple[float, float, float] | None:
    """Pixel width, height and rotation in degrees, if ENVI's three numbers can tell this grid."""
    a, b, _, d, e, _ = affine
    if b == d == 0 and a > 0 > e:
        return a, -e, 0.0
    width, height, angle = hypot(a, b), hypot(d, e), atan2(b, a)
    tiny = 1e-9 * height
    same = isclose(d, sin(angle) * height, abs_tol=tiny) and isclose(e, -cos(angle) * height, abs_tol=tiny)
    return (width, height, degrees(angle)) if same else None
