"""u2-MDN: unsupervised mutual Dirichlet network, learnt from one pair (Qu et al., TGRS 2021).

As uSDN, with one encoder for both images, which sees both in the MSI's bands; what ties a pixel to its shares is their
mutual information, measured by a critic. Deviations from the released program:

- Its shuffle of pixels against shares leaves the LR-HSI's where they are, so that this term is a constant, and permutes
  only whole rows of the HR-MSI. Here all pixels are shuffled, of both images.
- Its learning rate is meant to decay, and does not; nor does it here.
- The paper prints an l2,1 norm of the errors; the program, and this, sums their squares.

Kept as released: the critic ends in a sigmoid, so that it never tells a pair from a shuffled one with certainty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from csakd.models.peers.dirichlet import Decoder, Dense, centred, entropy, stick_breaking
from csakd.physics import Sensors


@dataclass(frozen=True)
class U2MDNConfig:
    """What shapes it and how it learns; the defaults are the published ones for remote sensing.

    Attributes:
        shares: c, spectra of which a pixel is mixed (published: 15 for 31 bands).
        growth: features the first dense layer adds, each further one adds one more (published: 3 for 31 bands).
        steps: gradient steps without a budget.
        learning_rate: of both optimisers.
        smallness, information, sparsity: weights of the spectra's l1 norm, of the mutual information between pixels
            and shares, and of the entropy of the shares.

    Raises:
        ValueError: if a value is out of range.
    """

    shares: int = 35
    growth: int = 8
    steps: int = 5000
    learning_rate: float = 1e-3
    smallness: float = 1e-3
    information: float = 0.1
    sparsity: float = 0.01

    def __post_init__(self) -> None:
        if min(self.shares, self.growth) < 1:
            raise ValueError("shares and growth are at least 1")


class Encoder(nn.Module):
    """A pixel in the MSI's bands → shares. β is read off the same stack, after its first two layers."""

    def __init__(self, bands: int, config: U2MDNConfig) -> None:
        super().__init__()
        grown = [config.growth + number for number in range(5)]
        self.first, self.second = nn.Linear(bands, grown[0]), nn.Linear(bands + grown[0], grown[1])
        begun = bands + grown[0] + grown[1]
        self.sticks = Dense(begun, begun, [*grown[2:], config.shares])
        self.beta = Dense(begun, begun, [*grown[2:4], 1])
        for layer in (self.first, self.second):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, pixels: Float[Tensor, "N M"]) -> Float[Tensor, "N c"]:
        stack = torch.cat([pixels, self.first(pixels)], 1)
        stack = torch.cat([stack, self.second(stack)], 1)
        return stick_breaking(self.sticks(stack), self.beta(stack))


class Critic(nn.Module):
    """Do this pixel and these shares belong together? Between 0 and 1."""

    def __init__(self, bands: int, shares: int) -> None:
        super().__init__()
        self.mix, self.judge = nn.Linear(bands + shares, bands + shares), nn.Linear(bands + shares, 1, bias=False)
        for layer in (self.mix, self.judge):
            nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(self.mix.bias)

    def forward(self, pixels: Float[Tensor, "N M"], shares: Float[Tensor, "N c"]) -> Float[Tensor, "N 1"]:
        return self.judge(self.mix(torch.cat([pixels, shares], 1))).sigmoid()


class Unmixed(NamedTuple):
    """What one pass makes of the pixels of a pair; spectra less their mean.

    Attributes:
        hsi, msi: both images put together again.
        estimate: the HR-HSI.
        hsi_shares, msi_shares: of every pixel.
    """

    hsi: Float[Tensor, "n L"]
    msi: Float[Tensor, "N M"]
    estimate: Float[Tensor, "N L"]
    hsi_shares: Float[Tensor, "n c"]
    msi_shares: Float[Tensor, "N c"]


class U2MDN(nn.Module):
    """Pixels of both images, less their means → both put together again, and the HR-HSI.

    Args:
        response: (M, L).
        config: what shapes it.
    """

    response: Tensor

    def __init__(self, response: Float[Tensor, "M L"], config: U2MDNConfig) -> None:
        super().__init__()
        msi_bands, hsi_bands = response.shape
        self.register_buffer("response", response)
        self.encoder = Encoder(msi_bands, config)
        self.decoder = Decoder(config.shares, hsi_bands)
        self.critic = Critic(msi_bands, config.shares)

    def forward(self, hsi: Float[Tensor, "n L"], msi: Float[Tensor, "N M"]) -> Unmixed:
        hsi_shares, msi_shares = self.encoder(hsi @ self.response.T), self.encoder(msi)
        estimate = self.decoder(msi_shares)
        return Unmixed(self.decoder(hsi_shares), estimate @ self.response.T, estimate, hsi_shares, msi_shares)


class U2MDNFit:
    """The network and its two optimisers on one pair.

    Args:
        config: how it learns.
        hsi, msi: in [0, 1].
        sensors: the response, and the ratio; the PSF is not used.
    """

    Config: ClassVar[type[U2MDNConfig]] = U2MDNConfig

    def __init__(
        self, config: U2MDNConfig, hsi: Float[Tensor, "1 L h w"], msi: Float[Tensor, "1 M H W"], sensors: Sensors
    ) -> None:
        assert sensors.response is not None
        self.config, self.ratio, self.size = config, sensors.blur.ratio, msi.shape[-2:]
        self.hsi, self.hsi_mean = centred(hsi)
        self.msi, _ = centred(msi)
        self.network = U2MDN(torch.as_tensor(sensors.response.matrix).to(hsi), config).to(hsi.device)
        self.projected = self.hsi @ self.network.response.T
        # Shuffles are drawn on the CPU: the same on every device.
        self.shuffles = torch.Generator().manual_seed(torch.initial_seed())
        shared = [*self.network.encoder.parameters(), *self.network.decoder.parameters()]
        self.hsi_adam = torch.optim.Adam([*shared, *self.network.critic.parameters()], config.learning_rate)
        self.msi_adam = torch.optim.Adam(shared, config.learning_rate)

    def step(self, number: int, steps: int) -> Tensor:
        """One step for each image; the sum of their objectives before it."""
        objectives = []
        for adam, objective in ((self.hsi_adam, self.hsi_objective), (self.msi_adam, self.msi_objective)):
            self.network.zero_grad()
            loss = objective()
            loss.backward()
            adam.step()
            objectives.append(loss.detach())
        return torch.stack(objectives).sum()

    def hsi_objective(self) -> Float[Tensor, ""]:
        """Squared error of the LR-HSI, summed; the spectra's l1 norm; mutual information; entropy."""
        shares, spectra = self.network.encoder(self.projected), self.network.decoder.matrix
        error = (shares @ spectra - self.hsi).square().sum()
        smallness = (spectra + self.hsi_mean).abs().sum(1).mean()
        return error + self.config.smallness * smallness + self._prior(self.projected, shares)

    def msi_objective(self) -> Float[Tensor, ""]:
        """Squared error of the HR-MSI, summed over rows and averaged over columns and bands, by r; the same priors."""
        shares = self.network.encoder(self.msi)
        # The response comes before the pixels: the same sums in a fraction of the time.
        seen = shares @ (self.network.decoder.matrix @ self.network.response.T)
        error = (seen - self.msi).square().mean() * self.size[0] / self.ratio
        return error + self._prior(self.msi, shares)

    def _prior(self, pixels: Float[Tensor, "N M"], shares: Float[Tensor, "N c"]) -> Float[Tensor, ""]:
        return self.config.information * self.independence(pixels, shares) + self.config.sparsity * entropy(shares)

    def independence(self, pixels: Float[Tensor, "N M"], shares: Float[Tensor, "N c"]) -> Float[Tensor, ""]:
        """Mutual information's lower bound (Jensen-Shannon), negated: pixels beside their own and others' shares."""
        order = torch.randperm(len(pixels), generator=self.shuffles, device="cpu").to(pixels.device)
        together, shuffled = self.network.critic(pixels, shares), self.network.critic(pixels[order], shares)
        return functional.softplus(-together).mean() + functional.softplus(shuffled).mean()

    @torch.no_grad()
    def estimate(self) -> Float[Tensor, "1 L H W"]:
        estimate = self.network(self.hsi, self.msi).estimate
        return (estimate + self.hsi_mean).T.reshape(1, -1, *self.size)

    def one_pass(self) -> tuple[Unmixed, Tensor, Tensor]:
        seen = self.network(self.hsi, self.msi)
        low = self.independence(self.projected, seen.hsi_shares)
        return seen, low, self.independence(self.msi, seen.msi_shares)
