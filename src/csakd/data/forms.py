"""What universal networks learn from: crops of variants in canonical form.

The n-th crop of a run is a pure function of the seed and n.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import Dataset

from csakd.classical.canonical import DIRECTIONS, LOOKS, Canonical, along, canonical
from csakd.classical.factored import Factored
from csakd.cubes import Cube
from csakd.data.patches import Batch
from csakd.data.positions import Position
from csakd.data.scaling import Affine
from csakd.data.variants import RATIOS, variant

POOL = 512  # variants at hand, the newest; about 1.5 MB each
REUSE = 16  # crops an epoch for each variant that is new in it


class Lesson(NamedTuple):
    """A pair in canonical form, and what its estimate gets wrong.

    Attributes:
        low, guides: see `Canonical`.
        error: of the estimate in K directions; its mean square over the pair is 1.
        scale: by which a correction in units of `Canonical.unit` becomes one in units of `error`.
    """

    low: Float[Tensor, "1 K h w"]
    guides: Float[Tensor, "1 G H W"]
    error: Float[Tensor, "1 K H W"]
    scale: Float[Tensor, "1 K 1 1"]

    def window(self, rows: slice, columns: slice) -> Lesson:
        """Those low pixels, and the high pixels over them."""
        pixel = self.error.shape[-2] // self.low.shape[-2]
        above = (slice(pixel * rows.start, pixel * rows.stop), slice(pixel * columns.start, pixel * columns.stop))
        low, (guides, error) = self.low[..., rows, columns], (image[..., *above] for image in (self.guides, self.error))
        return Lesson(low, guides, error, self.scale)

    def moved(self, position: Position, signs: Float[Tensor, "K 1 1"], looks: Float[Tensor, "N 1 1"]) -> Lesson:
        """In that position, its directions and those of the MSI times signs."""
        of_guides = torch.cat([looks, signs.repeat((self.guides.shape[1] - LOOKS) // DIRECTIONS, 1, 1)])
        low, guides, error = (position(image) for image in self[:3])
        return Lesson(low * signs, guides * of_guides, error * signs, self.scale)

    def batch(self) -> Batch:
        """For the training step: the error alone is to be learnt, so it counts as the truth, and the estimate as 0."""
        low, guides, error = (image.float() for image in self[:3])
        one = torch.ones(1, 1, 1, 1)
        nothing = Factored.of(torch.zeros_like(low), (error.shape[-2], error.shape[-1]))
        return Batch(
            hsi=low,
            msi=guides,
            truth=error,
            base=Canonical(low, guides, nothing, torch.eye(DIRECTIONS)[None], self.scale),
            valid=torch.ones(1, *error.shape[-2:], dtype=torch.bool),
            units=Affine(0 * one, one),
            peak=one,
        )


class Lessons(Dataset[Batch]):
    """Crops of variants, turned, flipped, and with directions of either sign.

    Args:
        scenes: the truths; read at once and kept.
        size: of a crop on the high grid, cut down to a multiple of each variant's ratio.
        per_epoch: crops an epoch.
        group: so many crops in a row have the same ratio and can be a batch.
        seed: of everything random here.

    Raises:
        ValueError: if a scene has no wavelengths or is smaller than a crop.
    """

    def __init__(self, scenes: Sequence[Cube], size: int, per_epoch: int, group: int, seed: int) -> None:
        if not scenes:
            raise ValueError("no training scene: give at least one")
        for scene in scenes:
            if scene.wavelengths is None:
                raise ValueError(f"{scene.source or 'a training scene'} has no wavelengths: other sensors need them")
            if min(scene.size) < size:
                raise ValueError(
                    f"{scene.source or 'a training scene'} is {scene.size[0]}x{scene.size[1]} pixels, crops are "
                    f"{size}x{size}: leave it out or make crops smaller"
                )
        self.scenes = [scene.load() for scene in scenes]
        self.size, self.per_epoch, self.group, self.seed = size, per_epoch, group, seed
        self.fresh = max(1, per_epoch // REUSE)
        self._pool: dict[int, Lesson] = {}  # by number; a plain dict, so that a process to read ahead can be spawned

    def __len__(self) -> int:
        return self.per_epoch

    def _random(self, *numbers: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *numbers])

    def _lesson(self, number: int) -> Lesson:
        if number not in self._pool:
            random = self._random(0, number)
            scene = self.scenes[random.integers(len(self.scenes))]
            seen = variant(scene, RATIOS[number % len(RATIOS)], random)
            with torch.no_grad():
                self._pool[number] = lesson(canonical(seen.hsi, seen.msi, seen.blur), seen.truth)
        return self._pool[number]

    def __getitem__(self, number: int) -> Batch:
        """Crop `number` of the run, counted through all epochs, as a batch of one."""
        newest = (number // self.per_epoch + 1) * self.fresh
        oldest = max(0, newest - POOL)
        self._pool = {n: kept for n, kept in self._pool.items() if n >= oldest}
        together, random = self._random(1, number // self.group), self._random(2, number)
        ratio = RATIOS[together.integers(oldest, newest) % len(RATIOS)]
        suitable = [n for n in range(oldest, newest) if RATIOS[n % len(RATIOS)] == ratio]
        return cropped(self._lesson(int(random.choice(suitable))), self.size // ratio, random)


def lesson(form: Canonical, truth: Float[Tensor, "1 L H W"]) -> Lesson:
    """What there is to learn from a pair with a known truth, in half precision."""
    there = form.unit > 0
    unit = torch.where(there, form.unit, 1)
    error = along(form.axes, truth - form.estimate) / unit
    # Between the errors' own weights, which leave all but the first direction out, and equal ones, which count noise.
    scale = torch.where(there, (unit / form.unit.max()).sqrt(), 0)
    scale = scale / (scale * error).square().mean().sqrt().clamp(min=1e-6)
    largest = torch.finfo(torch.float16).max
    low, guides, error = (image.clamp(-largest, largest).half() for image in (form.low, form.guides, scale * error))
    return Lesson(low, guides, error, scale)


def cropped(whole: Lesson, low_size: int, random: np.random.Generator) -> Batch:
    """A random crop of so many low pixels a side, in a random position, with directions of either sign."""
    row, column = (int(random.integers(n - low_size + 1)) for n in whole.low.shape[-2:])
    part = whole.window(slice(row, row + low_size), slice(column, column + low_size))
    signs, looks = (
        torch.from_numpy(random.choice([-1.0, 1.0], (count, 1, 1))).float() for count in (DIRECTIONS, LOOKS)
    )
    return part.moved(Position(int(random.integers(4)), bool(random.integers(2))), signs, looks).batch()
