"""What a pair says about its own sensors: the spectral response and the PSF, estimated from the two images alone.

Both are regularised least squares in float64 on the equation of HySure's blind estimation (Simões et al. 2015), for
every MSI band: response · LR-HSI = MSI blurred by the PSF and sampled. Constants: chosen on the validation scenes of
docs/diary.md and one of the training scenes, at ratios 2, 4 and 8, Gaussian PSFs of several widths and phases.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from csakd.physics import psf as psfs
from csakd.physics.fourier import mirrored
from csakd.physics.operators import Sensors, SpectralResponse, check_ratio

# Weights of the penalties beside data terms of variance 1.
RESPONSE_SMOOTHNESS = 1e-4
PSF_SMOOTHNESS = 4e-6  # times r⁴
SUM_WEIGHT = 1e4  # of rows that sum to 1, where they must
EXPLAINED = 0.5  # of an MSI band's variance, at least: a band that the HSI does not explain tells nothing of its detail
COMPONENTS = 20  # of the HSI, within which an unknown response is sought
PIXELS_A_COMPONENT = 8  # at least
LEAST_PIXELS = 48  # on the low grid, for response and PSF at once: at 6×6 the guess is worse than none, at 7×7 good


class Calibration(NamedTuple):
    """How MSI bands come from HSI bands: `msi[bands] = gain · response(scene) + offset`.

    Attributes:
        response: (M', L) weights, rows summing to 1, of those MSI bands that the HSI explains.
        bands: (M',) their places in the MSI.
        gain, offset: (M',) from the HSI's units to the MSI's.
    """

    response: SpectralResponse
    bands: NDArray[np.intp]
    gain: NDArray[np.float64]
    offset: NDArray[np.float64]

    def calibrated(self, msi: Float[Tensor, "M H W"]) -> Float[Tensor, "M2 H W"]:
        """The explained bands in the HSI's units: what `response` sees of the scene."""
        bands = msi[torch.as_tensor(self.bands, device=msi.device)]
        gain, offset = (torch.as_tensor(each).to(msi)[:, None, None] for each in (self.gain, self.offset))
        return (bands - offset) / gain


def calibrate(hsi: Float[Tensor, "L h w"], low_msi: Float[Tensor, "M h w"]) -> Calibration:
    """Non-negative weights of the HSI's bands, smooth along the bands, with a free gain and offset an MSI band.

    Each MSI band by itself: min_{x ≥ 0, c} mean (x·hsi + c − band)² + s ‖Δx‖², with both images of variance 1.
    A row is well determined in what it makes of spectra like the scene's, not band by band: neighbouring bands say
    nearly the same.

    Args:
        hsi: LR-HSI.
        low_msi: the MSI as the HSI's spatial response sees it.
    """
    spectra, spectra_mean, _ = _centred(hsi)
    targets, targets_mean, spread = _centred(low_msi)
    weights = _mixtures(spectra, targets)
    missed = np.mean((weights @ spectra - targets) ** 2, axis=1)
    bands = np.flatnonzero((weights.sum(axis=1) > 0) & (missed <= (1 - EXPLAINED) * spread**2))
    offset = targets_mean - weights @ spectra_mean
    return Calibration(SpectralResponse(weights[bands]), bands, weights[bands].sum(axis=1), offset[bands])


def estimate_response(hsi: Float[Tensor, "L h w"], low_msi: Float[Tensor, "M h w"]) -> SpectralResponse:
    """As `calibrate`, for images in the same units: the offset is 0, the gain 1, and every MSI band has its row."""
    spectra, targets = (image.detach().cpu().double().flatten(1).numpy() for image in (hsi, low_msi))
    weights = _mixtures(spectra, targets, sum_weight=SUM_WEIGHT)
    weights[weights.sum(axis=1) <= 0] = 1  # nothing is known of an MSI band without light
    return SpectralResponse(weights)


def estimate_psf(
    hsi: Float[Tensor, "L h w"], msi: Float[Tensor, "M H W"], response: SpectralResponse | None, ratio: int
) -> NDArray[np.float64]:
    """The weights with which low pixels are made of high ones, smooth where the images do not tell.

    With a response, least squares between the MSI and the LR-HSI as that response sees it. Without, between the MSI
    and *any* combination of the LR-HSI's main components and a constant: for every PSF the best combinations are
    known, so response and PSF come from one quadratic problem. HySure alternates between the two instead, which from
    a wrong first PSF drifts off: hundreds of HSI bands learn to reproduce its errors.
    Negative weights are cut off, the rest sums to 1.

    Args:
        hsi: LR-HSI.
        msi: in the HSI's units if `response` is given, else in any.
        response: (M, L), or None if it is not known.
        ratio: r.

    Returns:
        (3r, 3r) weights, on a low pixel's block and one low pixel around it. The paper's Gaussian, scaled with the
        ratio, if the MSI has no detail to tell them by, or the LR-HSI too few pixels to tell them without a response.

    Raises:
        ValueError: if the two grids do not nest.
    """
    side = 3 * check_ratio(ratio)
    if msi.shape[1:] != (ratio * hsi.shape[1], ratio * hsi.shape[2]):
        raise ValueError(
            f"at ratio {ratio} an HSI of {hsi.shape[1]}x{hsi.shape[2]} pixels goes with an MSI of "
            f"{ratio * hsi.shape[1]}x{ratio * hsi.shape[2]}, not {msi.shape[1]}x{msi.shape[2]}"
        )
    if response is None:
        spectra, _, _ = _centred(hsi)
        if spectra.shape[1] < LEAST_PIXELS:
            return psfs.gaussian(ratio)
        rank = min(COMPONENTS, spectra.shape[1] // PIXELS_A_COMPONENT)
        basis = np.linalg.svd(spectra, full_matrices=False)[2][:rank]
        seen = np.zeros((len(msi), spectra.shape[1]))
    else:
        seen, _, _ = _centred(response(hsi.detach().cpu().double()))
        basis = seen[:0]

    gram, cross = np.zeros((side**2, side**2)), np.zeros(side**2)
    for patches, target in zip(_patches(msi, ratio), seen, strict=True):
        power = np.sum(patches**2) / side**2 * len(seen)
        if power > 0:
            unexplained = patches - (patches @ basis.T) @ basis
            gram += unexplained @ unexplained.T / power
            cross += unexplained @ target / power
    if not gram.any():
        return psfs.gaussian(ratio)
    gram += PSF_SMOOTHNESS * ratio**4 * _roughness(side)  # of one blur at two ratios, the roughness falls as r⁻⁴
    # With no response known the least error is sought among weights of sum 1: Lagrange's condition, up to its scale.
    weights = np.clip(np.linalg.solve(gram, np.ones(side**2) if response is None else cross), 0, None)
    return psfs.gaussian(ratio) if weights.sum() <= 0 else np.asarray(weights / weights.sum()).reshape(side, side)


def matched(
    hsi: Float[Tensor, "L h w"], msi: Float[Tensor, "M H W"], sensors: Sensors
) -> tuple[SpectralResponse, Float[Tensor, "M2 H W"]]:
    """A response and an MSI that is what it sees of the scene: as given if the response is known, else estimated.

    The estimate may leave out MSI bands, even all: those that the HSI does not explain.
    """
    if sensors.response is not None:
        return sensors.response, msi
    calibration = calibrate(hsi, sensors.blur(msi))
    return calibration.response, calibration.calibrated(msi)


def _centred(
    image: Float[Tensor, "L h w"],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """(L, n) less its mean, that mean, and the standard deviation; a band constant but for rounding is 0."""
    values = image.detach().cpu().double().flatten(1).numpy()
    mean = values.mean(axis=1)
    centred = values - mean[:, None]
    spread = np.sqrt(np.mean(centred**2, axis=1))
    spread[spread <= 1e-6 * np.abs(mean)] = 0
    centred[spread == 0] = 0
    return centred, mean, spread


def _mixtures(
    spectra: NDArray[np.float64], targets: NDArray[np.float64], sum_weight: float = 0.0
) -> NDArray[np.float64]:
    """(M, L): argmin_{x ≥ 0} mean (x·spectra − target)² + s ‖Δx‖² + w (1 − Σx)² for each target.

    All is scaled so that spectra and targets have mean square 1.
    """
    from scipy.optimize import nnls

    length, pixels = spectra.shape
    weights = np.zeros((len(targets), length))
    unit, units = np.sqrt(np.mean(spectra**2)), np.sqrt(np.mean(targets**2, axis=1))
    if unit > 0:
        smoothness = np.sqrt(RESPONSE_SMOOTHNESS * pixels) * np.diff(np.eye(length), axis=0)
        total = np.full((1, length), np.sqrt(sum_weight * pixels))
        design, triangle = np.linalg.qr(np.vstack([spectra.T / unit, total, smoothness]))
        for band in np.flatnonzero(units):
            observed = design[: pixels + 1].T @ np.append(targets[band], total[0, 0] * unit) / units[band]
            weights[band] = nnls(triangle, observed)[0] * units[band] / unit
    return weights


def _patches(msi: Float[Tensor, "M H W"], ratio: int) -> Iterator[NDArray[np.float64]]:
    """Band by band (9r², n): the high pixels of each low pixel's 3×3 blocks, less each one's mean over low pixels."""
    for band in mirrored(msi.detach().cpu().double(), ratio):
        patches = torch.nn.functional.unfold(band[None, None], 3 * ratio, stride=ratio)[0].numpy()
        centred = patches - patches.mean(axis=1, keepdims=True)
        yield centred * (np.abs(centred).max() > 1e-6 * np.abs(patches).max())  # a constant but for rounding is 0


def _roughness(side: int) -> NDArray[np.float64]:
    """The quadratic form Σ (difference of neighbours)² of a (side, side) array among zeros."""
    steps = np.diff(np.eye(side + 2)[:, 1:-1], axis=0)
    return np.kron(steps.T @ steps, np.eye(side)) + np.kron(np.eye(side), steps.T @ steps)
