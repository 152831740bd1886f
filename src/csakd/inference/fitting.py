"""Does a pair fit together, and does it fit a model? If not, an error that says what would."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from csakd.cubes import Cube, Pair
from csakd.models import Universal
from csakd.models.weights import TrainedModel
from csakd.physics import check_ratio

SLACK = 0.5  # MSI pixels by which the corners of the two grids may lie apart
TOLERANCE = {"HSI": 5.0, "MSI": 30.0}  # nm between a band and the one the model was trained on


def check_pair(pair: Pair) -> None:
    """Raise a ValueError unless the two images lie on nested grids over the same ground."""
    if pair.ratio == 1:
        raise ValueError("the MSI is no finer than the HSI (ratio 1): there is nothing to sharpen")
    check_ratio(pair.ratio)
    low, high = pair.hsi.georeference, pair.msi.georeference
    if low is None or high is None:
        return
    if low.crs and high.crs and not _same_crs(low.crs, high.crs):
        raise ValueError("the HSI and the MSI have different coordinate systems: reproject one onto the other's")
    # Where the corners of the HSI fall in the MSI, in pixels of the MSI.
    a, b, c, d, e, f = high.transform
    to_pixel = np.linalg.inv(np.array([[a, b, c], [d, e, f], [0, 0, 1]]))
    a, b, c, d, e, f = low.transform
    rows, columns = pair.hsi.size
    corners = np.array([[0, columns, 0, columns], [0, 0, rows, rows], [1, 1, 1, 1]])
    found = (to_pixel @ np.array([[a, b, c], [d, e, f], [0, 0, 1]]) @ corners)[:2]
    apart = np.abs(found - pair.ratio * corners[:2]).max()
    if apart > SLACK:
        left, top, right, bottom = found[0].min(), found[1].min(), found[0].max(), found[1].max()
        raise ValueError(
            f"the images do not cover the same ground: the HSI spans rows {top:.1f} to {bottom:.1f} and columns "
            f"{left:.1f} to {right:.1f} of the MSI, which has {pair.msi.size[0]}x{pair.msi.size[1]} pixels; "
            "crop or resample both to their common ground"
        )


def _same_crs(first: str, second: str) -> bool:
    if first == second:
        return True
    from rasterio.crs import CRS

    return bool(CRS.from_wkt(first) == CRS.from_wkt(second))


def check_device(device: str | torch.device) -> None:
    """Raise a ValueError unless this computer can compute there."""
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"cannot compute on device {str(device)!r} ({reason}): choose another, such as cpu") from None


def check_model(pair: Pair, model: TrainedModel) -> None:
    """Raise a ValueError unless the pair has the ratio and the bands that the model was trained on, or it takes any."""
    if isinstance(model.network, Universal):
        return
    card, config = model.card, model.network.config
    if pair.ratio != config.ratio:
        raise ValueError(f"the pair has ratio {pair.ratio}, the model was trained for {config.ratio}")
    _check_bands("HSI", pair.hsi, config.hsi_bands, card.hsi_wavelengths)
    _check_bands("MSI", pair.msi, config.msi_bands, card.msi_wavelengths)


def _check_bands(name: str, cube: Cube, bands: int, centres: list[float] | None) -> None:
    if cube.bands != bands:
        raise ValueError(f"the {name} has {cube.bands} bands, the model was trained on {bands}{_span(centres)}")
    if centres is None:
        return
    option = f"--{name.lower()}-bands"
    if cube.wavelengths is None:
        raise ValueError(
            f"the {name} has no wavelengths, and the model was trained on certain bands{_span(centres)}: "
            f"say which these are with {option} NAME or FILE"
        )
    wanted: NDArray[np.float64] = np.array(centres)
    apart = np.abs(cube.wavelengths - wanted)
    if not apart.max() <= TOLERANCE[name]:  # NaN is nowhere
        worst = int(apart.argmax())
        raise ValueError(
            f"band {worst + 1} of the {name} lies at {cube.wavelengths[worst]:.0f} nm, the model was trained on "
            f"{wanted[worst]:.0f} nm: bring the bands into the model's order and places{_span(centres)}"
        )


def _span(centres: list[float] | None) -> str:
    return "" if centres is None else f" ({min(centres):.0f}-{max(centres):.0f} nm)"
