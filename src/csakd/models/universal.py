"""One network for every sensor: it corrects `hyper-edge` in the pair's canonical form."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from csakd.classical import check_grids
from csakd.classical.canonical import CANONICAL, DIRECTIONS, FORMS, GUIDES, Canonical, canonical
from csakd.models.network import Network, resized
from csakd.physics import SpatialResponse

GATE = 0.25  # of what a network has learnt: less than that carries over to flights it has not seen (docs/diary.md)


class Universal(nn.Module):
    """Takes any bands, units and ratio; no weight depends on them.

    While it learns its corrections count in full, afterwards by the share `GATE`.

    Args:
        network: for `DIRECTIONS` HSI and `GUIDES` MSI bands of the canonical form, whatever its ratio.
        ratio: r of the pairs to come.
        psf: (S, S) weights, see `csakd.physics.psf`; None for the paper's Gaussian scaled with the ratio.
        base: a key of `FORMS`.

    Raises:
        ValueError: if the network has other bands.
    """

    def __init__(
        self, network: Network, ratio: int = 4, psf: NDArray[np.float64] | None = None, base: str = CANONICAL
    ) -> None:
        super().__init__()
        if (network.config.hsi_bands, network.config.msi_bands) != (DIRECTIONS, GUIDES):
            raise ValueError(f"a universal network has {DIRECTIONS} HSI and {GUIDES} MSI bands")
        self.network = network
        self.config = network.config
        self.blur = SpatialResponse(ratio, psf)
        self.base = base

    def at(self, ratio: int, psf: NDArray[np.float64] | None = None) -> Universal:
        """The same network, for pairs of that ratio and PSF."""
        return Universal(self.network, ratio, psf, self.base)

    def on(self, base: str) -> Universal:
        """The same network on another base."""
        return Universal(self.network, self.blur.ratio, self.blur.psf, base)

    def forward(
        self,
        hsi: Float[Tensor, "B N h w"],
        msi: Float[Tensor, "B M H W"],
        form: Canonical | None = None,
    ) -> tuple[Float[Tensor, "B L H W"], Float[Tensor, "B C H W"] | None]:
        """The estimate, and the network's second output. `form`, if given, is the pair's, or in training a crop's."""
        if form is None:
            check_grids(self.blur.ratio, hsi, msi)
            with torch.no_grad(), torch.autocast(hsi.device.type, enabled=False):
                form = canonical(hsi.float(), msi.float(), self.blur, FORMS[self.base])
        size = (form.guides.shape[-2], form.guides.shape[-1])
        # With channels last, narrow convolutions take half the time on a CPU.
        low, guides = (image.contiguous(memory_format=torch.channels_last) for image in (form.low, form.guides))
        learnt, second = self.network.fused(low, guides, resized(low, size, self.network.interpolation))
        with torch.autocast(hsi.device.type, enabled=False):
            return form.corrected(learnt.float() if self.training else GATE * learnt.float()), second
