"""A network for any sensor, fitted to the one pair it is to fuse, without a truth.

Seen once more from afar, the pair has one: its own LR-HSI (Wald's protocol at reduced resolution). Most of it is
learnt from; the rest decides which weights are kept, those at the start among them.
"""

from __future__ import annotations

import math
import time
from copy import deepcopy
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from csakd.budget import Budget
from csakd.classical.canonical import canonical
from csakd.cubes import Pair
from csakd.data import collate
from csakd.data.forms import Lesson, cropped, lesson
from csakd.models import Universal
from csakd.models.weights import TrainedModel
from csakd.physics import SpatialResponse

RATIOS = (2, 3, 4)  # by which the pair is seen from afar
SMALLEST = 8  # low pixels a side of what is then left
LEARNT = 0.7  # share of the columns that are learnt from
CROP = 16  # low pixels a side at most
BATCH, RATE, AVERAGING = 4, 1e-4, 0.97
CHECKS = 20  # steps between two looks at what is held out
LEAST = 0.02  # dB on what is held out, below which nothing is changed


class Adapted(NamedTuple):
    """The model to go on with, and what adapting gained on ground it did not learn from, in dB; 0 for the old model."""

    model: TrainedModel
    gain: float


def adapt(model: TrainedModel, pair: Pair, budget: Budget | None = None, *, seed: int = 0) -> Adapted:
    """Fit a network for any sensor to a pair.

    Args:
        model: such as `csakd.load("csakd-student")`.
        pair: LR-HSI and HR-MSI.
        budget: of steps or time; three minutes by default.
        seed: of crops.

    Raises:
        ValueError: if the model is not for any sensor, or the pair is too small to be seen from afar.
    """
    if not isinstance(model.network, Universal):
        raise ValueError(f"{model.card.name} was trained for one sensor: only networks for any sensor can be adapted")
    budget = budget or Budget(seconds=180)
    known, unknown = _lessons(pair)
    trained = TrainedModel(deepcopy(model.network), replace(model.card, recipe={"adapted": str(budget), "seed": seed}))
    average = deepcopy(trained)
    random = np.random.default_rng(seed)
    learner = torch.optim.AdamW(trained.parameters(), RATE)
    before = least = _error(average, unknown)
    best, begun, step = model, time.perf_counter(), 0
    while _left(budget, step, begun):
        view = known[random.integers(len(known))]
        batch = collate([cropped(view, min(CROP, *view.low.shape[-2:]), random) for _ in range(BATCH)])
        estimate, _ = trained.network(batch.hsi, batch.msi, batch.base)
        learner.zero_grad()
        nn.functional.smooth_l1_loss(estimate, batch.truth).backward()
        nn.utils.clip_grad_norm_(trained.parameters(), 1.0)
        learner.step()
        step += 1
        with torch.no_grad():
            for mean, now in zip(average.parameters(), trained.parameters(), strict=True):
                mean.lerp_(now, 1 - min(AVERAGING, step / (step + 9)))
        if step % CHECKS == 0 and (error := _error(average, unknown)) < least:
            least, best = error, deepcopy(average)
    gain = 10 * math.log10(before / least) if least > 0 else 0.0
    return Adapted(best.eval(), gain) if gain >= LEAST else Adapted(model, 0.0)


def _lessons(pair: Pair) -> tuple[list[Lesson], list[Lesson]]:
    """The pair from afar, by several ratios: the columns to learn from, and those to judge by."""
    hsi, msi, _ = (torch.from_numpy(image)[None] for image in pair.filled())
    msi = SpatialResponse(pair.ratio, pair.psf)(msi)
    known, unknown = [], []
    for ratio in RATIOS:
        rows, columns = (n // ratio for n in hsi.shape[-2:])
        if min(rows, columns) < SMALLEST:
            continue
        seam = round(LEARNT * columns)
        blur = SpatialResponse(ratio)
        truth, looks = (image[..., : ratio * rows, : ratio * columns].contiguous() for image in (hsi, msi))
        with torch.no_grad():
            whole = lesson(canonical(blur(truth), looks, blur), truth)
        known.append(whole.window(slice(0, rows), slice(0, seam)))
        unknown.append(whole.window(slice(0, rows), slice(seam, columns)))
    if not known:
        least = RATIOS[0] * SMALLEST
        raise ValueError(f"an HSI of {hsi.shape[-2]}x{hsi.shape[-1]} pixels is too small to adapt to: {least}x{least}")
    return known, unknown


@torch.no_grad()
def _error(model: TrainedModel, views: list[Lesson]) -> float:
    """Mean square of what the model leaves of the errors."""
    left = []
    for batch in (view.batch() for view in views):
        estimate, _ = model.network(batch.hsi, batch.msi, batch.base)
        left.append(float((estimate - batch.truth).square().mean()))
    return sum(left) / len(left)


def _left(budget: Budget, step: int, begun: float) -> bool:
    if budget.steps is not None:
        return step < budget.steps
    assert budget.seconds is not None
    return time.perf_counter() - begun < budget.seconds
