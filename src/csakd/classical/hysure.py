"""HySure: fusion in a spectral subspace under vector total variation (Simões, Bioucas-Dias et al. 2015), by ADMM.

With the scene as mean + E·U (see `csakd.classical.rfuse`), U minimises

    ½‖X_h − blur(EU)‖² + λ_m/2 ‖X_m − R·EU‖² + λ_φ Σ_pixels (Σ_spectra |U's differences along rows and columns|²)^½,

so that all spectra like to have their edges in the same places. ADMM (here SALSA) gives each term a copy of what it
needs of U, V = A·U = (U blurred, U, its differences along rows, along columns), and G is what the copies owe.
What the spectra leave of the LR-HSI is interpolated and added, which HySure does not do.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from csakd.classical.regression import exact
from csakd.classical.rfuse import SPECTRA, subspace
from csakd.physics import Sensors, upsample
from csakd.physics.blind import matched
from csakd.physics.fourier import cropped, mirrored, reach, transfer

# As published for data of maximum 1, but for the step: with 0.05 the stop below comes too early, 1.4 to 2.0 dB lower.
MSI_WEIGHT = 1.0  # λ_m
TV_WEIGHT = 5e-4  # λ_φ
STEP = 0.01  # μ of ADMM: says how fast it converges, not where to
ROUNDS = 200  # at most
TOLERANCE = 1e-3  # stop where a round misses AU = V by no more than this, and moves V by no more, beside V's norm


class Problem(NamedTuple):
    """The data terms, on a torus.

    Attributes:
        low: the LR-HSI's coefficients.
        high: the MSI, less what it sees of the mean spectrum.
        own: R·E, what the MSI sees of each spectrum.
        passed: by the blur, see `csakd.physics.fourier.transfer`.
        ratio: r.
    """

    low: Float[Tensor, "K h w"]
    high: Float[Tensor, "M H W"]
    own: Float[Tensor, "M K"]
    passed: Complex[Tensor, "H W"]
    ratio: int


class Round(NamedTuple):
    """Where ADMM stands: U, A·U, V and G."""

    coefficients: Float[Tensor, "K H W"]
    applied: Float[Tensor, "4 K H W"]
    copies: Float[Tensor, "4 K H W"]
    owed: Float[Tensor, "4 K H W"]


def hysure(hsi: Float[Tensor, "B L h w"], msi: Float[Tensor, "B M H W"], sensors: Sensors) -> Float[Tensor, "B L H W"]:
    """The estimate of the HR-HSI; the response is estimated from the pair if it is not known.

    The MSI is taken to be in the HSI's units if the response is known.
    """
    return torch.stack([_hysure(*scene, sensors).to(hsi) for scene in zip(exact(hsi), exact(msi), strict=True)])


def _hysure(hsi: Float[Tensor, "L h w"], msi: Float[Tensor, "M H W"], sensors: Sensors) -> Float[Tensor, "L H W"]:
    response, msi = matched(hsi, msi, sensors)
    unit = hsi.abs().amax()
    unit = torch.where(unit > 0, unit, 1)
    scene, blur = subspace(hsi / unit, SPECTRA), sensors.blur
    margin = reach(blur)
    high_margin = margin * blur.ratio
    high = mirrored(msi / unit - response(scene.mean), high_margin)
    own = response(scene.spectra[..., None])[..., 0]
    passed = transfer(blur, (high.shape[-2], high.shape[-1]), high)
    problem = Problem(mirrored(scene.coefficients, margin), high, own, passed, blur.ratio)
    start = mirrored(upsample(scene.coefficients, (msi.shape[-2], msi.shape[-1])), high_margin)
    return unit * scene.rebuilt(cropped(minimised(problem, start).coefficients, high_margin))


def minimised(problem: Problem, start: Float[Tensor, "K H W"]) -> Round:
    """ADMM from a first guess at U, until it has converged or for `ROUNDS` rounds."""
    now = first_round(problem, start)
    for _ in range(ROUNDS):
        before, now = now, next_round(problem, now)
        off = max((now.applied - now.copies).norm(), (now.copies - before.copies).norm())
        if off <= TOLERANCE * now.copies.norm():
            break
    return now


def first_round(problem: Problem, coefficients: Float[Tensor, "K H W"]) -> Round:
    """Nothing owed."""
    applied = _applied(problem, coefficients)
    return Round(coefficients, applied, applied, torch.zeros_like(applied))


def next_round(problem: Problem, now: Round) -> Round:
    """One round of ADMM: U from V and G, V from U and G, and what V then owes."""
    coefficients = _coefficients(problem, now.copies + now.owed)
    applied = _applied(problem, coefficients)
    copies = _copies(problem, applied - now.owed)
    return Round(coefficients, applied, copies, now.owed - (applied - copies))


def objective(problem: Problem, coefficients: Float[Tensor, "K H W"]) -> Float[Tensor, ""]:
    """What U minimises."""
    blurred, _, *differences = _applied(problem, coefficients)
    low_error = problem.low - blurred[:, :: problem.ratio, :: problem.ratio]
    high_error = problem.high - torch.einsum("mk,khw->mhw", problem.own, coefficients)
    variation = torch.stack(differences).square().sum((0, 1)).sqrt().sum()
    return (low_error.square().sum() + MSI_WEIGHT * high_error.square().sum()) / 2 + TV_WEIGHT * variation


def _applied(problem: Problem, coefficients: Float[Tensor, "K H W"]) -> Float[Tensor, "4 K H W"]:
    """A·U."""
    size = coefficients.shape[-2:]
    blurred = torch.fft.irfft2(_half(problem.passed) * torch.fft.rfft2(coefficients), s=size)
    rows, columns = (coefficients.roll(-1, axis) - coefficients for axis in (-2, -1))
    return torch.stack([blurred, coefficients, rows, columns])


def _coefficients(problem: Problem, wanted: Float[Tensor, "4 K H W"]) -> Float[Tensor, "K H W"]:
    """argmin_U ‖A·U − wanted‖²."""
    blurred, own, rows, columns = wanted
    plain = own + rows.roll(1, -2) - rows + columns.roll(1, -1) - columns
    passed, size = _half(problem.passed), wanted.shape[-2:]
    down, across = (2 - 2 * torch.cos(2 * torch.pi * torch.arange(n).to(wanted) / n) for n in size)
    power = passed.abs().square() + 1 + down[:, None] + across[: passed.shape[-1]]
    spectrum = passed.conj() * torch.fft.rfft2(blurred) + torch.fft.rfft2(plain)
    return torch.fft.irfft2(spectrum / power, s=size)


def _half(passed: Complex[Tensor, "H W"]) -> Complex[Tensor, "H W2"]:
    """The frequencies that say it all of real images."""
    return passed[:, : passed.shape[-1] // 2 + 1]


def _copies(problem: Problem, wanted: Float[Tensor, "4 K H W"]) -> Float[Tensor, "4 K H W"]:
    """argmin_V of each term at its own copy + STEP/2 ‖V − wanted‖²."""
    copies = wanted.clone()
    sampled = copies[0, :, :: problem.ratio, :: problem.ratio]
    sampled += (problem.low - sampled) / (1 + STEP)

    gram = MSI_WEIGHT * problem.own.mT @ problem.own + STEP * torch.eye(len(problem.low)).to(wanted)
    right = MSI_WEIGHT * torch.einsum("mk,mhw->khw", problem.own, problem.high) + STEP * wanted[1]
    copies[1] = torch.einsum("jk,khw->jhw", torch.linalg.inv(gram), right)

    length = wanted[2:].square().sum((0, 1)).sqrt()
    copies[2:] *= torch.where(length > 0, (1 - TV_WEIGHT / STEP / length).clamp_min(0), 0)
    return copies
