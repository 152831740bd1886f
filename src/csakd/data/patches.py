"""Aligned patches of observed scenes. The n-th patch of a run is a pure function of the seed and n."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from csakd.classical import Base, Classical
from csakd.classical.canonical import CANONICAL, Canonical, canonical
from csakd.classical.gaps import ready
from csakd.cubes import Cube, Sample
from csakd.data.positions import Position
from csakd.data.scaling import Affine, Scaling
from csakd.physics import SpatialResponse, add_noise, observe, spectral_response

MEMORY = 2 * 2**30  # bytes of prepared scenes kept at hand


class Batch(NamedTuple):
    """Scenes or patches in a network's units, and the way back to theirs."""

    hsi: Float[Tensor, "B L h w"]
    msi: Float[Tensor, "B M H W"]
    truth: Float[Tensor, "B L H W"]
    base: Base | Canonical | None
    valid: Bool[Tensor, "B H W"]
    units: Affine  # of the LR-HSI: data = network · scale + offset
    peak: Float[Tensor, "B 1 1 1"]  # robust maximum of the LR-HSI in data units

    def physical(self, image: Float[Tensor, "B L H W"]) -> Float[Tensor, "B L H W"]:
        """In units of the scene's peak, without offset: what angles are taken on."""
        return self.units.undo(image) / self.peak

    def to(self, device: torch.device) -> Batch:
        return self.mapped(lambda parts: parts[0].to(device))

    def mapped(self, change: Callable[[Sequence[Tensor]], Tensor], *others: Batch) -> Batch:
        """Every tensor replaced by `change` of it and its counterparts in `others`."""
        found: Batch = _mapped(change, (self, *others))
        return found


def _mapped(change: Callable[[Sequence[Tensor]], Tensor], alike: Sequence[Any]) -> Any:
    """Tuples of tensors, of such tuples and of None, each tensor replaced."""
    first = alike[0]
    if first is None:
        return None
    if isinstance(first, Tensor):
        return change(alike)
    return type(first)(*(_mapped(change, parts) for parts in zip(*alike, strict=True)))


@dataclass(frozen=True)
class Observation:
    """How training scenes are observed (Wald's protocol): arguments of `csakd.physics.observe`."""

    msi: str = "tm4"
    ratio: int = 4
    psf: str | None = None
    snr: float | tuple[float | None, float | None] | None = None

    def clean(self, scene: Cube) -> Sample:
        return observe(scene, self.msi, self.ratio, self.psf)

    def noisy(self, hsi: Tensor, msi: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return add_noise(hsi, msi, self.snr, generator)


def batch_of(sample: Sample, observation: Observation, scaling: Scaling, base: str, seed: int | None = None) -> Batch:
    """A whole scene as a batch of one, its base computed on the whole scene; noise drawn from `seed`, if any."""
    pair, truth = sample.pair, sample.truth
    hsi, msi, valid = ready(pair)
    if seed is not None:
        hsi, msi = observation.noisy(hsi, msi, torch.Generator().manual_seed(seed))
    units, msi_units = scaling.of(hsi), scaling.of(msi)
    hsi_scaled, msi_scaled = units.apply(hsi), msi_units.apply(msi)
    found: Base | Canonical | None = None
    if base == CANONICAL:
        with torch.no_grad():
            found = canonical(hsi_scaled, msi_scaled, SpatialResponse(pair.ratio, pair.psf))
    elif base != "none":
        found = Classical(base, pair.ratio, pair.psf).base(hsi_scaled, msi_scaled)
    return Batch(
        hsi=hsi_scaled,
        msi=msi_scaled,
        truth=units.apply(torch.from_numpy(truth.filled())[None]),
        base=found,
        valid=torch.from_numpy(valid if truth.valid is None else valid & truth.valid)[None],
        units=units,
        peak=Scaling("maximum").of(hsi).scale,
    )


def kept(scenes: Sequence[Cube]) -> int:
    """How many of these scenes stay in memory once prepared: values, truth and base of each."""
    largest = max(4 * scene.bands * scene.size[0] * scene.size[1] for scene in scenes)
    return max(1, min(len(scenes), int(MEMORY / (3 * largest))))


class Patches(Dataset[Batch]):
    """Random aligned crops, flipped and turned, of scenes observed on the fly.

    Every epoch a scene is observed anew, with noise of its own; its base is computed on the whole scene, as it will
    be at inference, and cropped with it.

    Args:
        scenes: the truths, lazy or not; each is read when first needed and kept while memory allows.
        observation: how they are observed.
        scaling, base: what the network stands on.
        size: of a patch on the high grid, a multiple of the ratio; scenes smaller than that are used whole.
        per_epoch: patches an epoch.
        seed: of everything random here.

    Raises:
        ValueError: if the patch does not fit the ratio, or the scenes' sizes or bands differ where they must not.
    """

    def __init__(
        self,
        scenes: Sequence[Cube],
        observation: Observation,
        scaling: str,
        base: str,
        size: int,
        per_epoch: int,
        seed: int,
    ) -> None:
        if not scenes:
            raise ValueError("no training scene: give at least one")
        if size < observation.ratio or size % observation.ratio:
            raise ValueError(f"patch size {size}: it must be a multiple of the ratio {observation.ratio}")
        if len({scene.bands for scene in scenes}) > 1:
            counts = ", ".join(str(n) for n in sorted({scene.bands for scene in scenes}))
            raise ValueError(
                f"training scenes have {counts} bands; a network needs the same in all: --set bands=NAME resamples them"
            )
        for scene in scenes:
            spectral_response(observation.msi, scene.bands, scene.wavelengths)  # fail now, not after an hour
        smallest = min(min(scene.size) for scene in scenes) // observation.ratio * observation.ratio
        if not smallest:
            raise ValueError(
                f"a training scene is smaller than one low pixel at ratio {observation.ratio}: leave it out"
            )
        self.scenes, self.observation, self.scaling, self.base = scenes, observation, Scaling(scaling), base
        self.size, self.per_epoch, self.seed = min(size, smallest), per_epoch, seed
        self.keep = kept(scenes)
        self._observed = lru_cache(self.keep)(self._observe)
        self._prepared = lru_cache(self.keep)(self._prepare)

    def __len__(self) -> int:
        return self.per_epoch

    def _generator(self, *numbers: int) -> torch.Generator:
        state = np.random.SeedSequence([self.seed, *numbers]).generate_state(1, np.uint64)[0]
        return torch.Generator().manual_seed(int(state >> np.uint64(1)))

    def _observe(self, scene: int) -> Sample:
        return self.observation.clean(self.scenes[scene])

    def _prepare(self, scene: int, epoch: int) -> Batch:
        noise = None if self.observation.snr is None else self._generator(1, scene, epoch).initial_seed()
        return batch_of(self._observed(scene), self.observation, self.scaling, self.base, noise)

    def __getitem__(self, number: int) -> Batch:
        """Patch `number` of the run, counted through all epochs, as a batch of one."""
        epoch, index = divmod(number, self.per_epoch)
        order = torch.arange(self.per_epoch) * len(self.scenes) // self.per_epoch
        shuffled = torch.randperm(len(self.scenes), generator=self._generator(2, epoch))[order]
        if self.keep == len(self.scenes):
            shuffled = shuffled[torch.randperm(self.per_epoch, generator=self._generator(4, epoch))]
        # Scenes that do not all fit into memory are read once an epoch: their patches follow each other.
        scene = int(shuffled[index])
        whole = self._prepared(scene, 0 if self.observation.snr is None else epoch)

        generator = self._generator(3, number)
        ratio, low = self.observation.ratio, self.size // self.observation.ratio
        row, column = (int(torch.randint(n - low + 1, (), generator=generator)) for n in whole.hsi.shape[-2:])
        turns, flip = int(torch.randint(4, (), generator=generator)), bool(torch.randint(2, (), generator=generator))
        position = Position(turns, flip)

        def cut(image: Tensor, pixel: int) -> Tensor:
            rows = slice(row * pixel, (row + low) * pixel)
            columns = slice(column * pixel, (column + low) * pixel)
            return position(image[..., rows, columns])

        return whole._replace(
            hsi=cut(whole.hsi, 1),
            msi=cut(whole.msi, ratio),
            truth=cut(whole.truth, ratio),
            base=whole.base._replace(estimate=cut(whole.base.estimate, ratio))
            if isinstance(whole.base, Base)
            else None,
            valid=cut(whole.valid, ratio),
        )


def collate(patches: Sequence[Batch]) -> Batch:
    return patches[0].mapped(lambda parts: torch.cat(list(parts)), *patches[1:])


class Numbers(Sampler[int]):
    """The numbers of one epoch's patches, every `world`-th of them for process `rank`."""

    def __init__(self, per_epoch: int, rank: int = 0, world: int = 1) -> None:
        self.per_epoch, self.rank, self.world, self.epoch = per_epoch, rank, world, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the engine at the start of each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.per_epoch // self.world

    def __iter__(self) -> Iterator[int]:
        first = self.epoch * self.per_epoch
        return iter(range(first + self.rank, first + self.per_epoch // self.world * self.world, self.world))
