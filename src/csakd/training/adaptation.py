"""A network for any sensor, fitted to the one pair it is to fuse, without a truth.

Seen once more from afar, the pair has one: its own LR-HSI (Wald's protocol at reduced resolution). First the network is
put on the thorough base, unless that is clearly worse there. Then most of the pair is learnt from; the rest decides
which weights are kept, those at the start among them.
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

from csakd import losses, metrics
from csakd.budget import Budget, steps_shown
from csakd.classical.canonical import FORMS, THOROUGHLY, canonical
from csakd.classical.gaps import ready
from csakd.classical.width import with_psf
from csakd.cubes import Pair
from csakd.data import collate
from csakd.data.forms import Lesson, cropped, lesson
from csakd.data.variants import Variant
from csakd.models import Universal
from csakd.models.weights import TrainedModel
from csakd.physics import SpatialResponse
from csakd.training.averaging import follow

RATIOS = (2, 3, 4)  # by which the pair is seen from afar
SMALLEST = 8  # low pixels a side of what is then left
LEARNT = 0.7  # share of the columns that are learnt from
CROP = 16  # low pixels a side at most
BATCH, RATE, AVERAGING = 4, 1e-4, 0.97
TIMED = 10  # steps that tell how fast the machine is
CHECKS = 20  # steps between two looks at what is held out
LEAST = 0.02  # dB on what is held out, below which weights stay as they are
DOUBT = 0.2  # dB by which the pair from afar, of so few pixels, may wrongly find the thorough base worse


class Adapted(NamedTuple):
    """What came of it.

    Attributes:
        model: to go on with; the old one where nothing helped.
        moved: whether it now stands on the thorough base.
        gain: in dB by new weights, on ground they did not learn from; 0 where the old ones were kept.
    """

    model: TrainedModel
    moved: bool
    gain: float


def adapt(
    model: TrainedModel, pair: Pair, budget: Budget | None = None, *, seed: int = 0, progress: bool = False
) -> Adapted:
    """Fit a network for any sensor to a pair.

    Args:
        model: such as `csakd.load("csakd-student")`.
        pair: LR-HSI and HR-MSI. Without a PSF it is seen by a Gaussian as wide as it has it.
        budget: of steps or time; three minutes by default.
        seed: of crops.
        progress: a bar on stderr.

    Raises:
        ValueError: if the model is not for any sensor, or the pair is too small to be seen from afar.
    """
    check_any_sensor(model)
    begun = time.perf_counter()
    budget = budget or Budget(seconds=180)
    views = _views(pair)
    old, model = model, _on_thorough_base(model, views)
    known, unknown = _lessons(views, model.card.base)
    steps = _affordable(budget, _Learner(model, known, seed), begun)
    learner = _Learner(model, known, seed)
    before = least = _error(model, unknown)
    best = model
    with steps_shown("adapting", steps, progress) as numbers:
        for number in numbers:
            learner.step()
            if (number + 1) % CHECKS == 0 and (error := _error(learner.average, unknown)) < least:
                least, best = error, deepcopy(learner.average)
    gain = 10 * math.log10(before / least) if least > 0 else 0.0
    if gain < LEAST:
        return Adapted(model, model is not old, 0.0)
    recipe = {**model.card.recipe, "adapted": {"steps": steps, "seed": seed}}
    adapted = TrainedModel(best.network, replace(model.card, recipe=recipe, scores={})).eval()
    return Adapted(adapted, model is not old, gain)


def check_any_sensor(model: TrainedModel) -> None:
    """Raise a ValueError unless the model takes any sensor, and so this pair as it is seen from afar."""
    if not isinstance(model.network, Universal):
        raise ValueError(f"{model.card.name} was trained for one sensor: only networks for any sensor can be adapted")


@torch.no_grad()
def _on_thorough_base(model: TrainedModel, views: list[Variant]) -> TrainedModel:
    """The model on the thorough base, unless it stands there or is clearly worse for it from afar."""
    assert isinstance(model.network, Universal)
    if model.card.base == THOROUGHLY:
        return model
    slow = TrainedModel(model.network.on(THOROUGHLY), replace(model.card, base=THOROUGHLY)).eval()
    gains = []
    for hsi, msi, truth, blur in views:
        estimates = (one.at(blur.ratio)(hsi, msi)[0][0] for one in (slow, model))
        better, now = (metrics.psnr(estimate, truth[0]) for estimate in estimates)
        gains.append(float(better - now))
    return slow if sum(gains) / len(gains) > -DOUBT else model


class _Learner:
    """Weights on their way from the model's, and their average."""

    def __init__(self, model: TrainedModel, lessons: list[Lesson], seed: int) -> None:
        self.now, self.average, self.lessons = deepcopy(model), deepcopy(model), lessons
        self.random, self.steps = np.random.default_rng(seed), 0
        self.optimiser = torch.optim.AdamW(self.now.parameters(), RATE)

    def step(self) -> None:
        view = self.lessons[self.random.integers(len(self.lessons))]
        batch = collate([cropped(view, min(CROP, *view.low.shape[-2:]), self.random) for _ in range(BATCH)])
        estimate, _ = self.now.network(batch.hsi, batch.msi, batch.base)
        self.optimiser.zero_grad()
        losses.smooth_l1(estimate, batch.truth).backward()
        nn.utils.clip_grad_norm_(self.now.parameters(), 1.0)
        self.optimiser.step()
        self.steps += 1
        follow(self.average, self.now, AVERAGING, self.steps)


def _affordable(budget: Budget, trial: _Learner, begun: float) -> int:
    """The steps that the budget buys, less what was spent, timed on a learner that is thrown away."""
    if budget.seconds is None:
        return budget.steps_at(0.0)
    ends = [time.perf_counter()]
    for _ in range(TIMED):
        trial.step()
        ends.append(time.perf_counter())
    pace = (ends[-1] - ends[1]) / (TIMED - 1)  # the first has more to do
    return Budget(seconds=max(budget.seconds - (ends[-1] - begun), 1e-9)).steps_at(pace)


def _views(pair: Pair) -> list[Variant]:
    """The pair from afar, by several ratios."""
    pair = with_psf(pair)
    hsi, msi, _ = ready(pair)
    msi = SpatialResponse(pair.ratio, pair.psf)(msi)
    views = []
    for ratio in RATIOS:
        rows, columns = (n // ratio for n in hsi.shape[-2:])
        if min(rows, columns) < SMALLEST:
            continue
        blur = SpatialResponse(ratio)
        truth, looks = (image[..., : ratio * rows, : ratio * columns].contiguous() for image in (hsi, msi))
        views.append(Variant(blur(truth), looks, truth, blur))
    if not views:
        least = RATIOS[0] * SMALLEST
        raise ValueError(f"an HSI of {hsi.shape[-2]}x{hsi.shape[-1]} pixels is too small to adapt to: {least}x{least}")
    return views


@torch.no_grad()
def _lessons(views: list[Variant], base: str) -> tuple[list[Lesson], list[Lesson]]:
    """Of each view the columns to learn from, and those to judge by."""
    known, unknown = [], []
    for hsi, msi, truth, blur in views:
        whole = lesson(canonical(hsi, msi, blur, FORMS[base]), truth)
        rows, columns = hsi.shape[-2:]
        seam = round(LEARNT * columns)
        known.append(whole.window(slice(0, rows), slice(0, seam)))
        unknown.append(whole.window(slice(0, rows), slice(seam, columns)))
    return known, unknown


@torch.no_grad()
def _error(model: TrainedModel, views: list[Lesson]) -> float:
    """Mean square of what the model leaves of the errors."""
    left = []
    for batch in (view.batch() for view in views):
        estimate, _ = model.network(batch.hsi, batch.msi, batch.base)
        left.append(float((estimate - batch.truth).square().mean()))
    return sum(left) / len(left)
