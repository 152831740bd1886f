"""Dual-UNet: multistage injection of the MSI's details into the HSI's U-Net (Xiao et al., IEEE TGRS 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from csakd.models.network import Network, NetworkConfig

SLOPE = 0.2  # of every LeakyReLU
COARSEST = 8  # high pixels a pixel of the U-Nets' lowest level spans


@dataclass(frozen=True)
class DualUNetConfig(NetworkConfig):
    """What shapes it; no weight depends on the ratio.

    Attributes:
        width: features at the first level of the HSI's U-Net; all others are multiples of a quarter of it.

    Raises:
        ValueError: if a value is out of range.
    """

    width: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width < 4 or self.width % 4:
            raise ValueError(f"width = {self.width}: it must be a multiple of 4")


class ChannelAttention(nn.Module):
    """A weight in (0, 1) for each channel, from its mean and its maximum over the image."""

    def __init__(self, width: int) -> None:
        super().__init__()
        squeeze, expand = nn.Conv2d(width, width // 4, 1, bias=False), nn.Conv2d(width // 4, width, 1, bias=False)
        self.weigh = nn.Sequential(squeeze, nn.ReLU(), expand)

    def forward(self, features: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C 1 1"]:
        mean, most = features.mean((-2, -1), keepdim=True), features.amax((-2, -1), keepdim=True)
        return (self.weigh(mean) + self.weigh(most)).sigmoid()


class AttentionHead(nn.Module):
    """Both images on the high grid → features: three depths, aggregated, under three parallel attentions.

    Args:
        bands: L + M.
        width: C.
    """

    def __init__(self, bands: int, width: int) -> None:
        super().__init__()
        self.shallow = nn.Sequential(_conv(bands, width), _leaky())
        self.first = _conv(width, width)
        self.second = nn.Sequential(_conv(width, width), _leaky(), _conv(width, width))
        self.third = nn.Sequential(_conv(width, width), _leaky(), _conv(width, width), _leaky(), _conv(width, width))
        self.two, self.three = _conv(2 * width, width), _conv(3 * width, width)
        self.aggregate = nn.Sequential(_conv(3 * width, width), _leaky())
        self.depth_scales, self.attention_scales = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))
        # Published beside the other six and read nowhere: kept for the parameter count alone, it does not learn.
        self.unused_scale = nn.Parameter(torch.ones(1), requires_grad=False)
        self.channels = nn.ModuleList(ChannelAttention(width) for _ in range(3))
        self.pixels = nn.ModuleList(
            nn.Sequential(_conv(width, width // 2), nn.ReLU(), _conv(width // 2, 1), nn.Sigmoid()) for _ in range(3)
        )
        self.merge = nn.Sequential(nn.Conv2d(3 * width, width, 1), _leaky(), _conv(width, width))

    def forward(self, images: Float[Tensor, "B bands H W"]) -> Float[Tensor, "B C H W"]:
        shallow = self.shallow(images)
        first = self.first(shallow)
        second = self.second(first)
        depths = list(map(torch.mul, self.depth_scales, (first, second, self.third(second))))
        two, three = self.two(torch.cat(depths[:2], 1)), self.three(torch.cat(depths, 1))
        features = self.aggregate(torch.cat([depths[0], two, three], 1))
        attended = [
            scale * (channels(features) * pixels(features) * features + features)
            for scale, channels, pixels in zip(self.attention_scales, self.channels, self.pixels, strict=True)
        ]
        return self.merge(torch.cat(attended, 1)) + shallow


class DetailUNet(nn.Module):
    """The MSI's U-Net, without skips: features of its four levels going down, and of three coming up again."""

    def __init__(self, bands: int, width: int) -> None:
        super().__init__()
        c, half = width, width // 2
        down, up = ((bands, half), (half, c), (c, 2 * c), (2 * c, 2 * c)), ((2 * c, c), (c, half), (half, c))
        self.down = nn.ModuleList(_double(inward, outward, outward) for inward, outward in down)
        self.up = nn.ModuleList(_double(inward, inward // 2, outward) for inward, outward in up)

    def forward(self, msi: Float[Tensor, "B M H W"]) -> tuple[list[Tensor], list[Tensor]]:
        down = [self.down[0](msi)]
        for level in self.down[1:]:
            down.append(level(halved(down[-1])))
        up = down[-1:]
        for level in self.up:
            up.append(level(doubled(up[-1])))
        return down, up[1:]


class MainUNet(nn.Module):
    """Features of both images → features, with the MSI's of the same size injected at every level down and up."""

    def __init__(self, width: int) -> None:
        super().__init__()
        c, half = width, width // 2
        down = ((c, c), (3 * half, 2 * c), (3 * c, 4 * c), (6 * c, 4 * c))
        up = ((10 * c, 2 * c), (5 * c, c), (5 * half, c))
        self.down = nn.ModuleList(_double(inward, outward, outward) for inward, outward in down)
        self.up = nn.ModuleList(_double(inward, inward // 2, outward) for inward, outward in up)

    def forward(
        self, features: Float[Tensor, "B C H W"], msi_down: list[Tensor], msi_up: list[Tensor]
    ) -> Float[Tensor, "B C H W"]:
        levels = [self.down[0](features)]
        for level, details in zip(self.down[1:], msi_down[:-1], strict=True):
            levels.append(level(halved(torch.cat([levels[-1], details], 1))))
        deep = levels.pop()
        for level, details in zip(self.up, [msi_down[-1], *msi_up[:-1]], strict=True):
            deep = level(torch.cat([levels.pop(), doubled(torch.cat([deep, details], 1))], 1))
        return deep


class DualUNet(Network):
    """LR-HSI and HR-MSI → HR-HSI, and the estimate before the MSI's details are added.

    The U-Nets' images are continued to multiples of 8 by their edge pixels; as published they take no others. How the
    authors bring X_h to the high grid is in no source known to us: bicubic here. The attentions average over the
    image: cut into tiles, a scene gives a slightly different estimate.
    """

    Config: ClassVar[type[DualUNetConfig]] = DualUNetConfig
    adds_upsampled = True
    early = True

    def __init__(self, config: DualUNetConfig) -> None:
        super().__init__(config)
        c = config.width
        self.head = AttentionHead(config.hsi_bands + config.msi_bands, c)
        self.detail_unet, self.main_unet = DetailUNet(config.msi_bands, c), MainUNet(c)
        self.main = nn.Sequential(_conv(c, c), _leaky(), nn.Conv2d(c, config.hsi_bands, 1))
        self.details = nn.Sequential(_conv(c, c), _leaky(), nn.Conv2d(c, config.hsi_bands, 1))

    def damp(self, factor: float) -> None:
        for bands in (self.main, self.details):
            for parameter in bands[-1].parameters():
                parameter.data *= factor

    def fused(
        self, hsi: Float[Tensor, "B L h w"], msi: Float[Tensor, "B M H W"], upsampled: Float[Tensor, "B L H W"]
    ) -> tuple[Float[Tensor, "B L H W"], Float[Tensor, "B L H W"]]:
        rows, columns = msi.shape[-2:]
        features = self.head(torch.cat([upsampled, msi], 1))
        msi_down, msi_up = self.detail_unet(continued(msi, COARSEST))
        joint = self.main_unet(continued(features, COARSEST), msi_down, msi_up)
        early = upsampled + self.main(joint)[..., :rows, :columns]
        return early + self.details(msi_up[-1])[..., :rows, :columns], early


def continued(image: Float[Tensor, "B C H W"], multiple: int) -> Float[Tensor, "B C H2 W2"]:
    """The image with its last row and column repeated until its size is a multiple."""
    rows, columns = image.shape[-2:]
    return functional.pad(image, (0, -columns % multiple, 0, -rows % multiple), mode="replicate")


def halved(image: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H2 W2"]:
    return functional.avg_pool2d(image, 2)  # what bilinear resizing to half an even size is


def doubled(image: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H2 W2"]:
    """Bilinear, the corners aligned: as published, though pixels are areas everywhere else."""
    size = (2 * image.shape[-2], 2 * image.shape[-1])
    return functional.interpolate(image, size=size, mode="bilinear", align_corners=True)


def _conv(inward: int, outward: int) -> nn.Conv2d:
    return nn.Conv2d(inward, outward, 3, padding=1)


def _leaky() -> nn.LeakyReLU:
    return nn.LeakyReLU(SLOPE)


def _double(inward: int, middle: int, outward: int) -> nn.Sequential:
    return nn.Sequential(_conv(inward, middle), _leaky(), _conv(middle, outward), _leaky())
