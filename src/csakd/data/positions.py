"""The eight ways to lay an image on its grid."""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Shaped
from torch import Tensor


class Position(NamedTuple):
    """Turned by quarters, then perhaps flipped."""

    quarters: int
    flipped: bool

    def __call__(self, image: Shaped[Tensor, "*any H W"]) -> Tensor:
        turned = image.rot90(self.quarters, (-2, -1))
        return turned.flip(-1) if self.flipped else turned

    def back(self, image: Shaped[Tensor, "*any H W"]) -> Tensor:
        return (image.flip(-1) if self.flipped else image).rot90(-self.quarters, (-2, -1))


POSITIONS = [Position(quarters, flipped) for flipped in (False, True) for quarters in range(4)]  # the first: as it is
