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
        turned = _turned(image, self.quarters)
        return turned.flip(-1) if self.flipped else turned

    def back(self, image: Shaped[Tensor, "*any H W"]) -> Tensor:
        return _turned(image.flip(-1) if self.flipped else image, -self.quarters)


def _turned(image: Shaped[Tensor, "*any H W"], quarters: int) -> Tensor:
    return image.rot90(quarters, (-2, -1)) if quarters else image  # by none, it would be copied


POSITIONS = [Position(quarters, flipped) for flipped in (False, True) for quarters in range(4)]  # the first: as it is
