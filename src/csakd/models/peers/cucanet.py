"""CUCaNet: coupled unmixing with cross-attention, learnt from one pair (Yao et al., ECCV 2020).

Two autoencoders unmix the LR-HSI and the HR-MSI into abundances of the same endmembers; each looks at the other's
features through an attention. PSF and spectral response are learnt along the way. One deviation: as published, what a
clamp cuts off learns no more, and a bright scene may end as it began, saturated; here it learns its way back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from csakd.physics import Sensors

SLOPE = 0.2  # of every LeakyReLU


@dataclass(frozen=True)
class CUCaNetConfig:
    """What shapes it and how it learns; the defaults are the published ones.

    Attributes:
        endmembers: T.
        steps: gradient steps without a budget.
        learning_rate: of the HSI's encoder and the endmembers; the MSI's encoder learns at half of it, PSF, response
            and attentions at a fifth.
        constant: share of the steps before the learning rate falls linearly to 0.
        reconstruction, degradation, coupling, sum_to_one, sparsity: weights of the terms of the objective.

    Raises:
        ValueError: if a value is out of range.
    """

    endmembers: int = 128
    steps: int = 10_000
    learning_rate: float = 5e-3
    constant: float = 0.2
    reconstruction: float = 10.0
    degradation: float = 10.0
    coupling: float = 1e4
    sum_to_one: float = 0.01
    sparsity: float = 0.01

    def __post_init__(self) -> None:
        if self.endmembers < 2:
            raise ValueError(f"endmembers = {self.endmembers}: unmixing needs at least 2")
        if not 0 <= self.constant <= 1:
            raise ValueError(f"constant = {self.constant}: a share of the steps lies between 0 and 1")


class Unmixed(NamedTuple):
    """What one pass makes of a pair; images in [0, 1].

    Attributes:
        hsi, msi: both images put together again from abundances and endmembers.
        estimate: the HR-HSI, the MSI's abundances with the HSI's endmembers.
        hsi_abundances, msi_abundances: in [0, 1].
        blurred, projected: the estimate as the two sensors would see it.
        hsi_projected, msi_blurred: the two images where they meet, on the low grid in the MSI's bands.
    """

    hsi: Float[Tensor, "B L h w"]
    msi: Float[Tensor, "B M H W"]
    estimate: Float[Tensor, "B L H W"]
    hsi_abundances: Float[Tensor, "B T h w"]
    msi_abundances: Float[Tensor, "B T H W"]
    blurred: Float[Tensor, "B L h w"]
    projected: Float[Tensor, "B M H W"]
    hsi_projected: Float[Tensor, "B M h w"]
    msi_blurred: Float[Tensor, "B M h w"]


class _Clamp(torch.autograd.Function):
    """To [0, 1]; backwards, what would bring a value beyond closer passes, what would drive it further does not."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        ctx.save_for_backward(values)
        return values.clamp(0, 1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (values,) = ctx.saved_tensors
        away = ((values < 0) & (gradient > 0)) | ((values > 1) & (gradient < 0))
        return gradient.masked_fill(away, 0)


def clamp(values: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """To [0, 1] without dead ends."""
    return _Clamp.apply(values)  # type: ignore[no-untyped-call]


class LearntPSF(nn.Module):
    """One r×r kernel for all channels, one step a low pixel; starts as the plain mean.

    A sensor's PSF reaches beyond its block: this one, as published, does not.
    """

    def __init__(self, ratio: int) -> None:
        super().__init__()
        self.ratio = ratio
        self.kernel = nn.Parameter(torch.full((1, 1, ratio, ratio), ratio**-2.0))

    def forward(self, high: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C h w"]:
        return functional.conv2d(high.flatten(0, 1)[:, None], self.kernel, stride=self.ratio).view(
            *high.shape[:2], high.shape[2] // self.ratio, high.shape[3] // self.ratio
        )


class LearntResponse(nn.Module):
    """Weights of the HSI's bands in each MSI band, inside the nominal response's support; starts as the plain mean.

    Args:
        supports: first and last HSI band of each MSI band.
        bands: L.
    """

    def __init__(self, supports: Sequence[tuple[int, int]], bands: int) -> None:
        super().__init__()
        self.supports, self.bands = tuple(supports), bands
        lengths = (last - first + 1 for first, last in supports)
        self.weights = nn.ParameterList(torch.full((length,), 1 / length) for length in lengths)

    def forward(self, spectra: Float[Tensor, "B L H W"]) -> Float[Tensor, "B M H W"]:
        rows = [
            functional.pad(weights / weights.sum(), (first, self.bands - 1 - last))
            for weights, (first, last) in zip(self.weights, self.supports, strict=True)
        ]
        return clamp(torch.einsum("ml,blhw->bmhw", torch.stack(rows), spectra))

    @torch.no_grad()
    def project(self) -> None:
        """Back to weights that are a response: none below 0, their sum 1; all alike where none is above 0."""
        for weights in self.weights:
            weights.clamp_(0, 10)
            weights += (weights.sum() < 1e-6).to(weights.dtype)
            weights /= weights.sum()


class CUCaNet(nn.Module):
    """LR-HSI and HR-MSI in [0, 1] → both unmixed, and the HR-HSI.

    One kernel spans the whole low grid, so that a network fits one image size.

    Args:
        supports: first and last HSI band of each MSI band.
        bands: L.
        ratio: r.
        low: rows and columns of the LR-HSI.
        endmembers: T.
    """

    def __init__(
        self, supports: Sequence[tuple[int, int]], bands: int, ratio: int, low: tuple[int, int], endmembers: int = 128
    ) -> None:
        super().__init__()
        self.hsi_encoder = _encoder(bands, (1, 1, 1))
        self.msi_encoder = _encoder(len(supports), (5, 3, 1))
        self.hsi_unmixing, self.msi_unmixing = (nn.Conv2d(1024, endmembers, 1) for _ in range(2))
        self.endmembers = nn.Conv2d(endmembers, bands, 1, bias=False)
        self.msi_endmembers = nn.Conv2d(endmembers, len(supports), 1, bias=False)
        self.spatial_attention = nn.Conv2d(512, 1, 3, padding=1)  # its bias, as published, is lost in the softmax
        self.spectral_attention = nn.Conv2d(512, 512, low, groups=512)
        self.psf, self.attention_psf = LearntPSF(ratio), LearntPSF(ratio)
        self.response = LearntResponse(supports, bands)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        nn.init.constant_(self.spatial_attention.weight, 1 / 9)
        nn.init.ones_(self.spectral_attention.weight)

    def forward(self, hsi: Float[Tensor, "B L h w"], msi: Float[Tensor, "B M H W"]) -> Unmixed:
        hsi_features, msi_features = self.hsi_encoder(hsi), self.msi_encoder(msi)
        where = self.spatial_attention(msi_features).flatten(1).softmax(1).view(-1, 1, *msi.shape[-2:])
        which = self.spectral_attention(hsi_features).softmax(1)
        attended_hsi = hsi_features * self.attention_psf(where)
        attended_msi = msi_features * which
        hsi_abundances = clamp(self.hsi_unmixing(torch.cat([hsi_features, attended_hsi], 1)))
        msi_abundances = clamp(self.msi_unmixing(torch.cat([msi_features, attended_msi], 1)))
        estimate = clamp(self.endmembers(msi_abundances))
        return Unmixed(
            hsi=clamp(self.endmembers(hsi_abundances)),
            msi=clamp(self.msi_endmembers(msi_abundances)),
            estimate=estimate,
            hsi_abundances=hsi_abundances,
            msi_abundances=msi_abundances,
            blurred=self.psf(estimate),
            projected=self.response(estimate),
            hsi_projected=self.response(hsi),
            msi_blurred=self.psf(msi),
        )

    @torch.no_grad()
    def project(self) -> None:
        """After a step: endmembers are reflectances, the response is one."""
        self.endmembers.weight.clamp_(0, 1)
        self.msi_endmembers.weight.clamp_(0, 1)
        self.response.project()


def _encoder(bands: int, sides: tuple[int, int, int]) -> nn.Sequential:
    widths = (bands, 128, 256, 512)
    layers: list[nn.Module] = []
    for inward, outward, side in zip(widths[:-1], widths[1:], sides, strict=True):
        layers += [nn.Conv2d(inward, outward, side, padding=side // 2), nn.LeakyReLU(SLOPE)]
    return nn.Sequential(*layers)


def sparsity(abundances: Float[Tensor, "B T H W"]) -> Float[Tensor, ""]:
    """KL(p, q) + KL(1 − p, 1 − q), summed over pixels: q the softmax of the abundances, p that of a constant."""
    q = abundances.softmax(1)
    p = 1 / abundances.shape[1]
    return (p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()).sum()


def supports(matrix: NDArray[np.float64]) -> list[tuple[int, int]]:
    """First and last HSI band with a weight, for each row of a response; bands without one in between count."""
    weighted = [np.flatnonzero(row > 0) for row in matrix]
    return [(int(bands[0]), int(bands[-1])) for bands in weighted]


class CUCaNetFit:
    """The network and its optimiser on one pair.

    Args:
        config: how it learns.
        hsi, msi: in [0, 1].
        sensors: the response, of which only the supports are used; the PSF is learnt.
    """

    Config: ClassVar[type[CUCaNetConfig]] = CUCaNetConfig

    def __init__(
        self, config: CUCaNetConfig, hsi: Float[Tensor, "1 L h w"], msi: Float[Tensor, "1 M H W"], sensors: Sensors
    ) -> None:
        assert sensors.response is not None
        self.config, self.hsi, self.msi = config, hsi, msi
        low = (hsi.shape[-2], hsi.shape[-1])
        found = supports(sensors.response.matrix)
        network = CUCaNet(found, hsi.shape[1], sensors.blur.ratio, low, config.endmembers).to(hsi.device)
        self.network = network
        rates: dict[float, list[nn.Module]] = {
            1.0: [network.hsi_encoder, network.hsi_unmixing, network.endmembers, network.msi_endmembers],
            0.5: [network.msi_encoder, network.msi_unmixing],
            0.2: [
                network.spatial_attention, network.spectral_attention,
                network.psf, network.attention_psf, network.response,
            ],
        }  # fmt: skip
        self.adam = torch.optim.Adam(
            {"params": [weight for module in modules for weight in module.parameters()], "share": share}
            for share, modules in rates.items()
        )

    def step(self, number: int, steps: int) -> Tensor:
        """Step `number` of `steps`, from 0; the objective before it."""
        fall = (1 - number / steps) / max(1 - self.config.constant, 1e-6)
        for group in self.adam.param_groups:
            group["lr"] = self.config.learning_rate * group["share"] * min(1.0, fall)
        objective = sum(self.losses().values(), start=self.hsi.new_zeros(()))
        self.adam.zero_grad()
        objective.backward()
        self.adam.step()
        self.network.project()
        return objective.detach()

    def losses(self) -> dict[str, Float[Tensor, ""]]:
        """The terms of the objective. As published they are sums over pixels: the larger image weighs more."""
        c, seen = self.config, self.one_pass()
        unmixed = (seen.hsi_abundances, seen.msi_abundances)
        return {
            "reconstruction": c.reconstruction * (_apart(seen.hsi, self.hsi) + _apart(seen.msi, self.msi)),
            "degradation": c.degradation * (_apart(seen.blurred, self.hsi) + _apart(seen.projected, self.msi)),
            "coupling": c.coupling * _apart(seen.hsi_projected, seen.msi_blurred),
            "sum_to_one": c.sum_to_one * torch.stack([(a.sum(1) - 1).abs().sum() for a in unmixed]).sum(),
            "sparsity": c.sparsity * torch.stack([sparsity(a) for a in unmixed]).sum(),
        }

    def one_pass(self) -> Unmixed:
        return self.network(self.hsi, self.msi)

    @torch.no_grad()
    def estimate(self) -> Float[Tensor, "1 L H W"]:
        return self.one_pass().estimate


def _apart(first: Tensor, second: Tensor) -> Tensor:
    return (first - second).abs().sum()
