"""SFIM-HS: smoothing-filter-based intensity modulation (Liu 2000), hypersharpened (Selva et al. 2015)."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from csakd.classical.glp import modulated
from csakd.classical.regression import exact
from csakd.physics import Sensors, upsample


def sfim(hsi: Float[Tensor, "B L h w"], msi: Float[Tensor, "B M H W"], sensors: Sensors) -> Float[Tensor, "B L H W"]:
    """Each band gets its own sharp image, a non-negative mixture of MSI bands and a constant, and is modulated by it.

    The low-pass is the PSF; the LR-HSI and the low-pass are interpolated bicubically where Yokoya's toolbox (2017)
    repeats pixels. A band of negative values finds no such mixture, and is only interpolated.
    """
    size = (msi.shape[-2], msi.shape[-1])
    low = _with_constant(sensors.blur(msi))
    weights = torch.stack([mixtures(*scene) for scene in zip(low, hsi, strict=True)])
    sharp = torch.einsum("blf,bfhw->blhw", weights, _with_constant(msi))
    smooth = upsample(torch.einsum("blf,bfhw->blhw", weights, low), size)
    return modulated(upsample(hsi, size), sharp, smooth)


def mixtures(features: Float[Tensor, "F h w"], targets: Float[Tensor, "L h w"]) -> Float[Tensor, "L F"]:
    """argmin_{W ≥ 0} ‖targets − W·features‖², each target by itself."""
    from scipy.optimize import nnls

    x, y = exact(features).flatten(1), exact(targets).flatten(1)
    scale = x.square().mean(1, keepdim=True).sqrt()
    scale = torch.where(scale > 0, scale, 1)
    # An orthogonal change of coordinates leaves F equations of h·w, and every distance as it was.
    basis, triangle = torch.linalg.qr((x / scale).mT)
    design, observed = triangle.cpu().numpy(), (y @ basis).cpu().numpy()
    weights = np.stack([nnls(design, band)[0] for band in observed])
    return torch.as_tensor(weights).to(targets) / scale.mT.to(targets)


def _with_constant(bands: Float[Tensor, "B M H W"]) -> Float[Tensor, "B F H W"]:
    """A last band of ones, in the units of the others."""
    return torch.cat([bands, torch.ones_like(bands[:, :1])], 1)
