"""The bundled scene: a crop of Indian Pines, AVIRIS 1992. `sample/PROVENANCE.md` says where it comes from."""

from __future__ import annotations

from importlib.resources import as_file, files

import numpy as np

from csakd.cubes import Cube
from csakd.physics import band_list


def sample_scene() -> Cube:
    """128×128 pixels of 20 m, 200 bands from 400 to 2500 nm, radiance in W/(m² sr µm), float32.

    The published integers are 1000 + 500 · radiance. The offset is taken out, since spectral angles would see it.
    """
    with as_file(files("csakd.data").joinpath("sample", "indian_pines_128.npz")) as path, np.load(path) as stored:
        # Stored as differences between bands, low and high bytes apart: half the size.
        low, high = stored["low"].astype(np.uint16), stored["high"].astype(np.uint16)
    numbers = np.cumsum(low | (high << 8), axis=0, dtype=np.uint16)
    bands = band_list("aviris-200")
    return Cube(
        (numbers.astype(np.float32) - 1000) / 500,
        bands.wavelengths,
        bands.fwhm,
        units="W/(m2 sr um)",
        source="bundled sample: Indian Pines, AVIRIS, 12 June 1992",
    )
