"""Classical fusion: no training, no parameters, the same call as a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from csakd.classical.cnmf import cnmf
from csakd.classical.glp import glp, glp_hpm
from csakd.classical.gsa import gsa
from csakd.classical.hyper import back_project, hyper
from csakd.classical.hyper_edge import hyper_edge, hyper_edge_thorough
from csakd.classical.hysure import hysure
from csakd.classical.regression import unexplained
from csakd.classical.rfuse import rfuse, rfuse_blind
from csakd.classical.sfim import sfim
from csakd.physics import Sensors, SpatialResponse, SpectralResponse, upsample

Formula = Callable[[Tensor, Tensor, Sensors], Tensor]


def bicubic(hsi: Float[Tensor, "B L h w"], msi: Float[Tensor, "B M H W"], sensors: Sensors) -> Float[Tensor, "B L H W"]:
    """The LR-HSI interpolated; the MSI gives only the size."""
    return upsample(hsi, (msi.shape[-2], msi.shape[-1]))


CLASSICAL: dict[str, Formula] = {
    "bicubic": bicubic,
    "gsa": gsa,
    "sfim": sfim,
    "glp": glp,
    "glp-hpm": glp_hpm,
    "rfuse": rfuse,
    "rfuse-blind": rfuse_blind,
    "cnmf": cnmf,
    "hysure": hysure,
    "hyper": hyper,
    "hyper-edge": hyper_edge,
    "hyper-edge-thorough": hyper_edge_thorough,
}


def check_grids(ratio: int, hsi: Tensor, msi: Tensor) -> None:
    """Raise a ValueError that says what would fit, unless the MSI is `ratio` times as fine as the HSI."""
    (rows, columns), (height, width) = hsi.shape[-2:], msi.shape[-2:]
    if (height, width) != (ratio * rows, ratio * columns):
        raise ValueError(
            f"at ratio {ratio} an HSI of {rows}x{columns} pixels goes with an MSI of {ratio * rows}x{ratio * columns}, "
            f"not {height}x{width}"
        )


def check_sensors(sensors: Sensors, hsi: Tensor, msi: Tensor) -> None:
    """`check_grids`, and a ValueError unless the response, if there is one, has the images' bands."""
    check_grids(sensors.blur.ratio, hsi, msi)
    response = sensors.response
    if response is not None and response.matrix.shape != (msi.shape[1], hsi.shape[1]):
        raise ValueError(
            f"a response of shape {response.matrix.shape} for {msi.shape[1]} MSI and {hsi.shape[1]} HSI bands: "
            "give the pair's own, or none to have it estimated"
        )


class Base(NamedTuple):
    """What a network stands on.

    Attributes:
        estimate: the classical method's.
        unexplained: RMS of what a linear regression on the observed MSI leaves of each band. Scenes and bands differ in
            it tenfold; a residual in its units carries over from one to the other.
    """

    estimate: Float[Tensor, "B L H W"]
    unexplained: Float[Tensor, "B L 1 1"]


class Classical(nn.Module):
    """A method with the call of a network: `forward(hsi, msi) -> (estimate, None)`.

    Args:
        name: a key of `CLASSICAL`.
        ratio: r.
        psf: (S, S) weights, see `csakd.physics.psf`; None for the paper's Gaussian scaled with the ratio.
        response: (M, L) weights of the HSI's bands in the MSI's; None where they are not known: methods that need them
            estimate them from the pair.

    Raises:
        ValueError: for an unknown name.
    """

    def __init__(
        self,
        name: str,
        ratio: int,
        psf: NDArray[np.float64] | None = None,
        response: NDArray[np.float64] | None = None,
    ) -> None:
        super().__init__()
        if name not in CLASSICAL:
            raise ValueError(f"no classical method {name!r}: choose one of {', '.join(CLASSICAL)}")
        self.name, self.formula = name, CLASSICAL[name]
        known = None if response is None else SpectralResponse(response)
        self.sensors = Sensors(SpatialResponse(ratio, psf), known)

    @property
    def blur(self) -> SpatialResponse:
        return self.sensors.blur

    def forward(
        self, hsi: Float[Tensor, "B L h w"], msi: Float[Tensor, "B M H W"]
    ) -> tuple[Float[Tensor, "B L H W"], None]:
        check_sensors(self.sensors, hsi, msi)
        # Least squares wants full precision, whatever the network around it runs in.
        with torch.autocast(hsi.device.type, enabled=False):
            return self.formula(_full(hsi), _full(msi), self.sensors), None

    def base(self, hsi: Float[Tensor, "B L h w"], msi: Float[Tensor, "B M H W"]) -> Base:
        """The estimate as the base of a network: a constant to its gradients."""
        with torch.no_grad(), torch.autocast(hsi.device.type, enabled=False):
            return Base(self(hsi, msi)[0], unexplained(_full(hsi), self.blur(_full(msi))))

    def unseen(self, detail: Float[Tensor, "B L H W"]) -> Float[Tensor, "B L H W"]:
        """`detail` less what the sensor would have seen of it: back-projection onto an LR-HSI of zeros."""
        with torch.autocast(detail.device.type, enabled=False):
            detail = _full(detail)
            return back_project(detail, torch.zeros_like(self.blur(detail)), self.blur, steps=2)


def _full(image: Tensor) -> Tensor:
    return image if image.dtype is torch.float64 else image.float()


__all__ = [
    "CLASSICAL",
    "Base",
    "Classical",
    "back_project",
    "bicubic",
    "check_grids",
    "check_sensors",
    "cnmf",
    "glp",
    "glp_hpm",
    "gsa",
    "hyper",
    "hyper_edge",
    "hyper_edge_thorough",
    "hysure",
    "rfuse",
    "rfuse_blind",
    "sfim",
]
