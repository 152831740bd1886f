"""A cube as few maps on the high grid, each times a spectrum: hundreds of bands are written out once, at the end."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from csakd.physics import SpatialResponse, upsample


class Factored(NamedTuple):
    """up(low) + Σ_f spectra_f · maps_f; all that is linear is done to the factors.

    Attributes:
        low: an image of all L bands on the low grid.
        spectra: of each of the F maps.
        maps: on the high grid.
    """

    low: Float[Tensor, "B L h w"]
    spectra: Float[Tensor, "B L F"]
    maps: Float[Tensor, "B F H W"]

    @classmethod
    def of(cls, low: Float[Tensor, "B L h w"], size: tuple[int, int]) -> Factored:
        """The image interpolated onto a grid of that size."""
        return cls(low, low.new_zeros(*low.shape[:2], 0), low.new_zeros(len(low), 0, *size))

    def plus(self, spectra: Float[Tensor, "B L F"], maps: Float[Tensor, "B F H W"]) -> Factored:
        """With more maps."""
        return Factored(self.low, torch.cat([self.spectra, spectra], 2), torch.cat([self.maps, maps], 1))

    def sharpened(
        self, spectra: Float[Tensor, "B L F"], maps: Float[Tensor, "B F H W"], seen: Float[Tensor, "B F h w"]
    ) -> Factored:
        """With the detail of more maps: these less what the sensor has `seen` of them, interpolated."""
        return self._replace(low=self.low - banded(spectra, seen)).plus(spectra, maps)

    def along(self, axes: Float[Tensor, "B L K"]) -> Factored:
        """In other directions than those of the bands."""
        return Factored(banded(axes.mT, self.low), axes.mT @ self.spectra, self.maps)

    def back_projected(self, hsi: Float[Tensor, "B L h w"], blur: SpatialResponse, steps: int) -> Factored:
        """Z ← Z + up(X_h − blur(Z)), `steps` times: what the sensor saw stays true of the estimate."""
        missed = hsi - self.seen(blur)
        low = self.low
        for _ in range(steps):
            low = low + missed
            missed = missed - blur.interpolated(missed, self._size)
        return self._replace(low=low)

    def seen(self, blur: SpatialResponse) -> Float[Tensor, "B L h w"]:
        """What the sensor sees of it."""
        return blur.interpolated(self.low, self._size) + banded(self.spectra, blur(self.maps))

    def image(self) -> Float[Tensor, "B L H W"]:
        """All bands of all high pixels."""
        image = upsample(self.low, self._size)
        image.view(*image.shape[:2], -1).baddbmm_(self.spectra, self.maps.flatten(2))
        return image

    @property
    def _size(self) -> tuple[int, int]:
        return (self.maps.shape[-2], self.maps.shape[-1])


def banded(spectra: Float[Tensor, "B L F"], maps: Float[Tensor, "B F rows columns"]) -> Tensor:
    """Σ_f spectra_f · maps_f, on the maps' own grid."""
    return torch.einsum("blf,bfhw->blhw", spectra, maps)
