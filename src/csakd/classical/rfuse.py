"""R-FUSE: the pair's Bayesian estimate in a spectral subspace, in closed form (Wei, Dobigeon et al. 2015 and 2016).

The scene is mean + E·U with K spectra E. Its most probable U, given both images and a Gaussian prior N(Ū, Σ) in every
pixel, minimises ½‖X_h − blur(EU)‖² + λ/2 ‖X_m − R·EU‖² + μ/2 ‖U − Ū‖²_Σ (means taken out), whose normal equation is a
Sylvester equation that Fourier transforms solve exactly.

The paper estimates Σ together with U, in many rounds; Yokoya's toolbox (2017) sets Σ = I, which leaves what the MSI
does not see to the interpolated LR-HSI alone (30 to 32 dB at 4 MSI bands where this prior reaches 38 to 43).
Here Σ is the covariance of neighbouring low pixels' differences: detail that the MSI sees brings along the detail that
goes with it in this scene. What the K spectra leave of the LR-HSI is interpolated and added.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from csakd.classical.regression import exact
from csakd.physics import Sensors, SpatialResponse, SpectralResponse, upsample
from csakd.physics.blind import estimate_psf, matched
from csakd.physics.fourier import cropped, folded, mirrored, reach, tiled, transfer

# Chosen on the validation scenes of docs/diary.md, 4 and 6 MSI bands, ratio 4, without noise and with 35 dB.
SPECTRA = 10  # K; 30 gain up to 0.3 dB without noise and lose up to 0.4 dB with it
MSI_WEIGHT = 1.0  # λ, the HSI's noise power over the MSI's
PRIOR_WEIGHT = 1e-5  # μ, the HSI's noise power; the data have mean square 1
LEAST_VARIANCE = 1e-6  # of a direction of Σ, beside all together


class Subspace(NamedTuple):
    """An LR-HSI in its own principal spectra: hsi = mean + spectra·coefficients + rest.

    Attributes:
        mean: the mean spectrum.
        spectra: orthonormal columns, as many as have any energy, at least one, at most the number asked for.
        coefficients: of the LR-HSI.
        rest: what is left of the LR-HSI.
    """

    mean: Float[Tensor, "L 1 1"]
    spectra: Float[Tensor, "L K"]
    coefficients: Float[Tensor, "K h w"]
    rest: Float[Tensor, "L h w"]

    def rebuilt(self, coefficients: Float[Tensor, "K H W"]) -> Float[Tensor, "L H W"]:
        """The high image of these coefficients, the rest interpolated."""
        size = (coefficients.shape[-2], coefficients.shape[-1])
        return self.mean + torch.einsum("lk,khw->lhw", self.spectra, coefficients) + upsample(self.rest, size)


def rfuse(hsi: Float[Tensor, "B L h w"], msi: Float[Tensor, "B M H W"], sensors: Sensors) -> Float[Tensor, "B L H W"]:
    """The estimate of the HR-HSI with the PSF as given; the response is estimated from the pair if it is not known.

    The MSI is taken to be in the HSI's units if the response is known.
    """
    return torch.stack([_rfuse(*scene, sensors).to(hsi) for scene in zip(exact(hsi), exact(msi), strict=True)])


def rfuse_blind(
    hsi: Float[Tensor, "B L h w"], msi: Float[Tensor, "B M H W"], sensors: Sensors
) -> Float[Tensor, "B L H W"]:
    """`rfuse` with PSF and response estimated from the pair, whatever is known of them; only the ratio is believed."""
    ratio, estimates = sensors.blur.ratio, []
    for low, high in zip(exact(hsi), exact(msi), strict=True):
        blur = SpatialResponse(ratio, estimate_psf(low, high, None, ratio))
        estimates.append(_rfuse(low, high, Sensors(blur)).to(hsi))
    return torch.stack(estimates)


def subspace(hsi: Float[Tensor, "L h w"], most: int) -> Subspace:
    """The first principal spectra of an LR-HSI: at most `most`, fewer if it has fewer bands or pixels."""
    mean = hsi.mean((-2, -1), keepdim=True)
    left, strength, _ = torch.linalg.svd((hsi - mean).flatten(1), full_matrices=False)
    noise = torch.finfo(hsi.dtype).eps * hsi.abs().max() * hsi.numel() ** 0.5  # the rounding of a constant scene
    spectra = left[:, : max(1, min(most, int((strength > noise).sum())))]
    coefficients = torch.einsum("lk,lhw->khw", spectra, hsi - mean)
    return Subspace(mean, spectra, coefficients, hsi - mean - torch.einsum("lk,khw->lhw", spectra, coefficients))


def solve_sylvester(
    gram: Float[Tensor, "K K"], right: Float[Tensor, "K H W"], passed: Complex[Tensor, "H W"], ratio: int
) -> Float[Tensor, "K H W"]:
    """U of gram·U + blurᵀ(blur(U)) = right on a torus, exactly.

    The eigenvectors of `gram` part the equation into K; in Fourier space each couples only frequencies that sampling
    makes one, by a matrix of rank 1 beside a multiple of the identity.

    Args:
        gram: symmetric, positive definite.
        right: the right side.
        passed: by the blur, from `csakd.physics.fourier.transfer`.
        ratio: r.
    """
    weights, vectors = torch.linalg.eigh(gram)
    weights = weights[:, None, None]
    spectrum = torch.fft.fft2(torch.einsum("kj,khw->jhw", vectors, right))
    power = folded(passed * passed.conj(), ratio).real
    shared = folded(passed * spectrum, ratio) / (ratio**2 * weights + power)
    spectrum = (spectrum - passed.conj() * tiled(shared, ratio)) / weights
    return torch.einsum("kj,jhw->khw", vectors, torch.fft.ifft2(spectrum).real)


def _rfuse(hsi: Float[Tensor, "L h w"], msi: Float[Tensor, "M H W"], sensors: Sensors) -> Float[Tensor, "L H W"]:
    response, msi = matched(hsi, msi, sensors)
    unit = hsi.square().mean().sqrt()
    unit = torch.where(unit > 0, unit, 1)
    scene = subspace(hsi / unit, SPECTRA)
    return unit * scene.rebuilt(_most_probable(scene, msi / unit, sensors.blur, response))


def _most_probable(
    scene: Subspace, msi: Float[Tensor, "M H W"], blur: SpatialResponse, response: SpectralResponse
) -> Float[Tensor, "K H W"]:
    """The minimising U, found as its distance from Ū, the interpolated coefficients."""
    margin, ratio = reach(blur), blur.ratio
    size = (msi.shape[-2], msi.shape[-1])
    prior_mean = mirrored(upsample(scene.coefficients, size), ratio * margin)
    own = response(scene.spectra[..., None])[..., 0]  # R·E, (M, K)

    passed = transfer(blur, (prior_mean.shape[-2], prior_mean.shape[-1]), prior_mean)
    seen = torch.fft.ifft2(passed * torch.fft.fft2(prior_mean)).real[..., ::ratio, ::ratio]
    low_error = mirrored(scene.coefficients, margin) - seen
    high_error = mirrored(msi - response(scene.mean), ratio * margin) - torch.einsum("mk,khw->mhw", own, prior_mean)
    right = torch.fft.ifft2(passed.conj() * tiled(torch.fft.fft2(low_error), ratio)).real
    right = right + MSI_WEIGHT * torch.einsum("mk,mhw->khw", own, high_error)
    gram = MSI_WEIGHT * own.mT @ own + PRIOR_WEIGHT * torch.linalg.inv(detail_covariance(scene.coefficients))
    return cropped(prior_mean + solve_sylvester(gram, right, passed, ratio), ratio * margin)


def detail_covariance(coefficients: Float[Tensor, "K h w"]) -> Float[Tensor, "K K"]:
    """Σ: the second moments of neighbours' differences, along rows and columns; regular, whatever the scene."""
    steps = torch.cat([coefficients.diff(dim=-2).flatten(1), coefficients.diff(dim=-1).flatten(1)], 1)
    covariance = steps @ steps.mT / max(1, steps.shape[1])
    least = LEAST_VARIANCE * covariance.diagonal().sum() + torch.finfo(steps.dtype).eps
    return covariance + least * torch.eye(len(covariance), dtype=steps.dtype, device=steps.device)
