"""Flight lines as AVIRIS has them, small and made up: rotated grids, any interleave, any byte order."""

from pathlib import Path

import numpy as np

ROWS, COLUMNS, TILE, CROP = 45, 60, 19, 16  # 2 x 3 whole tiles
CORNERS = [(0, 0), (0, 19), (0, 38), (19, 0), (19, 19), (19, 38)]
REMOVED = [*range(1, 11), *range(104, 117), *range(152, 171), *range(215, 225)]  # paper Sec. IV-A, from 1
KEPT = [channel - 1 for channel in range(1, 225) if channel not in REMOVED]
AXES = {"bsq": (0, 1, 2), "bil": (1, 0, 2), "bip": (1, 2, 0)}
CODES = {"int16": 2, "float32": 4, "uint16": 12}
SMALL = {"tile": TILE, "crop": CROP, "progress": False}


def flight(seed: int, dtype: str = "int16", rows: int = ROWS, columns: int = COLUMNS) -> np.ndarray:
    """(224, rows, columns) with no two spectra alike, from 100 up."""
    rng = np.random.default_rng(seed)
    return (100 + rng.integers(0, 50, (224, 1, 1)) + rng.integers(0, 5000, (224, rows, columns))).astype(dtype)


def write(folder: Path, name: str, values: np.ndarray, interleave="bip", order=1, nodata=None, wavelengths="", **more):
    """An ENVI image with a rotated grid, as AVIRIS flight lines come: the data file has no suffix."""
    bands, rows, columns = values.shape
    stored = values.transpose(AXES[interleave]).astype(values.dtype.newbyteorder(">" if order else "<"))
    (folder / name).write_bytes(stored.tobytes())
    fields = {
        "samples": columns, "lines": rows, "bands": bands, "header offset": 0, "data type": CODES[values.dtype.name],
        "interleave": interleave, "byte order": order,
        "map info": "{UTM, 1, 1, 500000, 4100000, 15.5, 15.5, 11, North, WGS-84, units=Meters, rotation=-37.0}",
        **({} if nodata is None else {"data ignore value": nodata}),
        **({"wavelength": wavelengths, "wavelength units": "Nanometers"} if wavelengths else {}), **more,
    }  # fmt: skip
    (folder / f"{name}.hdr").write_text("ENVI\n" + "".join(f"{key} = {value}\n" for key, value in fields.items()))
    return folder / name


def listed(centres) -> str:
    return "{" + ",\n".join(f"{centre:.4f}" for centre in centres) + "}"
