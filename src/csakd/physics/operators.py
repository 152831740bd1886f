"""What a sensor does to a scene, as linear operators on tensors: forward and adjoint, batched, differentiable.

Both spatial operators are sums of a few separable terms, each a small matrix along the rows and one along the
columns, so that the adjoint is a transpose and the borders are treated exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from csakd.physics import psf as psfs
from csakd.physics.sensors import MULTISPECTRAL, read_numbers

RATIOS = range(2, 17)


def check_ratio(ratio: int) -> int:
    if ratio not in RATIOS:
        raise ValueError(f"ratio {ratio}: it must be a whole number from {RATIOS[0]} to {RATIOS[-1]}")
    return int(ratio)


class SpatialResponse:
    """Blur by a PSF and sample every r-th pixel: (…, H, W) → (…, H // r, W // r).

    Past its border a scene goes on as its mirror image (edge pixel repeated), so constants stay constants.

    Args:
        ratio: r, from 2 to 16.
        psf: (S, S) weights as in `csakd.physics.psf`; None for the paper's Gaussian scaled with the ratio.
    """

    def __init__(self, ratio: int, psf: NDArray[np.float64] | None = None) -> None:
        self.ratio = check_ratio(ratio)
        self.psf = psfs.gaussian(ratio) if psf is None else np.asarray(psf, dtype=np.float64)
        if self.psf.ndim != 2 or len(set(self.psf.shape)) > 1 or (len(self.psf) - ratio) % 2 or len(self.psf) < ratio:
            raise ValueError(
                f"a PSF of shape {self.psf.shape} does not lie on the grid of ratio {ratio}: see psf.place"
            )
        left, strength, right = np.linalg.svd(self.psf)
        terms = strength > 1e-10 * strength[0]
        self._profiles = [
            (tuple(column * value), tuple(row))
            for column, value, row in zip(left.T[terms], strength[terms], right[terms], strict=True)
        ]

    def _matrices(self, size: Sequence[int], like: Tensor) -> list[tuple[Tensor, Tensor]]:
        if min(size) < self.ratio:
            raise ValueError(
                f"an image of {size[0]}x{size[1]} pixels is smaller than one low pixel at ratio {self.ratio}"
            )
        return [
            tuple(  # type: ignore[misc]
                torch.as_tensor(_sampling_matrix(taps, self.ratio, n), dtype=like.dtype, device=like.device)
                for taps, n in zip(profile, size, strict=True)
            )
            for profile in self._profiles
        ]

    def __call__(self, high: Float[Tensor, "*any H W"]) -> Float[Tensor, "*any h w"]:
        terms = [rows @ high @ columns.T for rows, columns in self._matrices(high.shape[-2:], high)]
        return torch.stack(terms).sum(0) if len(terms) > 1 else terms[0]

    def interpolated(self, low: Float[Tensor, "*any h w"], size: tuple[int, int]) -> Float[Tensor, "*any h w"]:
        """What is seen of the image `upsample` makes of it, by small matrices."""
        up_rows, up_columns = _interpolation(low, size)
        terms = [(rows @ up_rows) @ low @ (columns @ up_columns).T for rows, columns in self._matrices(size, low)]
        return torch.stack(terms).sum(0) if len(terms) > 1 else terms[0]

    def adjoint(self, low: Float[Tensor, "*any h w"], size: tuple[int, int] | None = None) -> Float[Tensor, "*any H W"]:
        """The transpose; `size` is the high image's, r·h × r·w if not given."""
        high_size = size or (self.ratio * low.shape[-2], self.ratio * low.shape[-1])
        terms = [rows.T @ low @ columns for rows, columns in self._matrices(high_size, low)]
        return torch.stack(terms).sum(0) if len(terms) > 1 else terms[0]


@lru_cache(maxsize=64)
def _sampling_matrix(taps: tuple[float, ...], ratio: int, length: int) -> NDArray[np.float64]:
    """(length // r, length): row i holds the taps, the first at r·i − m, folded back at mirrors beyond the ends."""
    margin = (len(taps) - ratio) // 2
    matrix = np.zeros((length // ratio, length))
    rows = np.arange(length // ratio)[:, None]
    place = (ratio * rows - margin + np.arange(len(taps))) % (2 * length)
    np.add.at(matrix, (rows, np.where(place < length, place, 2 * length - 1 - place)), taps)
    return matrix


def upsample(low: Float[Tensor, "*any h w"], size: tuple[int, int]) -> Float[Tensor, "*any H W"]:
    """Bicubic interpolation onto a finer grid of pixels-as-areas.

    Keys' kernel with a = −1/2, as in MATLAB's imresize: unlike torch's plain a = −3/4 it reproduces a linear ramp.
    """
    rows, columns = _interpolation(low, size)
    return rows @ (low @ columns.T)


def _interpolation(low: Tensor, size: Sequence[int]) -> list[Tensor]:
    """The matrices of `upsample`, for rows and for columns."""
    return [
        torch.as_tensor(_bicubic_matrix(n, to), dtype=low.dtype, device=low.device)
        for n, to in zip(low.shape[-2:], size, strict=True)
    ]


@lru_cache(maxsize=64)
def _bicubic_matrix(length: int, to: int) -> NDArray[np.float64]:
    """(to, length): torch's antialiased bicubic (its a is −1/2) of the unit vectors; ten times as fast on a CPU."""
    unit = torch.eye(length, dtype=torch.float64)[:, None, :, None].expand(-1, -1, -1, 2)
    resized = torch.nn.functional.interpolate(unit, size=(to, 2), mode="bicubic", align_corners=False, antialias=True)
    return np.ascontiguousarray(resized[:, 0, :, 0].T.numpy())


@dataclass(frozen=True, eq=False)
class SpectralResponse:
    """Weighted means over bands: (…, L, H, W) → (…, M, H, W).

    Attributes:
        matrix: (M, L) weights; every row sums to 1.
        centres: (M,) band centres in nm, or None.
        widths: (M,) band widths in nm, or None.
    """

    matrix: NDArray[np.float64]
    centres: NDArray[np.float64] | None = None
    widths: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        sums = self.matrix.sum(axis=-1, keepdims=True)
        if self.matrix.ndim != 2 or not np.isfinite(self.matrix).all() or (sums <= 0).any():
            raise ValueError("a spectral response is a table (MSI bands, HSI bands) of weights with positive row sums")
        object.__setattr__(self, "matrix", self.matrix / sums)

    def _weights(self, like: Tensor) -> Tensor:
        return torch.as_tensor(self.matrix, dtype=like.dtype, device=like.device)

    def __call__(self, spectra: Float[Tensor, "*any L H W"]) -> Float[Tensor, "*any M H W"]:
        return torch.einsum("ml,...lhw->...mhw", self._weights(spectra), spectra)

    def adjoint(self, bands: Float[Tensor, "*any M H W"]) -> Float[Tensor, "*any L H W"]:
        return torch.einsum("ml,...mhw->...lhw", self._weights(bands), bands)

    @classmethod
    def box(cls, edges: Sequence[tuple[float, float]], wavelengths: NDArray[np.float64]) -> SpectralResponse:
        """The plain mean of the bands whose centre lies inside each (low, high) in nm (the paper's X_m).

        Raises:
            ValueError: if no band lies inside one of them.
        """
        bounds = np.asarray(edges, dtype=np.float64)
        inside = (wavelengths >= bounds[:, :1]) & (wavelengths < bounds[:, 1:])
        _check_covered(inside, bounds, wavelengths)
        return cls(inside.astype(np.float64), bounds.mean(axis=1), bounds[:, 1] - bounds[:, 0])

    @classmethod
    def gaussian(
        cls, centres: Sequence[float], fwhm: Sequence[float], wavelengths: NDArray[np.float64]
    ) -> SpectralResponse:
        """Gaussian bands of given centres and full widths at half maximum in nm.

        Raises:
            ValueError: if a band's half-maximum interval holds no HSI band.
        """
        middle, width = np.asarray(centres, dtype=np.float64), np.asarray(fwhm, dtype=np.float64)
        bounds = np.stack([middle - width / 2, middle + width / 2], axis=1)
        _check_covered((wavelengths >= bounds[:, :1]) & (wavelengths <= bounds[:, 1:]), bounds, wavelengths)
        return cls(np.exp(-4 * np.log(2) * ((wavelengths - middle[:, None]) / width[:, None]) ** 2), middle, width)

    @classmethod
    def curves(cls, table: NDArray[np.float64], wavelengths: NDArray[np.float64]) -> SpectralResponse:
        """Measured curves, (rows, 1 + M): wavelength in nm, then each band's response; zero outside the table.

        Raises:
            ValueError: if the table is no such thing, or a curve meets no HSI band.
        """
        order = np.argsort(table[:, 0])
        grid, curves = table[order, 0], np.clip(table[order, 1:], 0, None)
        if curves.shape[1] == 0:
            raise ValueError("response curves need a wavelength column and at least one band column")
        total = curves.sum(axis=0)
        if (total <= 0).any():
            raise ValueError(f"response curve {int(np.argmin(total)) + 1} is zero everywhere")
        matrix = np.stack([np.interp(wavelengths, grid, curve, left=0, right=0) for curve in curves.T])
        present = [grid[curve > 0] for curve in curves.T]
        _check_covered(matrix > 0, np.array([(g.min(), g.max()) for g in present]), wavelengths)
        middle = (grid[:, None] * curves).sum(axis=0) / total
        # The width of the box with the curve's area and height.
        widths = np.trapezoid(curves, grid, axis=0) / curves.max(axis=0)
        return cls(matrix, middle, widths)


def _check_covered(inside: NDArray[np.bool_], bounds: NDArray[np.float64], wavelengths: NDArray[np.float64]) -> None:
    empty = np.flatnonzero(inside.sum(axis=1) == 0)
    if empty.size:
        missing = int(empty[0])
        low, high = bounds[missing]
        raise ValueError(
            f"MSI band {missing + 1} ({low:.0f}-{high:.0f} nm) holds no HSI band: "
            f"the scene covers {wavelengths.min():.0f}-{wavelengths.max():.0f} nm; choose other MSI bands"
        )


class Sensors(NamedTuple):
    """The two operators between a scene and its pair: X_h = blur(Z), X_m = response(Z).

    Attributes:
        blur: PSF and sampling of the HSI.
        response: of the MSI, or None if it is not known.
    """

    blur: SpatialResponse
    response: SpectralResponse | None = None


def spectral_response(
    msi: str | Sequence[tuple[float, float]] | NDArray[np.float64] | SpectralResponse,
    bands: int,
    wavelengths: NDArray[np.float64] | None,
) -> SpectralResponse:
    """The response that `msi` stands for, on a scene of `bands` bands.

    Args:
        msi: a name ("tm4", "tm6"), a text file of curves (wavelength in nm, one column a band), a list of
            (low, high) box edges in nm, an (M, L) array of weights, or a ready response.
        bands: L.
        wavelengths: (L,) centres in nm; only weights given directly do without.

    Raises:
        ValueError: if there is no such set, the scene has no wavelengths, or a band finds none of the scene's.
    """
    if isinstance(msi, np.ndarray):
        msi = SpectralResponse(np.asarray(msi, dtype=np.float64))
    if isinstance(msi, SpectralResponse):
        if msi.matrix.shape[1] != bands:
            raise ValueError(f"a spectral response for {msi.matrix.shape[1]} bands on a scene of {bands}")
        return msi
    if wavelengths is None:
        raise ValueError(
            "the scene has no wavelengths, so MSI bands cannot be placed in it: "
            "name its bands (such as aviris-172), or give a file with one centre in nm a line"
        )
    if not isinstance(msi, str):
        return SpectralResponse.box(msi, wavelengths)
    if msi in MULTISPECTRAL:
        return SpectralResponse.box(MULTISPECTRAL[msi], wavelengths)
    return SpectralResponse.curves(read_numbers(msi, tuple(MULTISPECTRAL), "MSI band set"), wavelengths)
