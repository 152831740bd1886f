"""White noise found in a pair and taken out of it; a pair without noise stays nearly as it is.

An LR-HSI has many bands and few materials, an HR-MSI many patches that are alike: signal lies in few principal
components of either, white noise in all of them.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from csakd.classical.regression import exact
from csakd.physics import SpatialResponse

NEIGHBOURS = 24  # bands that one band is predicted from
PATCH = 5  # pixels of a patch's side
LEAST_OVERLAP = 0.02  # correlation of neighbouring low pixels with which to tell the scene's own noise
GROUPS = 16  # of patches with equally strong structure
NONE = 1e-3  # of an MSI band's deviation: less than that may be a PSF mistaken by a thousandth
FEWEST = 8  # bands or low pixels with which noise can be told from signal


def denoised(
    hsi: Float[Tensor, "B L h w"], msi: Float[Tensor, "B M H W"], blur: SpatialResponse, border: int = 0
) -> tuple[Float[Tensor, "B L h w"], Float[Tensor, "B M H W"]]:
    """Both images of each pair, as they would be without noise.

    Args:
        border: low pixels along the sides of a part of a scene, which saw what lies beyond it.
    """
    pairs = [_denoised(*pair, blur, border) for pair in zip(hsi, msi, strict=True)]
    return torch.stack([pair[0] for pair in pairs]), torch.stack([pair[1] for pair in pairs])


def _denoised(
    hsi: Float[Tensor, "L h w"], msi: Float[Tensor, "M H W"], blur: SpatialResponse, border: int
) -> tuple[Float[Tensor, "L h w"], Float[Tensor, "M H W"]]:
    spectra = exact(hsi).flatten(1)
    bands, pixels = spectra.shape
    if min(bands, pixels) < FEWEST:
        return hsi, msi
    mean = spectra.mean(1, keepdim=True)
    noise = _unpredicted(spectra - mean)
    white = (spectra - mean) / noise
    variance, basis = torch.linalg.eigh(white @ white.mT / pixels)
    gain = _kept(variance, bands / pixels)
    scores = basis.mT @ white
    struck = basis @ ((1 - gain)[:, None] * scores)
    sensor = 1 - _blurred_share(struck.view_as(hsi), blur)
    clean = spectra - sensor * noise * struck

    inside = (slice(None), *(slice(border, length - border) for length in hsi.shape[1:]))
    known, low = scores.view_as(hsi)[inside].flatten(1), exact(blur(msi))[inside].flatten(1)
    level = _unshared(known[-min(bands, known.shape[1] // 2) :], low).to(msi) / float((blur.psf**2).sum())
    if _some(level, msi):  # else there is no need to look further
        level = torch.minimum(level, flattest(msi))
    if _some(level, msi):
        msi = _filtered(msi, level)
    return clean.to(hsi).view_as(hsi), msi


def standing_out(image: Float[Tensor, "B L h w"], noise: Float[Tensor, "B L 1 1"]) -> Float[Tensor, "B L h w"]:
    """What of an image is more than noise: its principal components, each less its share of it (Wiener).

    Args:
        image: of mean 0.
        noise: deviation in each band; where it is 0 in all, everything stands out.
    """
    bands = exact(image).flatten(2)
    least = 1e-6 * bands.square().mean(2, keepdim=True).sqrt().amax(1, keepdim=True)
    unit = torch.maximum(exact(noise).flatten(2), least.clamp(min=torch.finfo(bands.dtype).tiny))
    white = bands / unit
    variance, basis = torch.linalg.eigh(white @ white.mT / bands.shape[-1])
    gain = (1 - 1 / variance.clamp(min=1))[:, None]
    return (unit * ((basis * gain @ basis.mT) @ white)).to(image).view_as(image)


def _blurred_share(noise: Float[Tensor, "L h w"], blur: SpatialResponse) -> float:
    """How much of it came through the optics, from 0 to 1: noise of the scene's own, which is to stay.

    Neighbours share of it what their PSFs have in common; the sensor's noise is white.
    """
    if min(noise.shape[1:]) < 2:
        return 0.0
    square = noise.square().mean()
    neighbours = ((noise[:, 1:] * noise[:, :-1]).mean() + (noise[..., 1:] * noise[..., :-1]).mean()) / 2
    psf, ratio = blur.psf, blur.ratio
    overlap = (psf[ratio:] * psf[:-ratio]).sum() + (psf[:, ratio:] * psf[:, :-ratio]).sum()
    expected = overlap / 2 / (psf**2).sum()
    return float((neighbours / square / expected).clamp(0, 1)) if expected > LEAST_OVERLAP and square > 0 else 0.0


def _unpredicted(bands: Float[Tensor, "L n"]) -> Float[Tensor, "L 1"]:
    """Standard deviation of what a regression of each band on those beside it leaves (Roger and Arnold 1996)."""
    count, pixels = bands.shape
    reach = min(NEIGHBOURS, count - 1, pixels // 4)
    scale = bands.square().mean(1, keepdim=True).sqrt()
    scale = torch.where(scale > 0, scale, 1)
    gram = (bands / scale) @ (bands / scale).mT / pixels
    band = torch.arange(count, device=bands.device)
    nearest = (band[:, None] - band).abs().argsort(dim=1, stable=True)[:, 1 : reach + 1]
    among = gram[nearest[:, :, None], nearest[:, None]] + 1e-9 * torch.eye(reach).to(gram)
    towards = gram[band[:, None], nearest][..., None]
    left = gram.diagonal() - (towards * torch.linalg.solve(among, towards)).sum((1, 2))
    return scale * (left * pixels / (pixels - reach)).clamp(min=1e-12).sqrt()[:, None]


def _unshared(scores: Float[Tensor, "K n"], low: Float[Tensor, "M n"]) -> Float[Tensor, " M"]:
    """Variance of the noise of each MSI band, blurred, from what the HSI does not know of it.

    Of a pair whose HSI is clean this is exact, and zero for a clean MSI. Where the HSI has noise too, its share is
    taken off, but no more than half: what seems noise of a band may be the scene's own.

    Args:
        scores: of the HSI, with noise of variance 1.
    """
    low = low - low.mean(1, keepdim=True)
    scores = scores - scores.mean(1, keepdim=True)
    weights = torch.linalg.lstsq(scores.mT, low.mT).solution if len(scores) else low.new_zeros(0, len(low))
    left = (low - weights.mT @ scores).square().sum(1) / (low.shape[1] - len(scores))
    return torch.maximum(left - weights.square().sum(0), left / 2)


def _some(level: Float[Tensor, " M"], msi: Float[Tensor, "M H W"]) -> bool:
    """Whether any band has noise of that variance worth the name."""
    return bool((level.sqrt() > NONE * (msi - msi.mean((1, 2), keepdim=True)).square().mean((1, 2)).sqrt()).any())


def flattest(msi: Float[Tensor, "M H W"]) -> Float[Tensor, " M"]:
    """Variance of each band's noise: the least of any pattern in the flatter half of patches (Pyatykh et al. 2013)."""
    if min(msi.shape[1:]) < 2 * PATCH:
        return msi.new_zeros(len(msi))
    patches = functional.unfold(msi[:, None], PATCH)
    patches = patches - patches.mean(1, keepdim=True)
    count = min(max(2 * PATCH**2, patches.shape[-1] // 2), patches.shape[-1])
    flat = patches.square().mean(1).topk(count, largest=False, sorted=False).indices
    chosen = patches.gather(2, flat[:, None].expand(-1, PATCH**2, -1))
    variance = torch.linalg.eigvalsh(exact(chosen @ chosen.mT) / chosen.shape[-1])
    return variance[:, 1].clamp(min=0).to(msi)  # the first is the mean's, which was taken out


def _filtered(msi: Float[Tensor, "M H W"], variance: Float[Tensor, " M"]) -> Float[Tensor, "M H W"]:
    """Patches of all bands together, Wiener-filtered twice and averaged where they overlap.

    First all alike; then those with equally strong structure, as the first pass saw it, apart.
    """
    mean = msi.mean((1, 2), keepdim=True)
    scale = variance.sqrt()[:, None, None]
    scale = scale.clamp(min=1e-3 * float(scale.max()))
    margin = PATCH - 1  # mirrored, so that pixels at the border lie in as many patches as others
    grown = functional.pad(((msi - mean) / scale)[None], (margin,) * 4, mode="reflect")
    windows = grown[0].unfold(1, PATCH, 1).unfold(2, PATCH, 1)
    patches = windows.permute(1, 2, 0, 3, 4).reshape(-1, len(msi) * PATCH**2)  # each one piece of memory
    filtered = _wiener(patches)
    by_band = filtered.unflatten(1, (len(msi), -1))
    structure = (by_band - by_band.mean(2, keepdim=True)).square().sum((1, 2))
    for group in structure.argsort().chunk(GROUPS):
        if len(group) > 2 * patches.shape[1]:  # enough of them to tell a covariance
            filtered[group] = _wiener(patches[group])
    total = functional.fold(filtered.mT[None], grown.shape[-2:], PATCH)[0] / PATCH**2
    return total[:, margin:-margin, margin:-margin] * scale + mean


def _wiener(patches: Float[Tensor, "N D"]) -> Float[Tensor, "N D"]:
    """What is best kept of Gaussian patches with noise of variance 1."""
    mean = patches.mean(0)
    centred = patches - mean
    spread, basis = torch.linalg.eigh(exact(centred.mT @ centred) / len(patches))
    gain = _kept(spread, patches.shape[1] / len(patches))[:, None]
    return torch.addmm(mean, centred, (basis @ (gain * basis.mT)).to(patches))


def _kept(variance: Float[Tensor, " D"], beta: float) -> Float[Tensor, " D"]:
    """The best share of each principal component, of D with noise of variance 1 in D / β samples.

    Optimal shrinkage of singular values (Gavish and Donoho 2017, Eq. 7): nothing up to what noise alone would reach.
    """
    inside = ((variance - beta - 1).square() - 4 * beta).clamp(min=0)
    return torch.where(variance > (1 + beta**0.5) ** 2, inside.sqrt() / variance.clamp(min=1e-30), 0)
