"""Wald's protocol: one scene becomes the pair that two sensors would have seen, and its own truth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from csakd.cubes import Cube, Pair, Sample
from csakd.physics import psf as psfs
from csakd.physics.operators import SpatialResponse, SpectralResponse, check_ratio, spectral_response

SEEN = 0.99  # a low pixel counts as measured when this share of its PSF fell on valid pixels


def noise_like(image: Float[Tensor, "*any"], snr: float, generator: torch.Generator) -> Float[Tensor, "*any"]:
    """White Gaussian noise at a signal-to-noise ratio in dB (paper Eq. 16, its exponent put right).

    std = sqrt(mean(X²) · 10^(−SNR/10)), over the whole image. Drawn on the generator's device.

    Raises:
        ValueError: if the SNR is not a finite number.
    """
    if not math.isfinite(snr):
        raise ValueError(f"SNR {snr}: it must be a finite number of dB (leave it out for no noise)")
    std = image.square().mean().sqrt() * 10 ** (-snr / 20)
    noise = torch.randn(image.shape, generator=generator, device=generator.device, dtype=image.dtype)
    return noise.to(image.device) * std


def add_noise(
    hsi: Float[Tensor, "*low"],
    msi: Float[Tensor, "*high"],
    snr: float | tuple[float | None, float | None] | None,
    generator: torch.Generator,
) -> tuple[Float[Tensor, "*low"], Float[Tensor, "*high"]]:
    """Both images of a pair with `noise_like` noise, at dB on the HSI (one number) or on (HSI, MSI); None for none."""
    hsi_snr, msi_snr = snr if isinstance(snr, tuple) else (snr, None)
    noisy_hsi = hsi if hsi_snr is None else hsi + noise_like(hsi, hsi_snr, generator)
    return noisy_hsi, msi if msi_snr is None else msi + noise_like(msi, msi_snr, generator)


def observe(
    cube: Cube,
    msi: str | Sequence[tuple[float, float]] | NDArray[np.float64] | SpectralResponse = "tm4",
    ratio: int = 4,
    psf: str | NDArray[np.float64] | None = None,
    snr: float | tuple[float | None, float | None] | None = None,
    seed: int = 0,
) -> Sample:
    """Simulate the LR-HSI and the HR-MSI of a scene (Wald's protocol, paper Sec. IV-A).

    Args:
        cube: the scene, (L, H, W); becomes the truth. Rows and columns beyond a multiple of the ratio are cut off.
        msi: the MSI's bands, see `csakd.physics.operators.spectral_response`.
        ratio: r, from 2 to 16.
        psf: "variance:3", "fwhm:4", "mtf:0.3", a kernel file, or weights as in `csakd.physics.psf`;
            None for the paper's Gaussian (variance 3 at ratio 4), scaled with the ratio.
        snr: noise in dB, on the LR-HSI (one number) or on both (LR-HSI, HR-MSI); None for none.
        seed: of the noise.

    Returns:
        The pair and the (cropped) truth. Invalid pixels stay invalid, in the MSI where they are, in the HSI where
        they held more than 1 % of the PSF.

    Raises:
        ValueError: if an argument is out of range or the scene has no wavelengths where the MSI needs them.
    """
    check_ratio(ratio)
    height, width = (n // ratio * ratio for n in cube.size)
    if not height or not width:
        raise ValueError(
            f"a scene of {cube.size[0]}x{cube.size[1]} pixels is smaller than one low pixel at ratio {ratio}"
        )
    response = spectral_response(msi, cube.bands, cube.wavelengths)
    kernel = psfs.parse(psf, ratio) if isinstance(psf, str) else psfs.gaussian(ratio) if psf is None else psf
    blur = SpatialResponse(ratio, kernel)

    truth = cube.crop(slice(0, height), slice(0, width)).load()
    scene = torch.from_numpy(truth.filled())
    low, high = add_noise(blur(scene), response(scene), snr, torch.Generator().manual_seed(seed))

    assert truth.valid is not None
    seen = blur(torch.from_numpy(truth.valid.astype(np.float64))).numpy() >= SEEN
    hsi = replace(
        truth, values=low.numpy(), valid=seen, georeference=truth.georeference and truth.georeference.scaled(ratio)
    )
    msi_cube = replace(truth, values=high.numpy(), wavelengths=response.centres, fwhm=response.widths)
    return Sample(Pair(hsi.load(), msi_cube.load(), kernel, response.matrix), truth)
