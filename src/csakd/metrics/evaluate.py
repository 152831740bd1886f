"""The table of metrics, and all of them at once for two cubes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from csakd.cubes import Cube
from csakd.metrics.bandwise import CONVENTIONS, PSNR_CAP, cc, ergas, psnr, rmse
from csakd.metrics.comparison import Comparison, check_same_shape, compare
from csakd.metrics.spectral import sam
from csakd.metrics.windows import ssim, uiqi

PROTOCOLS = (*CONVENTIONS, "paper")
_SAME_BAND = 1.0  # nm


@dataclass(frozen=True)
class Metric:
    """What a table, a plot or a search for the best model must know of a score.

    Attributes:
        name: as printed.
        function: `(estimate, truth, *, valid=None, ...) -> float`, cubes (L, H, W); ERGAS also wants `ratio`.
        unit: empty for a pure number.
        higher_is_better: the direction of improvement.
        ideal: the score of a perfect estimate.
    """

    name: str
    function: Callable[..., float]
    unit: str
    higher_is_better: bool
    ideal: float


METRICS: dict[str, Metric] = {
    "psnr": Metric("PSNR", psnr, "dB", True, PSNR_CAP),
    "sam": Metric("SAM", sam, "°", False, 0.0),
    "rmse": Metric("RMSE", rmse, "data units", False, 0.0),
    "ergas": Metric("ERGAS", ergas, "", False, 0.0),
    "ssim": Metric("SSIM", ssim, "", True, 1.0),
    "uiqi": Metric("UIQI", uiqi, "", True, 1.0),
    "cc": Metric("CC", cc, "", True, 1.0),
}


def evaluate(estimate: Cube, truth: Cube, *, ratio: float = 4, protocol: str = "per_band_max") -> dict[str, float]:
    """Every score in `METRICS` of a fused cube against the truth, over the pixels valid in both.

    Protocols name the PSNR's convention (see `psnr`) and leave the other scores alone, except `paper`: the
    numbers the released test script of CSAKD reports. It shifts and scales both cubes by the truth's own minimum
    and maximum before scoring, so that SAM, ERGAS and the rest are those of shifted data, and it adds the
    minimum to the RMSE. It serves comparison with published tables and nothing else.

    A pixel the estimate itself leaves invalid is not scored, so compare methods only over the same mask.

    Args:
        estimate: (L, H, W), in the truth's units.
        truth: (L, H, W).
        ratio: r of the fusion problem, for ERGAS.
        protocol: one of `PROTOCOLS`.

    Returns:
        One number a metric, in the order of `METRICS`.

    Raises:
        ValueError: for an unknown protocol, cubes of different shape or wavelengths, no pixel valid in both, or a
            truth without energy (constant, under `paper`).
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f"unknown protocol {protocol!r}; choose one of {', '.join(PROTOCOLS)}")
    _check_same_bands(estimate, truth)
    (estimated, estimate_valid), (true, truth_valid) = _tensors(estimate), _tensors(truth)
    valid = estimate_valid & truth_valid
    low, span = 0.0, 1.0
    if protocol == "paper":
        low, span = _range(compare(estimated, true, valid))
        estimated, true = ((cube.double() - low) / span for cube in (estimated, true))
    convention = "per_band_max" if protocol == "paper" else protocol
    options: dict[str, dict[str, float | str]] = {"psnr": {"convention": convention}, "ergas": {"ratio": ratio}}
    scores = {
        key: metric.function(estimated, true, valid=valid, **options.get(key, {})) for key, metric in METRICS.items()
    }
    scores["rmse"] = scores["rmse"] * span + low  # the offset is the released script's, meaningless in an error
    return scores


def _check_same_bands(estimate: Cube, truth: Cube) -> None:
    check_same_shape(estimate.values.shape, truth.values.shape)
    if estimate.wavelengths is not None and truth.wavelengths is not None:
        apart = float(np.max(np.abs(estimate.wavelengths - truth.wavelengths)))
        if apart > _SAME_BAND:
            raise ValueError(
                f"wavelengths of estimate and truth differ by up to {apart:.1f} nm; select or sort bands alike"
            )


def _tensors(cube: Cube) -> tuple[Float[Tensor, "L H W"], Bool[Tensor, "H W"]]:
    loaded = cube.load()
    return torch.from_numpy(np.asarray(loaded.values[:, :, :])), torch.from_numpy(loaded.valid)


def _range(scene: Comparison) -> tuple[float, float]:
    """The truth's minimum over valid pixels, and how far its maximum lies above it."""
    low, high = (float(extreme) for extreme in scene.truth[:, scene.valid].aminmax())
    if low == high:
        raise ValueError("the truth is constant, which the paper's protocol cannot scale; choose another protocol")
    return low, high - low
