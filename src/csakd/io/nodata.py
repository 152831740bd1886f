"""The number that marks a missing pixel."""

from __future__ import annotations

import numpy as np


def fitting(nodata: float | None, dtype: np.dtype[np.generic]) -> float | None:
    """`nodata`, or None where no value of this type can equal it (−9999 among unsigned integers): it marks nothing."""
    if nodata is None or dtype.kind == "f":
        return nodata
    if dtype.kind not in "iu" or not np.isfinite(nodata) or nodata != round(nodata):
        return None
    limits = np.iinfo(dtype.name)
    return nodata if limits.min <= nodata <= limits.max else None
