"""PZRes-Net: deep progressive zero-centric residual learning (Zhu et al., IEEE TIP 2021).

Three stages add the spatial detail of the MSI to the interpolated HSI, each on more bands than the one before. What
a convolution sees has mean zero over the image, so that it looks at detail alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from csakd.models.network import Network, NetworkConfig

LAYERS = 8  # dense layers a stage


@dataclass(frozen=True)
class PZResNetConfig(NetworkConfig):
    """What shapes it; no weight depends on the ratio.

    Attributes:
        widths: bands each stage works on; the last must be L. Empty for L/4, L/2 and L, rounded, which are the
            published 8, 16 and 31 at 31 bands.

    Raises:
        ValueError: if a value is out of range.
    """

    widths: Sequence[int] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        bands = self.hsi_bands
        widths = tuple(self.widths) or (max(1, round(bands / 4)), max(1, round(bands / 2)), bands)
        object.__setattr__(self, "widths", widths)  # a tuple, where JSON gave a list
        if widths[-1] != bands or not 1 <= min(widths) <= max(widths) <= bands:
            raise ValueError(f"widths = {widths}: each lies between 1 and {bands}, the last is {bands}")


class DenseLayer(nn.Module):
    """Two convolutions, 1×1 and 3×3, each of what has mean zero.

    Args:
        inward, outward: channels.
        positive: whether a ReLU follows.
    """

    def __init__(self, inward: int, outward: int, positive: bool = True) -> None:
        super().__init__()
        self.mix = nn.Conv2d(inward, outward, 1)
        self.look = nn.Conv2d(outward, outward, 3, padding=1)
        self.positive = positive

    def forward(self, features: Float[Tensor, "B inward H W"]) -> Float[Tensor, "B outward H W"]:
        features = self.mix(_zero_mean(features)).relu()
        features = self.look(_zero_mean(features))
        return features.relu() if self.positive else features


class Stage(nn.Module):
    """Densely connected layers on some bands of the HSI and the MSI's side → as many bands of detail.

    Args:
        guides: channels of the MSI's side.
        bands: c, of the HSI.
        unread: channels the last layer emits beside its bands. The published last stage has one; nobody reads it, yet
            it stands in every parameter count. One row of one weight and of one bias here learns nothing for that.
    """

    def __init__(self, guides: int, bands: int, unread: int = 0) -> None:
        super().__init__()
        self.bands = bands
        self.front = nn.Conv2d(guides, bands, 3, padding=1)
        self.grow = nn.ModuleList(DenseLayer(2 * bands * i, 2 * bands) for i in range(1, LAYERS))
        self.last = DenseLayer(2 * bands * LAYERS, bands + unread, positive=False)

    def forward(
        self, hsi_bands: Float[Tensor, "B c H W"], guide: Float[Tensor, "B guides H W"]
    ) -> Float[Tensor, "B c H W"]:
        front = self.front(guide).relu()
        dense = torch.cat([hsi_bands, front], 1)
        for layer in self.grow:
            dense = torch.cat([dense, layer(dense)], 1)
        return self.last(dense)[:, : self.bands].tanh() + front


class PZResNet(Network):
    """LR-HSI and HR-MSI → HR-HSI, and the coarse estimate before its refinement.

    Means are taken over the image: cut into tiles, a scene gives a slightly different estimate. As in the released
    code, the detail is not forced to mean zero, which the paper prints. Its sub-network "scale_learning" is never
    called and left out (194,783 weights at 31 bands). Published for 31 bands: the widths for others are ours.
    """

    Config: ClassVar[type[PZResNetConfig]] = PZResNetConfig
    interpolation = "bilinear"
    adds_upsampled = True
    early = True

    def __init__(self, config: PZResNetConfig) -> None:
        super().__init__(config)
        self.subsets = [subset(config.hsi_bands, width) for width in config.widths]
        last = len(config.widths) - 1
        guides = (config.msi_bands, *(width + config.msi_bands for width in config.widths))
        self.stages = nn.ModuleList(
            Stage(guides[i], width, unread=int(i == last)) for i, width in enumerate(config.widths)
        )
        self.refine = DenseLayer(config.hsi_bands, config.hsi_bands)

    def damp(self, factor: float) -> None:
        stage = self.stages[-1]
        assert isinstance(stage, Stage)
        for layer in (stage.front, stage.last.look, self.refine.look):
            for parameter in layer.parameters():
                parameter.data *= factor

    def fused(
        self, hsi: Float[Tensor, "B L h w"], msi: Float[Tensor, "B M H W"], upsampled: Float[Tensor, "B L H W"]
    ) -> tuple[Float[Tensor, "B L H W"], Float[Tensor, "B L H W"]]:
        centred = _zero_mean(msi)
        details: list[Tensor] = []
        for stage, bands in zip(self.stages, self.subsets, strict=True):
            guide = torch.cat([*details[-1:], centred], 1)
            details.append(stage(upsampled[:, bands], guide))
        coarse = details[-1] + upsampled
        return coarse + self.refine(coarse), coarse


def subset(bands: int, count: int) -> list[int]:
    """`count` of the bands at equal steps from the first, the last one forced to be the last band."""
    return [*(-(-i * bands // count) for i in range(count - 1)), bands - 1]


def _zero_mean(features: Tensor) -> Tensor:
    return features - features.mean((-2, -1), keepdim=True)
