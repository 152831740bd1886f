"""GSA-HS: adaptive Gram-Schmidt (Aiazzi et al. 2007), each group of HSI bands sharpened by one MSI band."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from csakd.classical.glp import covariance
from csakd.classical.regression import moments, ridge
from csakd.physics import Sensors, upsample

# Of the intensity's regression on a group of bands: groups hold more bands than a few hundred pixels can tell apart.
RIDGE = 1e-5


def gsa(hsi: Float[Tensor, "B L h w"], msi: Float[Tensor, "B M H W"], sensors: Sensors) -> Float[Tensor, "B L H W"]:
    """A group's intensity, the combination of its bands most like the MSI band, gives way to that MSI band.

    The low MSI is the PSF's where Yokoya's toolbox (2017) resizes bilinearly. An HSI band goes to the MSI band with
    which it correlates most, in either direction.
    """
    base = upsample(hsi, (msi.shape[-2], msi.shape[-1]))
    low = sensors.blur(msi)
    (mean, std), (own_mean, own_std) = moments(low), moments(hsi)
    pans, bands = (low - mean) / std, (hsi - own_mean) / own_std
    sharp, spread = (msi - mean) / std, (base - own_mean) / own_std

    estimate = base
    nearest = torch.einsum("blhw,bmhw->blm", bands, pans).abs().argmax(-1)
    for index in range(msi.shape[1]):
        members = (nearest == index)[:, :, None, None]
        weights = ridge(torch.where(members, bands, 0), pans[:, [index]], RIDGE)
        intensity = torch.einsum("bol,blhw->bohw", weights, spread)
        gain = covariance(base, intensity) / covariance(intensity, intensity).clamp_min(torch.finfo(hsi.dtype).tiny)
        estimate = estimate + torch.where(members, gain, 0) * (sharp[:, [index]] - intensity)
    return estimate
