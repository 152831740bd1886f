"""uSDN: unsupervised sparse Dirichlet network, learnt from one pair (Qu, Qi, Kwan, CVPR 2018).

Two encoders turn a pixel, of the LR-HSI or the HR-MSI, into shares of the same spectra; one decoder turns shares into
a spectrum. All is linear but the sigmoid, the softplus and the stick-breaking. Deviations from the released program:

- It stops where the estimate begins to depart from the *true* HR-HSI, as it does: four bands cannot hold on to a
  spectrum. Here the steps are given beforehand, and of the third phase that state is kept whose estimate, as the HSI's
  sensor would see it, is closest to the LR-HSI.
- Where its two encoders meet, it takes every r-th pixel of the MSI for the LR-HSI's; here the sensor's PSF blurs it.
- Its first phase ends when the angle between bands, as vectors of pixels, is small; here, between spectra. The angle
  between shares stays one of maps, as published: how alike the two encoders' maps of one share are.
- Its learning rate is meant to decay, and does not; nor does it here.
"""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from csakd.metrics import spectral_angle
from csakd.models.peers.dirichlet import Decoder, Dense, centred, entropy, stick_breaking
from csakd.physics import Sensors

LOOK = 50  # steps between two looks at whether a phase has reached its end


@dataclass(frozen=True)
class USDNConfig:
    """What shapes it and how it learns; the defaults are the published ones.

    Attributes:
        shares: c, spectra of which a pixel is mixed.
        growth: features each dense layer adds.
        steps: gradient steps without a budget. Published are a first phase of any length, 15 000 steps of the second,
            and up to 500 000 of the third, which the true HR-HSI ends.
        learning_rate: of all phases.
        unmixing, warming: shares of the steps for the first two phases, ours: the third gains little, so it gets the
            rest. Half of the default steps are the 15 000 published for the second.
        unmixed: degrees between LR-HSI and its reconstruction at which the first phase ends early.
        warmed: mean squared error of the second phase at which it ends early.
        smallness, sparsity: weights of the mean of DᵀD, D the spectra, and of the entropy of the shares.
        angle_every: steps of the third phase for each on the angle between the encoders' shares.

    Raises:
        ValueError: if a value is out of range.
    """

    shares: int = 12
    growth: int = 3
    steps: int = 30_000
    learning_rate: float = 1e-3
    unmixing: float = 0.3
    warming: float = 0.5
    unmixed: float = 1.5
    warmed: float = 1e-5
    smallness: float = 1e-4
    sparsity: float = 1e-3
    angle_every: int = 20

    def __post_init__(self) -> None:
        if min(self.shares, self.growth, self.angle_every) < 1:
            raise ValueError("shares, growth and angle_every are at least 1")
        if min(self.unmixing, self.warming) < 0 or self.unmixing + self.warming > 1:
            raise ValueError(f"unmixing + warming = {self.unmixing + self.warming:g}: shares of the steps, at most 1")


class Encoder(nn.Module):
    """A pixel → shares, drawn as sticks broken off one of length 1."""

    def __init__(self, reads: int, stack: int, config: USDNConfig) -> None:
        super().__init__()
        grown = [config.growth]
        self.sticks = Dense(reads, stack, 4 * grown + [config.shares])
        self.beta = Dense(reads, reads, 2 * grown + [1])

    def forward(
        self, reads: Float[Tensor, "N reads"], stack: Float[Tensor, "N stack"] | None = None
    ) -> Float[Tensor, "N c"]:
        return stick_breaking(self.sticks(reads, stack), self.beta(reads))


class USDN(nn.Module):
    """Pixels of both images, less their means → both put together again, and the HR-HSI.

    Args:
        response: (M, L).
        config: what shapes it.
    """

    response: Tensor

    def __init__(self, response: Float[Tensor, "M L"], config: USDNConfig) -> None:
        super().__init__()
        msi_bands, hsi_bands = response.shape
        self.register_buffer("response", response)
        self.hsi_encoder = Encoder(msi_bands, hsi_bands, config)
        self.msi_encoder = Encoder(msi_bands, msi_bands, config)
        self.decoder = Decoder(config.shares, hsi_bands)

    def hsi_shares(self, hsi: Float[Tensor, "n L"]) -> Float[Tensor, "n c"]:
        return self.hsi_encoder(hsi @ self.response.T, hsi)

    def forward(
        self, hsi: Float[Tensor, "n L"], msi: Float[Tensor, "N M"]
    ) -> tuple[Float[Tensor, "n L"], Float[Tensor, "N M"], Float[Tensor, "N L"]]:
        estimate = self.decoder(self.msi_encoder(msi))
        return self.decoder(self.hsi_shares(hsi)), estimate @ self.response.T, estimate


class USDNFit:
    """The network and its optimisers on one pair.

    Three phases: HSI encoder and decoder on the LR-HSI; the MSI encoder on the other's shares; the MSI encoder on the
    HR-MSI. A phase that reaches its end early leaves its steps to the next.

    Args:
        config: how it learns.
        hsi, msi: in [0, 1].
        sensors: PSF and response.
    """

    Config: ClassVar[type[USDNConfig]] = USDNConfig

    def __init__(
        self, config: USDNConfig, hsi: Float[Tensor, "1 L h w"], msi: Float[Tensor, "1 M H W"], sensors: Sensors
    ) -> None:
        assert sensors.response is not None
        self.config, self.size = config, msi.shape[-2:]
        self.hsi, self.hsi_mean = centred(hsi)
        self.msi, self.msi_mean = centred(msi)
        self.msi_low, _ = centred(sensors.blur(msi))
        self.network = USDN(torch.as_tensor(sensors.response.matrix).to(hsi), config).to(hsi.device)
        n = self.network
        # One Adam for each objective: unmixing, warming, sharpening, angle.
        learning = ((n.hsi_encoder, n.decoder), (n.msi_encoder,), (n.msi_encoder,), (n.msi_encoder,))
        self.adams = [
            torch.optim.Adam([weight for part in parts for weight in part.parameters()], config.learning_rate)
            for parts in learning
        ]
        self.phase = 0
        self.target: Tensor | None = None  # the HSI encoder's shares once it is fixed
        self.blur = sensors.blur
        self.best: tuple[float, Encoder] | None = None  # misfit and MSI encoder

    def step(self, number: int, steps: int) -> Tensor:
        """Step `number` of `steps`, from 0; the phase's objective before it."""
        c = self.config
        ends = (c.unmixing * steps, (c.unmixing + c.warming) * steps)
        self.phase = max(self.phase, sum(number >= end for end in ends))
        if number % LOOK == 0 and self._arrived():
            self.phase += 1
        if self.phase == 2 and (number % LOOK == 0 or self.best is None):
            misfit = self.misfit()
            if self.best is None or misfit < self.best[0]:
                self.best = misfit, deepcopy(self.network.msi_encoder)
        objective = (self.unmixing, self.warming, self.sharpening)[self.phase]()
        self._descend(objective, self.phase)
        if self.phase == 2 and number % c.angle_every == 0:
            self._descend(self.angle(), 3)
        return objective.detach()

    @torch.no_grad()
    def _arrived(self) -> bool:
        if self.phase == 0:
            hsi = (self.hsi + self.hsi_mean).T[..., None]
            seen = self.network.decoder(self.network.hsi_shares(self.hsi)) + self.hsi_mean
            angle = spectral_angle(seen.T[..., None], hsi)
            return bool(angle[(hsi != 0).any(0)].mean() <= self.config.unmixed)
        return self.phase == 1 and bool(self.warming() < self.config.warmed)

    def _descend(self, objective: Tensor, which: int) -> None:
        self.network.zero_grad()
        objective.backward()
        self.adams[which].step()

    def unmixing(self) -> Float[Tensor, ""]:
        """Of the LR-HSI: squared error, summed over pixels; how large the spectra are; how many make up a pixel."""
        shares = self.network.hsi_shares(self.hsi)
        spectra = self.network.decoder.matrix
        error = (shares @ spectra - self.hsi).square().sum(0).mean()
        absolute = spectra + self.hsi_mean
        smallness = absolute.sum(1).square().sum() / absolute.shape[1] ** 2  # mean(DᵀD) without its L² entries
        return error + self.config.smallness * smallness + self.config.sparsity * entropy(shares)

    def warming(self) -> Float[Tensor, ""]:
        """Mean squared distance between the two encoders' shares on the low grid."""
        return (self.network.msi_encoder(self.msi_low) - self._hsi_shares()).square().mean()

    def sharpening(self) -> Float[Tensor, ""]:
        """Of the HR-MSI: squared error, summed over pixels; how many spectra make up a pixel."""
        shares = self.network.msi_encoder(self.msi)
        # The response comes before the pixels: the same sums in a fraction of the time.
        seen = shares @ (self.network.decoder.matrix.detach() @ self.network.response.T)
        error = (seen + self._offset() - self.msi).square().sum(0).mean()
        return error + self.config.sparsity * entropy(shares)

    def angle(self) -> Float[Tensor, ""]:
        """Between the two encoders' maps of one share, in units of π, mean over shares."""
        cosine = functional.cosine_similarity(self.network.msi_encoder(self.msi_low), self._hsi_shares(), dim=0)
        return cosine.clamp(-1 + 1e-6, 1 - 1e-6).acos().mean() / math.pi

    def _hsi_shares(self) -> Tensor:
        if self.target is None:
            self.target = self.network.hsi_shares(self.hsi).detach()
        return self.target

    def _offset(self) -> Float[Tensor, " M"]:
        """Between the mean of the MSI and that of the HSI as the MSI would see it."""
        return self.hsi_mean @ self.network.response.T - self.msi_mean

    @torch.no_grad()
    def misfit(self) -> float:
        """RMSE between the LR-HSI and the estimate as the HSI's sensor would see it."""
        shares = self.blur(self.network.msi_encoder(self.msi).T.reshape(-1, *self.size))
        return float((self.network.decoder(shares.flatten(1).T) - self.hsi).square().mean().sqrt())

    @torch.no_grad()
    def estimate(self) -> Float[Tensor, "1 L H W"]:
        encoder = self.network.msi_encoder
        if self.best is not None and self.best[0] <= self.misfit():
            encoder = self.best[1]
        return (self.network.decoder(encoder(self.msi)) + self.hsi_mean).T.reshape(1, -1, *self.size)

    def one_pass(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.network(self.hsi, self.msi)
