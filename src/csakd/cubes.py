"""The nouns: `Cube`, `Pair`, `Sample`, and the legend of shapes used throughout.

Shape legend::

    B  scenes in a batch        r  ratio of the two grids
    L  hyperspectral bands      h, w  the low grid (LR-HSI)
    M  multispectral bands      H, W  the high grid, H = r·h, W = r·w
    C  feature channels         K  attention heads

Pixels are areas: low pixel (i, j) covers the high pixels r·i … r·i+r−1, r·j … r·j+r−1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Window = tuple[slice, slice, slice]


@runtime_checkable
class Values(Protocol):
    """What a cube holds: a NumPy array, or a reader that fetches a window when it is sliced."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[np.generic]: ...

    def __getitem__(self, window: Window, /) -> NDArray[np.generic]: ...


@dataclass(frozen=True)
class Georeference:
    """Where the pixels lie.

    Attributes:
        crs: coordinate reference system as WKT; empty if unknown.
        transform: (a, b, c, d, e, f) of the affine map from a pixel's *corner* to the ground,
            x = a·column + b·row + c, y = d·column + e·row + f. Rotated grids have b, d ≠ 0.
    """

    crs: str
    transform: tuple[float, float, float, float, float, float]

    def moved(self, row: float, column: float) -> Georeference:
        """The same grid with its origin moved to pixel (row, column)."""
        a, b, c, d, e, f = self.transform
        return replace(self, transform=(a, b, c + a * column + b * row, d, e, f + d * column + e * row))

    def scaled(self, factor: float) -> Georeference:
        """The same ground with pixels `factor` times as wide (factor = r: high grid → low grid)."""
        a, b, c, d, e, f = self.transform
        return replace(self, transform=(a * factor, b * factor, c, d * factor, e * factor, f))


@dataclass(frozen=True, eq=False)
class Cube:
    """An image with a spectrum in every pixel.

    Attributes:
        values: (L, H, W), in memory or lazy. Any real number type.
        wavelengths: (L,) band centres in nm, in band order (need not be monotone), or None.
        fwhm: (L,) full widths at half maximum in nm, or None.
        valid: (H, W) bool, False where a pixel holds no measurement; None if not known yet (see `load`).
        georeference: where the pixels lie, or None.
        units: what the values measure, free text ("reflectance x10000"); empty if unknown.
        nodata: the value that marks missing pixels in `values`, or None.
        source: where the values came from, one line for people.

    Raises:
        ValueError: if the parts do not fit each other.
    """

    values: Values
    wavelengths: NDArray[np.float64] | None = None
    fwhm: NDArray[np.float64] | None = None
    valid: NDArray[np.bool_] | None = None
    georeference: Georeference | None = None
    units: str = ""
    nodata: float | None = None
    source: str = ""

    def __post_init__(self) -> None:
        if len(self.values.shape) != 3 or 0 in self.values.shape:
            raise ValueError(f"a cube's values have shape (bands, rows, columns), not {tuple(self.values.shape)}")
        for name in ("wavelengths", "fwhm"):
            given: ArrayLike | None = getattr(self, name)
            if given is not None:
                array = np.asarray(given, dtype=np.float64).reshape(-1)
                if array.size != self.bands:
                    raise ValueError(f"{array.size} {name} for {self.bands} bands")
                object.__setattr__(self, name, array)
        if self.valid is not None and self.valid.shape != self.size:
            raise ValueError(f"the valid mask is {self.valid.shape}, the image {self.size}")

    @property
    def bands(self) -> int:
        return int(self.values.shape[0])

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return int(self.values.shape[1]), int(self.values.shape[2])

    def crop(self, rows: slice, columns: slice) -> Cube:
        """The window [rows, columns] (steps of 1), read into memory; the rest of the scene stays where it is."""
        row_start, row_stop, _ = rows.indices(self.size[0])
        column_start, column_stop, _ = columns.indices(self.size[1])
        window = (slice(None), slice(row_start, row_stop), slice(column_start, column_stop))
        return replace(
            self,
            values=self.values[window],
            valid=None if self.valid is None else self.valid[window[1:]],
            georeference=self.georeference and self.georeference.moved(row_start, column_start),
        )

    def load(self) -> Cube:
        """The cube in memory as float32, its mask settled.

        A pixel is valid if it holds a finite number other than `nodata` in every band that has one anywhere;
        an invalid pixel becomes NaN in all bands, so that any format carries the mask. A band without a
        single measurement is a dead band: zeros.
        """
        raw = np.asarray(self.values[:, :, :])
        with np.errstate(over="ignore"):  # beyond float32 is infinite, so no measurement
            values = raw.astype(np.float32)
            measured = np.isfinite(values)
            if self.nodata is not None and np.isfinite(self.nodata):
                # A plain float: compared in the values' own precision if they are floats, exactly if integers.
                measured &= raw != float(self.nodata)
        dead: NDArray[np.bool_] = np.logical_not(measured.any(axis=(1, 2)))
        values[dead] = 0
        valid: NDArray[np.bool_] = np.asarray((measured | dead[:, None, None]).all(axis=0))
        if dead.all():
            valid = np.zeros(self.size, dtype=np.bool_)
        if self.valid is not None:
            valid &= self.valid
        values[:, ~valid] = np.nan
        return replace(self, values=values, valid=valid, nodata=None)

    def filled(self) -> NDArray[np.float32]:
        """(L, H, W) float32 with every invalid pixel replaced by the nearest valid one, ready for computing.

        Raises:
            ValueError: if no pixel is valid.
        """
        cube = self.load()
        values, valid = np.asarray(cube.values[:, :, :]), cube.valid
        assert valid is not None
        if valid.all():
            return values
        if not valid.any():
            raise ValueError(f"no valid pixel in {self.source or 'the cube'}: every one is NaN, infinite or nodata")
        from scipy.ndimage import distance_transform_edt

        rows, columns = distance_transform_edt(~valid, return_distances=False, return_indices=True)
        return values[:, rows, columns]


@dataclass(frozen=True, eq=False)
class Pair:
    """Two observations of one scene on nested grids.

    Attributes:
        hsi: LR-HSI, (L, h, w).
        msi: HR-MSI, (M, H, W) with H = r·h, W = r·w for one integer r.
        psf: (S, S) blur kernel on the high grid from which `hsi` was sampled (see `csakd.physics.psf`), if known;
            otherwise its width is found where it is needed (`csakd.classical.width`).
        response: (M, L) weights of the HSI's bands in the MSI's, if known.

    Raises:
        ValueError: if the sizes are no integer multiple of each other, or the response does not fit the bands.
    """

    hsi: Cube
    msi: Cube
    psf: NDArray[np.float64] | None = None
    response: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        (low_rows, low_columns), (rows, columns) = self.hsi.size, self.msi.size
        ratio = max(1, round(rows / low_rows))
        if (rows, columns) != (ratio * low_rows, ratio * low_columns):
            raise ValueError(
                f"the MSI ({rows}x{columns}) is no whole multiple of the HSI ({low_rows}x{low_columns}) "
                f"in both directions: at ratio {ratio} the MSI would be {ratio * low_rows}x{ratio * low_columns}; "
                "crop or resample one of them"
            )
        if self.response is not None and self.response.shape != (self.msi.bands, self.hsi.bands):
            raise ValueError(
                f"a response of shape {self.response.shape} for {self.msi.bands} MSI and {self.hsi.bands} HSI bands"
            )

    @property
    def ratio(self) -> int:
        return self.msi.size[0] // self.hsi.size[0]

    def filled(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
        """Both images ready for computing, as by `Cube.filled`, and (H, W) where both hold a measurement.

        Where the HSI saw nothing the MSI is filled too: what relates the two stays true in the gaps.

        Raises:
            ValueError: if no pixel is valid in both.
        """
        hsi, msi = self.hsi.load(), self.msi.load()
        assert hsi.valid is not None
        assert msi.valid is not None
        valid = msi.valid & hsi.valid.repeat(self.ratio, axis=0).repeat(self.ratio, axis=1)
        if hsi.valid.any() and msi.valid.any() and not valid.any():
            raise ValueError("no pixel is valid in both images: their gaps leave no common ground")
        return hsi.filled(), replace(msi, valid=valid).filled(), valid


@dataclass(frozen=True, eq=False)
class Sample:
    """A pair and the truth it was simulated from: `truth` is the HR-HSI, (L, H, W)."""

    pair: Pair
    truth: Cube
