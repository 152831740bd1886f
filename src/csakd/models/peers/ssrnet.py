"""SSRNET: spatial-spectral reconstruction after cross-mode message inserting (Zhang et al., IEEE TGRS 2021).

Built from our knowledge of the paper, not from a listing. Of these points we are unsure: the ReLU after the first
convolution, that X_h is interpolated bilinearly, and the exact places of the inserted bands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from csakd.models.network import Network, NetworkConfig


@dataclass(frozen=True)
class SSRNetConfig(NetworkConfig):
    """What shapes it; no weight depends on the ratio.

    Raises:
        ValueError: if a value is out of range, or the MSI has more bands than the HSI.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.msi_bands > self.hsi_bands:
            raise ValueError(
                f"msi_bands = {self.msi_bands}: SSRNET puts them in place of HSI bands, of which there are "
                f"{self.hsi_bands}"
            )


class SSRNet(Network):
    """LR-HSI and HR-MSI → HR-HSI, and the estimate after the spatial step.

    Every layer ends in a ReLU, so no estimate is below zero: it wants images scaled without an offset. As published
    the spatial step also learns from the differences of neighbouring pixels of its estimate, the spectral step from
    those of neighbouring bands: losses, and so no part of this file.
    """

    Config: ClassVar[type[SSRNetConfig]] = SSRNetConfig
    interpolation = "bilinear"
    early = True

    def __init__(self, config: SSRNetConfig) -> None:
        super().__init__(config)
        bands = config.hsi_bands
        self.inserted = inserted(bands, config.msi_bands)
        self.fuse, self.spatial, self.spectral = (nn.Conv2d(bands, bands, 3, padding=1) for _ in range(3))

    def damp(self, factor: float) -> None:
        # The later steps see what the first one made, so that they shrink with it but for their biases.
        for parameter in (self.fuse.weight, *(step.bias for step in (self.fuse, self.spatial, self.spectral))):
            assert parameter is not None
            parameter.data *= factor

    def fused(
        self, hsi: Float[Tensor, "B L h w"], msi: Float[Tensor, "B M H W"], upsampled: Float[Tensor, "B L H W"]
    ) -> tuple[Float[Tensor, "B L H W"], Float[Tensor, "B L H W"]]:
        mixed = upsampled.clone()
        mixed[:, self.inserted] = msi.to(mixed)
        fused = self.fuse(mixed).relu()
        sharp = fused + self.spatial(fused).relu()
        return sharp + self.spectral(sharp).relu(), sharp


def inserted(hsi_bands: int, msi_bands: int) -> list[int]:
    """The HSI bands that MSI bands stand in for: at equal steps from the first, the last one for the last."""
    return [*(hsi_bands * i // (msi_bands - 1) for i in range(msi_bands - 1)), hsi_bands - 1]
