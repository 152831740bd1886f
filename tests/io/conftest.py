from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from rasterio.crs import CRS

from csakd.cubes import Cube, Georeference

NORTH_UP = (30.0, 0.0, 500000.0, 0.0, -30.0, 4.1e6)
BANDS, ROWS, COLUMNS = 5, 19, 23


@pytest.fixture
def make_cube() -> Callable[..., Cube]:
    """A cube without symmetry whose mask and metadata are all known; any part can be replaced."""

    def make(dtype: str = "float32", transform: tuple[float, ...] = NORTH_UP, **parts: object) -> Cube:
        rng = np.random.default_rng(5)
        wavelengths = np.linspace(400, 2500, BANDS) + rng.random(BANDS)
        known = {
            "values": rng.uniform(0, 200, (BANDS, ROWS, COLUMNS)).astype(dtype),
            "wavelengths": wavelengths,
            "fwhm": wavelengths / 50,
            "valid": rng.random((ROWS, COLUMNS)) > 0.1,
            "georeference": Georeference(CRS.from_epsg(32633).to_wkt(), transform),
            "units": "reflectance x10000, not µW",
        }
        return Cube(**(known | parts))

    return make
