"""A network on a closed-form base: estimate = base + residual."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from csakd.classical import Base, Classical
from csakd.models.dts import DTS, check_sizes

START = 0.05  # the residual's last convolution starts this small: an untrained network is its base


class Guided(nn.Module):
    """What a closed form already knows is added to what the network learns, and shown to it in place of X_h upsampled.

    The residual comes in units of what is left to explain, and gives up nearly all that the sensor would have seen of
    it: a base that agrees with the LR-HSI keeps agreeing.

    Args:
        network: any DTS.
        base: a key of `csakd.classical.CLASSICAL`.
        psf: (S, S) weights, see `csakd.physics.psf`; None for the paper's Gaussian scaled with the ratio.
    """

    def __init__(self, network: DTS, base: str, psf: NDArray[np.float64] | None = None) -> None:
        super().__init__()
        self.network = network
        self.config = network.config
        self.classical = Classical(base, network.config.ratio, psf)
        last = network.reconstruct[-1]
        assert isinstance(last, nn.Conv2d)
        last.weight.data *= START

    def forward(
        self,
        hsi: Float[Tensor, "B L h w"],
        msi: Float[Tensor, "B M H W"],
        base: Base | None = None,
    ) -> tuple[Float[Tensor, "B L H W"], Float[Tensor, "B C H W"]]:
        """The estimate and Z_fused. `base` is given in training, where it was computed on the whole scene."""
        check_sizes(self.config, hsi, msi)
        base = self.classical.base(hsi, msi) if base is None else base
        residual, fused = self.network(hsi, msi, upsampled=base.estimate)
        return base.estimate + self.classical.unseen(residual * base.unexplained), fused
