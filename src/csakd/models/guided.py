"""A network on a closed-form base: estimate = base + residual."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from csakd.classical import ClosedForm
from csakd.classical.regression import moments, ridge
from csakd.models.dts import DTS, check_sizes

START = 0.05  # the residual's last convolution starts this small: an untrained network is its base


class Guided(nn.Module):
    """What a closed form already knows is added to what the network learns, and shown to it in place of X_h upsampled.

    The residual gives up what the sensor would have seen of it, but for a few per cent: a base that agrees with the
    LR-HSI keeps agreeing.

    Args:
        network: any DTS.
        base: a key of `csakd.classical.CLOSED_FORMS`.
        psf: (S, S) weights, see `csakd.physics.psf`; None for the paper's Gaussian scaled with the ratio.
    """

    def __init__(self, network: DTS, base: str, psf: NDArray[np.float64] | None = None) -> None:
        super().__init__()
        self.network = network
        self.config = network.config
        self.base = ClosedForm(base, network.config.ratio, psf)
        last = network.reconstruct[-1]
        assert isinstance(last, nn.Conv2d)
        last.weight.data *= START

    def forward(
        self,
        hsi: Float[Tensor, "B L h w"],
        msi: Float[Tensor, "B M H W"],
        base: Float[Tensor, "B L H W"] | None = None,
    ) -> tuple[Float[Tensor, "B L H W"], Float[Tensor, "B C H W"]]:
        """The estimate and Z_fused. `base` is given in training, where it was computed on the whole scene."""
        check_sizes(self.config, hsi, msi)
        with torch.no_grad(), torch.autocast(hsi.device.type, enabled=False):
            base = self.base(hsi, msi)[0] if base is None else base
            size = unexplained(hsi, self.base.blur(msi))
        residual, fused = self.network(hsi, msi, upsampled=base)
        return base + self.base.unseen(residual * size), fused


def unexplained(hsi: Float[Tensor, "B L h w"], low: Float[Tensor, "B M h w"]) -> Float[Tensor, "B L 1 1"]:
    """RMS of what a linear regression on the observed MSI leaves of each band: the size of what there is to learn.

    Scenes and bands differ in it tenfold; a residual in its units carries over from one to the other.
    """
    mean, std = moments(low)
    centred = hsi - hsi.mean((-2, -1), keepdim=True)
    features = (low - mean) / std
    rest = centred - torch.einsum("blf,bfhw->blhw", ridge(features, centred, 1e-5), features)
    return rest.square().mean((-2, -1), keepdim=True).sqrt()
