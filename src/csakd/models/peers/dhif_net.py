"""DHIF-Net: iterative spatio-spectral regularisation, unrolled (Huang et al., IEEE TCI 2022).

Each stage is a step of gradient descent on ‖R·Z − X_m‖² + ‖Bl·Z − X_h‖² + λ‖Z − U‖², with learnt sensors R and Bl,
and U the last estimate filtered along rows, columns and bands by weights a U-Net chooses for every pixel and band.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from csakd.models.network import Network, NetworkConfig, resized
from csakd.models.peers.dual_unet import continued

TAPS = 7  # of each filter


@dataclass(frozen=True)
class DHIFNetConfig(NetworkConfig):
    """What shapes it; the weights depend on the ratio.

    Attributes:
        stages: steps of the descent.
        widths: features of the U-Net's levels, from the finest.

    Raises:
        ValueError: if a value is out of range.
    """

    stages: int = 4
    widths: Sequence[int] = (64, 128, 256, 512, 512)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_positive("stages")
        object.__setattr__(self, "widths", tuple(self.widths))  # where JSON gave a list
        if len(self.widths) < 2 or min(self.widths) < 1:
            raise ValueError(f"widths = {self.widths}: the U-Net needs two levels or more, each at least 1 wide")


class FilterNet(nn.Module):
    """A U-Net, features → three filters of 7 taps for every pixel and band, along rows, columns and bands.

    The features are continued to multiples of the coarsest level's pixel by their edge pixels; as published the
    U-Net takes no others.
    """

    def __init__(self, bands: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.coarsest = 2 ** (len(widths) - 1)
        self.down = nn.ModuleList(
            _double(inward, width) for inward, width in zip([widths[0], *widths[:-1]], widths, strict=True)
        )
        # The finest level is as wide on the way up as the second.
        rising = [*widths[-2:0:-1], widths[1]]
        below = [widths[-1], *rising[:-1]]
        self.up = nn.ModuleList(
            _double(deep + skip, width) for deep, skip, width in zip(below, widths[-2::-1], rising, strict=True)
        )
        self.heads = nn.ModuleList(_filters(rising[-1], TAPS * bands) for _ in range(3))

    def forward(self, features: Float[Tensor, "B C H W"]) -> list[Float[Tensor, "B T L H W"]]:
        rows, columns = features.shape[-2:]
        levels = [self.down[0](continued(features, self.coarsest))]
        for level in self.down[1:]:
            levels.append(level(functional.avg_pool2d(levels[-1], 2)))
        deep = levels.pop()
        for level in self.up:
            skip = levels.pop()
            deep = resized(deep, (skip.shape[-2], skip.shape[-1]), "bicubic")
            deep = level(torch.cat([skip, deep], 1))
        chosen = [head(deep[..., :rows, :columns]).unflatten(1, (TAPS, -1)) for head in self.heads]
        return [functional.normalize(taps, dim=1) for taps in chosen]


class DHIFNet(Network):
    """LR-HSI and HR-MSI → HR-HSI: the LR-HSI interpolated, and four steps towards what both sensors saw.

    Published for ratios 8 (kernels of 12 pixels) and 16 (two layers of ratio 4, kernels of 6); one such layer is the
    form for ratio 4. For other ratios the rule is ours: kernels reach max(1, r // 4) pixels beyond the low pixel.
    """

    Config: ClassVar[type[DHIFNetConfig]] = DHIFNetConfig
    adds_upsampled = True

    def __init__(self, config: DHIFNetConfig) -> None:
        super().__init__(config)
        bands, msi_bands, width = config.hsi_bands, config.msi_bands, config.widths[0]
        self.project = nn.Sequential(_conv(bands, msi_bands), nn.LeakyReLU())
        self.project_back = nn.Sequential(_conv(msi_bands, bands), nn.LeakyReLU())
        self.blur = _sampling(nn.Conv2d, bands, config.ratio)
        self.blur_back = _sampling(nn.ConvTranspose2d, bands, config.ratio)
        self.look = _conv(bands + msi_bands, width)
        self.gather = nn.ModuleList(_conv(width * stage, width) for stage in range(1, config.stages + 1))
        self.filters = FilterNet(bands, config.widths)
        self.step_sizes = nn.Parameter(torch.empty(config.stages))  # η
        self.prior_weights = nn.Parameter(torch.empty(config.stages))  # λ
        nn.init.normal_(self.step_sizes, 0.1, 0.01)
        nn.init.normal_(self.prior_weights, 1.0, 0.01)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                assert module.bias is not None
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)

    def damp(self, factor: float) -> None:
        self.step_sizes.data *= factor

    def fused(
        self, hsi: Float[Tensor, "B L h w"], msi: Float[Tensor, "B M H W"], upsampled: Float[Tensor, "B L H W"]
    ) -> tuple[Float[Tensor, "B L H W"], None]:
        estimate, seen = upsampled, []
        for step, weight, gather in zip(self.step_sizes, self.prior_weights, self.gather, strict=True):
            misfit = self.project_back(self.project(estimate) - msi) + self.blur_back(self.blur(estimate) - hsi)
            seen.append(self.look(torch.cat([estimate, msi], 1)))
            filtered = filter_along_axes(estimate, *self.filters(gather(torch.cat(seen, 1))))  # U
            estimate = estimate - 2 * step * (misfit + weight * (estimate - filtered))
        return estimate, None


def filter_along_axes(
    image: Float[Tensor, "B L H W"],
    along_rows: Float[Tensor, "B T L H W"],
    along_columns: Float[Tensor, "B T L H W"],
    along_bands: Float[Tensor, "B T L H W"],
) -> Float[Tensor, "B L H W"]:
    """Weighted sums over 7 neighbours in the same row, then in the same column, then in the same pixel's spectrum.

    Past its border an image goes on with its edge pixels; beyond the first and the last band there is zero.
    """
    reach = TAPS // 2
    image = _weighted(functional.pad(image, (reach, reach, 0, 0), mode="replicate"), along_rows, 3)
    image = _weighted(functional.pad(image, (0, 0, reach, reach), mode="replicate"), along_columns, 2)
    return _weighted(functional.pad(image, (0, 0, 0, 0, reach, reach)), along_bands, 1)


def _weighted(padded: Tensor, taps: Tensor, axis: int) -> Tensor:
    length = taps.shape[axis + 1]
    total = taps[:, 0] * padded.narrow(axis, 0, length)
    for tap in range(1, TAPS):
        total = total + taps[:, tap] * padded.narrow(axis, tap, length)
    return total


def _sampling(kind: type[nn.Conv2d] | type[nn.ConvTranspose2d], bands: int, ratio: int) -> nn.Sequential:
    """From the high grid to the low one, or back."""
    layers: list[nn.Module] = []
    for factor in (4, 4) if ratio == 16 else (ratio,):
        reach = max(1, factor // 4)
        layers += [kind(bands, bands, factor + 2 * reach, stride=factor, padding=reach), nn.LeakyReLU()]
    return nn.Sequential(*layers)


def _conv(inward: int, outward: int, side: int = 3) -> nn.Conv2d:
    return nn.Conv2d(inward, outward, side, padding=side // 2)


def _double(inward: int, outward: int) -> nn.Sequential:
    return nn.Sequential(_conv(inward, outward), nn.ReLU(), _conv(outward, outward), nn.ReLU())


def _filters(inward: int, outward: int) -> nn.Sequential:
    return nn.Sequential(
        _conv(inward, outward), nn.ReLU(), _conv(outward, outward), nn.ReLU(), _conv(outward, outward, 1)
    )
