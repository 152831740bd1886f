"""What every network here is, ours or a competitor's: one call, one kind of configuration."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from csakd.classical import check_grids
from csakd.physics import check_ratio


@dataclass(frozen=True)
class NetworkConfig:
    """What shapes any network; each adds its own fields.

    Attributes:
        hsi_bands, msi_bands: L and M.
        ratio: r, from 2 to 16.

    Raises:
        ValueError: if a value is out of range.
    """

    hsi_bands: int
    msi_bands: int
    ratio: int

    def __post_init__(self) -> None:
        check_ratio(self.ratio)
        self.check_positive("hsi_bands", "msi_bands")

    def check_positive(self, *names: str) -> None:
        for name in names:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} = {getattr(self, name)}: it must be at least 1")


class Network(nn.Module, ABC):
    """(X_h, X_m) → (estimate, what else training needs). A network says how it fuses; what all share is here.

    Attributes:
        Config: the dataclass its constructor takes.
        config: the one it was built from.
        interpolation: how X_h is brought to the high grid where nothing better is at hand.
        adds_upsampled: whether the estimate is X_h on the high grid plus what the network learns.
        early: whether the second output is an earlier estimate, to be held against the truth as well; else it is
            features that distillation compares, or None.
    """

    Config: ClassVar[type[NetworkConfig]]
    interpolation: str = "bicubic"
    adds_upsampled: ClassVar[bool] = False
    early: ClassVar[bool] = False

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config

    @abstractmethod
    def damp(self, factor: float) -> None:
        """Scale what is learnt of the estimate, so that a network on a base can start near it."""

    @abstractmethod
    def fused(
        self, hsi: Float[Tensor, "B L h w"], msi: Float[Tensor, "B M H W"], upsampled: Float[Tensor, "B L H W"]
    ) -> tuple[Float[Tensor, "B L H W"], Float[Tensor, "B C H W"] | None]:
        """What `forward` returns, with X_h on the high grid at hand."""

    def forward(
        self,
        hsi: Float[Tensor, "B L h w"],
        msi: Float[Tensor, "B M H W"],
        upsampled: Float[Tensor, "B L H W"] | None = None,
    ) -> tuple[Float[Tensor, "B L H W"], Float[Tensor, "B C H W"] | None]:
        """Estimate and second output. `upsampled` stands in for X_h interpolated, where something better is at hand.

        Raises:
            ValueError: if the images do not fit the network.
        """
        check_sizes(self.config, hsi, msi)
        if upsampled is None:
            upsampled = resized(hsi, (msi.shape[-2], msi.shape[-1]), self.interpolation)
        return self.fused(hsi, msi, upsampled)


def resized(image: Float[Tensor, "B C rows columns"], size: tuple[int, int], mode: str) -> Tensor:
    """Onto another grid of pixels-as-areas. By size=, never scale_factor=: only so an export keeps sizes dynamic."""
    return functional.interpolate(image, size=size, mode=mode, align_corners=None if mode == "nearest" else False)


def check_sizes(config: NetworkConfig, hsi: Tensor, msi: Tensor) -> None:
    """Raise a ValueError that says what would fit."""
    for name, image, bands in (("HSI", hsi, config.hsi_bands), ("MSI", msi, config.msi_bands)):
        if image.shape[1] != bands:
            raise ValueError(f"this network was built for {bands} {name} bands, the image has {image.shape[1]}")
    check_grids(config.ratio, hsi, msi)
