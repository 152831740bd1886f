"""MSSJFL: multiscale spatial-spectral joint feature learning (Min et al., HPCC 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from csakd.models.network import Network, NetworkConfig, resized

REDUCTION = 16  # of the channels inside a channel attention


@dataclass(frozen=True)
class MSSJFLConfig(NetworkConfig):
    """What shapes it; the weights depend on the ratio.

    Attributes:
        fh: features of the two paths on the low grid.
        fm: features of the two paths on the high grid; 32 in the authors' code, 64 in the CSAKD paper's Table I.
        blocks: residual blocks a path.
        slope: of the leaky ReLU inside the residual blocks. The published call gives 1, the identity, where 0.01 must
            have been meant: between its attentions a block is linear.
        init_std: of the normal distribution that initial weights are drawn from, 0 for PyTorch's own initialisation.
            The published 0.05 starts far too bright, at 172 bands tens of times the images.

    Raises:
        ValueError: if a value is out of range.
    """

    fh: int = 256
    fm: int = 64
    blocks: int = 5
    slope: float = 1.0
    init_std: float = 0.05

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_positive("blocks")
        if min(self.fh, self.fm) < REDUCTION:
            raise ValueError(f"fh = {self.fh}, fm = {self.fm}: both must be at least {REDUCTION}")
        if not 0 <= self.slope <= 1:
            raise ValueError(f"slope = {self.slope}: it lies between 0 and 1")
        if self.init_std < 0:
            raise ValueError(f"init_std = {self.init_std}: it cannot be negative")


class ChannelAttention(nn.Module):
    """Each channel times a weight in (0, 1), from its mean and its maximum over the image."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weigh = nn.Sequential(
            nn.Linear(width, width // REDUCTION), nn.ReLU(), nn.Linear(width // REDUCTION, width)
        )

    def forward(self, features: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        weights = self.weigh(features.mean((-2, -1))) + self.weigh(features.amax((-2, -1)))
        return features * weights.sigmoid()[:, :, None, None]


class SpatialAttention(nn.Module):
    """Each pixel times a weight in (0, 1), from the mean and the maximum over channels around it."""

    def __init__(self) -> None:
        super().__init__()
        self.weigh = nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, features: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        seen = torch.cat([features.mean(1, keepdim=True), features.amax(1, keepdim=True)], 1)
        return features * self.weigh(seen).sigmoid()


class Path(nn.Module):
    """Bands → features: a pointwise head, and residual blocks with attention beside an identity.

    Args:
        bands: of its input.
        width: C.
        channels, pixels: which attentions its blocks have.
    """

    def __init__(self, bands: int, width: int, config: MSSJFLConfig, *, channels: bool, pixels: bool) -> None:
        super().__init__()

        def block() -> Residual:
            attentions = ([ChannelAttention(width)] if channels else []) + ([SpatialAttention()] if pixels else [])
            return Residual(width, config.slope, attentions)

        self.head = nn.Sequential(nn.Conv2d(bands, width, 1), nn.LeakyReLU())
        self.blocks = nn.Sequential(*(block() for _ in range(config.blocks)))

    def forward(self, image: Float[Tensor, "B bands H W"]) -> Float[Tensor, "B C H W"]:
        shallow = self.head(image)
        return shallow + self.blocks(shallow)


class Residual(nn.Module):
    """x + attention(conv(conv(x)))."""

    def __init__(self, width: int, slope: float, attentions: Sequence[nn.Module]) -> None:
        super().__init__()
        self.deepen = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1),
            nn.LeakyReLU(slope),
            nn.Conv2d(width, width, 3, padding=1),
            *attentions,
        )

    def forward(self, features: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        return features + self.deepen(features)


class Restoration(nn.Module):
    """What learnt sensors would see of a fused image is held against the pair; the difference is led back."""

    def __init__(self, hsi_bands: int, msi_bands: int, ratio: int) -> None:
        super().__init__()
        self.blur = nn.Sequential(nn.Conv2d(hsi_bands, hsi_bands, ratio, stride=ratio), nn.LeakyReLU())
        self.spread = nn.ConvTranspose2d(hsi_bands, hsi_bands, ratio, stride=ratio)
        self.project = nn.Sequential(nn.Conv2d(hsi_bands, msi_bands, 1), nn.LeakyReLU())
        self.lift = nn.Conv2d(msi_bands, hsi_bands, 1)

    def forward(
        self, fused: Float[Tensor, "B L H W"], hsi: Float[Tensor, "B L h w"], msi: Float[Tensor, "B M H W"]
    ) -> Float[Tensor, "B L H W"]:
        return fused + self.spread(hsi - self.blur(fused)) + self.lift(msi - self.project(fused))


class MSSJFL(Network):
    """LR-HSI and HR-MSI → HR-HSI: four paths (both images on either grid, each on its own), summed and restored.

    Its channel attention averages over the image: cut into tiles, a scene gives a slightly different estimate.
    """

    Config: ClassVar[type[MSSJFLConfig]] = MSSJFLConfig
    interpolation = "bilinear"

    def __init__(self, config: MSSJFLConfig) -> None:
        super().__init__(config)
        c, both, unfolded = config, config.hsi_bands + config.msi_bands, config.ratio**2 * config.fh
        self.joint_low = nn.Sequential(
            Path(both, c.fh, c, channels=True, pixels=True), nn.Conv2d(c.fh, unfolded, 1), nn.PixelShuffle(c.ratio)
        )
        self.joint_high = Path(both, c.fm, c, channels=True, pixels=True)
        self.hsi = nn.Sequential(
            Path(c.hsi_bands, c.fh, c, channels=True, pixels=False),
            nn.Conv2d(c.fh, unfolded, 1),
            nn.PixelShuffle(c.ratio),
        )
        self.msi = Path(c.msi_bands, c.fm, c, channels=False, pixels=True)
        self.joint_low_bands = nn.Conv2d(c.fh, c.hsi_bands, 1)
        self.joint_high_bands = nn.Sequential(nn.Conv2d(c.fm, c.hsi_bands, 1), nn.LeakyReLU())
        self.own_bands = nn.Sequential(nn.Conv2d(c.fh + c.fm, c.hsi_bands, 3, padding=1), nn.LeakyReLU())
        self.restoration = Restoration(c.hsi_bands, c.msi_bands, c.ratio)
        if c.init_std > 0:
            for module in self.modules():
                if isinstance(module, nn.Conv2d | nn.Linear):
                    assert module.bias is not None
                    nn.init.normal_(module.weight, std=c.init_std)
                    nn.init.zeros_(module.bias)

    def damp(self, factor: float) -> None:
        last = (self.joint_low_bands, self.joint_high_bands, self.own_bands)
        for layer in (*last, self.restoration.spread, self.restoration.lift):
            for parameter in layer.parameters():
                parameter.data *= factor

    def fused(
        self, hsi: Float[Tensor, "B L h w"], msi: Float[Tensor, "B M H W"], upsampled: Float[Tensor, "B L H W"]
    ) -> tuple[Float[Tensor, "B L H W"], None]:
        msi_low = resized(msi, (hsi.shape[-2], hsi.shape[-1]), "bicubic")
        joint_low = self.joint_low_bands(self.joint_low(torch.cat([hsi, msi_low], 1)))
        joint_high = self.joint_high_bands(self.joint_high(torch.cat([msi, upsampled], 1)))
        own = self.own_bands(torch.cat([self.hsi(hsi), self.msi(msi)], 1))
        return self.restoration(joint_low + joint_high + own, hsi, msi), None
