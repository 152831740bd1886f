"""What the formats that GDAL reads have in common: pixels by window, and a georeference."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from csakd.cubes import Georeference
from csakd.io.damage import reading
from csakd.io.lazy import Lazy

NAMES = {"ENVI": "ENVI image", "GTiff": "GeoTIFF"}


@contextmanager
def opened(path: Path, driver: str) -> Iterator[Any]:
    """The rasterio dataset of a file that GDAL's `driver` reads; a broken file is a ValueError."""
    import rasterio

    with reading(path, NAMES[driver], OSError):
        with without_warning():
            dataset = rasterio.open(path, driver=driver)
        with dataset:
            yield dataset


class RasterValues(Lazy):
    """The bands of a file that GDAL's `driver` opens."""

    def __init__(self, path: Path, driver: str, shape: tuple[int, int, int], dtype: DTypeLike) -> None:
        super().__init__(path, shape, dtype)
        self.driver = driver

    def fetch(self, bands: slice, rows: slice, columns: slice) -> NDArray[np.generic]:
        from rasterio.windows import Window

        numbers = list(range(bands.start + 1, bands.stop + 1))
        with opened(self.path, self.driver) as source:
            values: NDArray[np.generic] = source.read(numbers, window=Window.from_slices(rows, columns))
        return values


@contextmanager
def without_warning() -> Iterator[None]:
    """Opens files without rasterio's warning that they have no georeference: a cube need not have one."""
    from rasterio.errors import NotGeoreferencedWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def georeference(source: Any) -> Georeference | None:
    """Where an open rasterio dataset lies; None if it does not say."""
    if source.transform.is_identity and not source.crs:
        return None
    return Georeference(wkt(source.crs) if source.crs else "", tuple(source.transform)[:6])


def wkt(crs: Any) -> str:
    """A rasterio CRS as text, EPSG's own where it is equivalent."""
    from rasterio.crs import CRS

    code = crs.to_epsg()
    if code is None and crs.is_geographic:  # ENVI does not keep the order of axes, nor does ESRI's dialect
        guess, esri = crs.to_epsg(confidence_threshold=20), "WKT1_ESRI"
        code = guess if guess and CRS.from_epsg(guess).to_wkt(version=esri) == crs.to_wkt(version=esri) else None
    return str((CRS.from_epsg(code) if code else crs).to_wkt())


def coordinate_system(where: Georeference) -> Any:
    """The rasterio CRS of a georeference; None if it has none.

    Raises:
        ValueError: if its text is no coordinate reference system.
    """
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    if not where.crs:
        return None
    try:
        return CRS.from_user_input(where.crs)
    except CRSError as error:
        raise ValueError(f"not a coordinate reference system in WKT: {where.crs[:60]!r}") from error


def without_sidecars(path: Path) -> None:
    """Removes what GDAL keeps beside an image (statistics, overviews, masks): it belonged to the image before."""
    for suffix in (".aux.xml", ".ovr", ".msk"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
