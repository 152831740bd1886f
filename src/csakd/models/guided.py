"""A network on a closed-form base: estimate = base + residual."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from csakd.classical import Base, Classical
from csakd.models.network import Network, check_sizes

START = 0.05  # what is learnt starts this small: an untrained network is its base


class Guided(nn.Module):
    """What a closed form already knows is added to what the network learns, and shown to it in place of X_h upsampled.

    The residual comes in units of what is left to explain, and gives up nearly all that the sensor would have seen of
    it: a base that agrees with the LR-HSI keeps agreeing.

    Args:
        network: any.
        base: a key of `csakd.classical.CLASSICAL`.
        psf: (S, S) weights, see `csakd.physics.psf`; None for the paper's Gaussian scaled with the ratio.
    """

    def __init__(self, network: Network, base: str, psf: NDArray[np.float64] | None = None) -> None:
        super().__init__()
        self.network = network
        self.config = network.config
        self.classical = Classical(base, network.config.ratio, psf)
        network.damp(START)

    def forward(
        self,
        hsi: Float[Tensor, "B L h w"],
        msi: Float[Tensor, "B M H W"],
        base: Base | None = None,
    ) -> tuple[Float[Tensor, "B L H W"], Float[Tensor, "B C H W"] | None]:
        """The estimate, and the network's second output. `base` is given in training, where it is the whole scene's."""
        check_sizes(self.config, hsi, msi)
        base = self.classical.base(hsi, msi) if base is None else base
        learnt, second = self.network(hsi, msi, upsampled=base.estimate)
        early = self.network.early and second is not None
        return self._on(base, learnt), self._on(base, second) if early else second

    def _on(self, base: Base, learnt: Float[Tensor, "B L H W"]) -> Float[Tensor, "B L H W"]:
        residual = learnt - base.estimate if self.network.adds_upsampled else learnt
        return base.estimate + self.classical.unseen(residual * base.unexplained)
