"""Methods that learn from the one pair they fuse: no training scenes, no weights to keep."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from csakd.budget import Budget, steps_shown
from csakd.classical import check_sensors
from csakd.models.peers.cucanet import CUCaNetFit
from csakd.models.peers.u2mdn import U2MDNFit
from csakd.models.peers.usdn import USDNFit
from csakd.physics import Sensors, SpatialResponse, SpectralResponse

Watch = Callable[[int, float, Tensor], None]

LOOKS = 20  # at the estimate while it is learnt, closer together at first
TIMED = 10  # places of the schedule at which steps are timed, to turn a budget in seconds into steps


@runtime_checkable
class Fit(Protocol):
    """A method's network and optimisers on one pair, both images in [0, 1]."""

    @property
    def network(self) -> nn.Module:
        """Holds every weight that is learnt."""

    def step(self, number: int, steps: int) -> Tensor:
        """One gradient step, `number` of `steps` counted from 0; the objective before it."""

    def estimate(self) -> Tensor:
        """The HR-HSI as learnt so far, (1, L, H, W)."""

    def one_pass(self) -> object:
        """All that the networks compute once, as published: what multiply-accumulates are counted on."""


@dataclass(frozen=True)
class PairMethod:
    """A method that learns from one pair.

    Attributes:
        config: its configuration, a frozen dataclass whose defaults are the published ones.
        fit: (config, hsi, msi, sensors) → its fit to a pair.
    """

    config: type[Any]
    fit: Callable[..., Fit]

    def size_of(self, hsi_bands: int, msi_bands: int, ratio: int, size: int) -> dict[str, float]:
        """Parameters, and MACs of one pass in 10⁹ (`gmacs`), for an MSI of `size` × `size` pixels.

        Each MSI band is taken to see 1/(2M) of the HSI's bands: what little of CUCaNet's size depends on the response.
        """
        from torch.utils.flop_counter import FlopCounterMode

        response = np.zeros((msi_bands, hsi_bands))
        width = max(1, hsi_bands // (2 * msi_bands))
        for band in range(msi_bands):
            response[band, band * hsi_bands // msi_bands :][:width] = 1
        low = size // ratio
        with torch.device("meta"), torch.no_grad():
            images = torch.zeros(1, hsi_bands, low, low), torch.zeros(1, msi_bands, low * ratio, low * ratio)
            fit = self.fit(self.config(), *images, Sensors(SpatialResponse(ratio), SpectralResponse(response)))
            with FlopCounterMode(display=False) as counter:
                fit.one_pass()
        parameters = sum(weights.numel() for weights in fit.network.parameters())
        return {"parameters": parameters, "gmacs": counter.get_total_flops() / 2e9}


ONE_PAIR: dict[str, PairMethod] = {
    "cucanet": PairMethod(CUCaNetFit.Config, CUCaNetFit),
    "usdn": PairMethod(USDNFit.Config, USDNFit),
    "u2mdn": PairMethod(U2MDNFit.Config, U2MDNFit),
}


class OnePair(nn.Module):
    """A method of `ONE_PAIR` with the call of a network: `forward(hsi, msi) -> (estimate, None)` learns, then fuses.

    Every scene of a batch is learnt on its own, from the same seed, in float32. The caller's random numbers are left
    alone; the same seed and steps give the same estimate, on a CPU bit by bit.

    Args:
        name: a key of `ONE_PAIR`.
        ratio: r.
        psf: (S, S) weights, see `csakd.physics.psf`; None for the paper's Gaussian scaled with the ratio.
        response: (M, L) weights of the HSI's bands in the MSI's; None to estimate them from each pair.
        budget: for each scene; None for the published number of steps. Seconds, the few steps that are timed
            included, are turned into steps before learning begins: schedules are functions of the step.
        seed: of the initial weights and of all that is drawn while learning.
        progress: a bar on stderr.
        watch: called with (step, seconds learnt, (L, H, W) estimate in data units) up to 20 times a scene; the time
            that this takes is not counted.
        options: fields of the method's configuration to change, such as `learning_rate=1e-4`.

    Attributes:
        steps, seconds: that the last fit took, without what it showed to `watch`; 0 before the first.

    Raises:
        ValueError: for an unknown name or option, or a value out of range.
    """

    def __init__(
        self,
        name: str,
        ratio: int,
        psf: NDArray[np.float64] | None = None,
        response: NDArray[np.float64] | None = None,
        *,
        budget: Budget | None = None,
        seed: int = 0,
        progress: bool = False,
        watch: Watch | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        if name not in ONE_PAIR:
            raise ValueError(f"no method {name!r} that learns from one pair: choose one of {', '.join(ONE_PAIR)}")
        self.name, self.method = name, ONE_PAIR[name]
        known = self.method.config.__dataclass_fields__
        if options.keys() - known.keys():
            raise ValueError(f"no option {min(options.keys() - known.keys())!r}: choose among {', '.join(known)}")
        self.config = self.method.config(**options)
        if self.config.steps < 1:
            raise ValueError(f"steps = {self.config.steps}: a fit takes at least 1")
        self.sensors = Sensors(SpatialResponse(ratio, psf), None if response is None else SpectralResponse(response))
        self.budget, self.seed, self.progress, self.watch = budget, seed, progress, watch
        self.steps, self.seconds = 0, 0.0

    def forward(
        self, hsi: Float[Tensor, "B L h w"], msi: Float[Tensor, "B M H W"]
    ) -> tuple[Float[Tensor, "B L H W"], None]:
        check_sensors(self.sensors, hsi, msi)
        with torch.inference_mode(False), torch.enable_grad(), torch.autocast(hsi.device.type, enabled=False):
            # Cloned: tensors born in inference mode have no gradients.
            pairs = zip(hsi.detach().clone().split(1), msi.detach().clone().split(1), strict=True)
            return torch.cat([self._fused(*pair) for pair in pairs]).to(hsi.dtype), None

    def _fused(self, hsi: Float[Tensor, "1 L h w"], msi: Float[Tensor, "1 M H W"]) -> Float[Tensor, "1 L H W"]:
        sensors = Sensors(self.sensors.blur, self.sensors.response or _estimated(hsi, msi, self.sensors.blur))
        # One scale and offset for both images, so that what relates them stays true; zero stays zero where it can.
        least, most = min(0.0, float(hsi.min()), float(msi.min())), max(float(hsi.max()), float(msi.max()))
        span = most - least if most > least else 1.0
        images = [(image.float() - least) / span for image in (hsi, msi)]

        def begin() -> Fit:
            # Weights are drawn on the CPU, so its generator alone is seeded, and put back.
            with torch.random.fork_rng(devices=[]):
                torch.default_generator.manual_seed(self.seed)
                return self.method.fit(self.config, *images, sensors)

        self.steps = self._affordable(begin)
        fit = begin()
        self._learn(fit, lambda: fit.estimate() * span + least)
        return fit.estimate() * span + least

    def _affordable(self, begin: Callable[[], Fit]) -> int:
        """The steps that the budget buys, timed on a fit that is thrown away."""
        planned: int = self.config.steps
        if self.budget is None:
            return planned
        if self.budget.seconds is None:
            return self.budget.steps_at(0.0)
        fit, begun, times = begin(), time.perf_counter(), list[float]()
        # Steps from all along the schedule, so that phases count by their length. Of three in a row the fastest: the
        # first of a phase, or of every so many, has more to do, and the machine may have had.
        for place in range(TIMED):
            number = int((place + 0.5) * planned / TIMED)
            ends = [time.perf_counter()]
            for step in range(number, number + 3):
                float(fit.step(step, planned))
                ends.append(time.perf_counter())
            times.append(min(after - before for before, after in pairwise(ends)))
            if time.perf_counter() - begun > self.budget.seconds / 10:
                break
        left = self.budget.seconds - (time.perf_counter() - begun)
        return Budget(seconds=max(left, 1e-9)).steps_at(sum(times) / len(times))

    def _learn(self, fit: Fit, estimate: Callable[[], Tensor]) -> None:
        looks = {-(-self.steps * n * n // LOOKS**2) for n in range(1, LOOKS + 1)} if self.watch else set()
        paused, begun = 0.0, time.perf_counter()
        with steps_shown(self.name, self.steps, self.progress) as numbers:
            for number in numbers:
                fit.step(number, self.steps)
                if number + 1 in looks:
                    now = time.perf_counter()
                    assert self.watch is not None
                    self.watch(number + 1, now - begun - paused, estimate()[0])
                    paused += time.perf_counter() - now
        self.seconds = time.perf_counter() - begun - paused


def _estimated(hsi: Float[Tensor, "1 L h w"], msi: Float[Tensor, "1 M H W"], blur: SpatialResponse) -> SpectralResponse:
    from csakd.physics.blind import estimate_response

    return estimate_response(hsi[0], blur(msi[0]))
