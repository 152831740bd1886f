"""The Dual Two-Streamed network (paper Sec. III-A): teacher, student and the large ones are one class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from csakd.models.clra import SLOPE, stream
from csakd.models.csa import FUSIONS
from csakd.models.network import Network, NetworkConfig, resized

# How (X_h up, X_m down, features up) are resampled. The paper says bicubic; its released code mixes.
RESAMPLINGS = {
    "bicubic": ("bicubic", "bicubic", "bicubic"),
    "released": ("bilinear", "bicubic", "nearest"),
}


@dataclass(frozen=True)
class DTSConfig(NetworkConfig):
    """Everything that shapes a DTS network; no weight depends on the ratio.

    Attributes:
        joint_high, joint_low, hsi, msi: CLRAs in the streams Z_hm, Z_mh, Z_h, Z_m; 0 is the head alone.
        width, growth: C, and what each dense convolution adds.
        hsi_groups: groups of the convolutions of Z_h (g_c of Eq. 4).
        fusion: a key of `csakd.models.csa.FUSIONS`.
        resampling: a key of `RESAMPLINGS`.

    Raises:
        ValueError: if a value is out of range.
    """

    joint_high: int
    joint_low: int
    hsi: int
    msi: int
    width: int = 86
    growth: int = 43
    hsi_groups: int = 1
    fusion: str = "csa"
    resampling: str = "bicubic"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_positive("width", "growth", "hsi_groups")
        for name, value, known in (("fusion", self.fusion, FUSIONS), ("resampling", self.resampling, RESAMPLINGS)):
            if value not in known:
                raise ValueError(f"no {name} {value!r}: choose one of {', '.join(known)}")
        if self.width % self.hsi_groups or self.growth % self.hsi_groups:
            raise ValueError(
                f"hsi_groups = {self.hsi_groups}: it must divide width {self.width} and growth {self.growth}"
            )
        if min(self.joint_high, self.joint_low, self.hsi, self.msi) < 0:
            raise ValueError("a stream's depth cannot be negative")


class DTS(Network):
    """LR-HSI and HR-MSI → HR-HSI.

    Four streams see the scene alone and jointly, on the low and on the high grid; a fusion weighs them; two
    convolutions turn features into bands.
    """

    Config: ClassVar[type[DTSConfig]] = DTSConfig

    def __init__(self, config: DTSConfig) -> None:
        super().__init__(config)
        c = config
        both = c.hsi_bands + c.msi_bands
        self.hsi = stream(c.hsi_bands, c.width, c.growth, c.hsi, c.hsi_groups)
        self.msi = stream(c.msi_bands, c.width, c.growth, c.msi)
        self.joint_low = stream(both, c.width, c.growth, c.joint_low)
        self.joint_high = stream(both, c.width, c.growth, c.joint_high)
        self.fusion = FUSIONS[c.fusion](c.width)
        self.reconstruct = nn.Sequential(
            nn.Conv2d(c.width, c.hsi_bands, 3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(c.hsi_bands, c.hsi_bands, 3, padding=1, bias=False),
        )
        self.interpolation, self._down_msi, self._up_features = RESAMPLINGS[c.resampling]

    def damp(self, factor: float) -> None:
        last = self.reconstruct[-1]
        assert isinstance(last, nn.Conv2d)
        last.weight.data *= factor

    def fused(
        self, hsi: Float[Tensor, "B L h w"], msi: Float[Tensor, "B M H W"], upsampled: Float[Tensor, "B L H W"]
    ) -> tuple[Float[Tensor, "B L H W"], Float[Tensor, "B C H W"]]:
        """The estimate and Z_fused, the features that distillation compares."""
        low, high = (hsi.shape[-2], hsi.shape[-1]), (msi.shape[-2], msi.shape[-1])
        own_msi = self.msi(msi)  # Z_m, Eq. 2
        joint_high = self.joint_high(torch.cat([upsampled, msi], 1))  # Z_hm, Eq. 3
        own_hsi = self.hsi(hsi)  # Z_h, Eq. 4
        joint_low = self.joint_low(torch.cat([hsi, resized(msi, low, self._down_msi)], 1))  # Z_mh, Eq. 5
        fused = self.fusion(
            hsi=resized(own_hsi, high, self._up_features),
            msi=own_msi,
            joint_low=resized(joint_low, high, self._up_features),
            joint_high=joint_high,
        )  # Eqs. 8-10
        return self.reconstruct(fused), fused
