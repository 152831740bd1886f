"""Figures of quality while methods learn: the paper's 11, and methods that learn from one pair."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from csakd.benchmark.ledger import Row
from csakd.benchmark.methods import TRAINED, Name
from csakd.benchmark.rendering.drawing import PAGE, blank, legend_above, look_of, plain_log, styled
from csakd.benchmark.rendering.lineup import BLUE, GREY, VERMILION, label, place
from csakd.benchmark.rendering.provenance import machine, values
from csakd.benchmark.rendering.standings import band_sets, bands_label, number, standing
from csakd.benchmark.rendering.studies import NAIVE, loss_changes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOSS = "mean/loss"
Curve = list[tuple[float, float]]


@styled
def convergence_figure(points: Sequence[Row], scores: Sequence[Row] = ()) -> Figure:
    """Figure 11: training loss and validation PSNR by step, with the proposed losses and with the naive ones.

    Args:
        points: of one band set, see `convergence_points`; at least one.
        scores: of the same study, for the line on where the curves come from.
    """
    figure = blank(PAGE, 3.4, _source(points, scores, "Validation PSNR: mean over the validation scenes"))
    loss_axes, psnr_axes = figure.subplots(1, 2)
    drawn: list[Curve] = []
    for method in sorted({row["method"] for row in points}, key=place):
        network, weights = loss_changes(method)
        role = TRAINED.get(Name.parse(network).model, ("", "student"))[1]
        look = {"color": VERMILION if not weights else BLUE, "ls": "-" if role == "teacher" else "--"}
        name = f"{label(network)}, {'proposed' if not weights else 'naive'} losses"
        own = [row for row in points if row["method"] == method]
        for number_of_run, run in enumerate(dict.fromkeys((row["seed"], row["budget"]) for row in own)):
            by_run = [row for row in own if (row["seed"], row["budget"]) == run]
            psnr = curve_of(row for row in by_run if row["series"] == f"{role}/psnr")
            psnr_axes.plot(*_axes_of(psnr), **look, label="_" if number_of_run else name)
            loss = curve_of(row for row in by_run if row["series"] == LOSS)
            if loss not in drawn:  # a teacher and its student share a run, so a loss
                loss_axes.plot(*_axes_of(loss), **{**look, "ls": "-"})
                drawn.append(loss)
    loss_axes.set_yscale("log")  # losses are of any size, and fall fast at first
    plain_log(loss_axes.yaxis)
    loss_axes.set_ylabel("training loss (sum of its own terms)")
    psnr_axes.set_ylabel("validation PSNR / dB ↑")
    for axes in (loss_axes, psnr_axes):
        axes.set_xlabel("step")
    legend_above(figure, psnr_axes, 2)
    return figure


def convergence_points(curves: Sequence[Row]) -> list[Row]:
    """Of study losses: the proposed losses and the naive ones."""
    return [row for row in curves if row["study"] == "losses" and loss_changes(row["method"])[1] in ({}, NAIVE)]


@styled
def one_pair_figure(points: Sequence[Row], scores: Sequence[Row]) -> Figure:
    """PSNR against seconds of methods that learn from the pair they fuse, and bicubic's as a line.

    Thin lines are scenes, thick ones their mean as long as all of them last.

    Args:
        points: see `one_pair_points`; at least one.
        scores: of study quality.
    """
    scenes, sets = values(points, "scene"), band_sets(points)
    splits = values((row for row in scores if row["scene"] in scenes), "split")
    drawn = f"{len(scenes)} {' and '.join(splits)} scene{'s' * (len(scenes) > 1)}"
    figure = blank(PAGE, 3.6, _source(points, scores, f"Thin: {drawn}; thick: their mean"))
    for axes, msi in zip(figure.subplots(1, len(sets), squeeze=False)[0], sets, strict=True):
        here = [row for row in points if row["msi"] == msi]
        for method in sorted({row["method"] for row in here}, key=place):
            _pair_curves(axes, [row for row in here if row["method"] == method])
        rows = [row for row in scores if (row["method"], row["msi"]) == ("bicubic", msi) and row["scene"] in scenes]
        level = standing(rows, scenes, ["psnr"])
        if level.complete:
            axes.axhline(level.means["psnr"], color=GREY, ls=":", label="bicubic, mean")
        axes.set_xscale("log")
        plain_log(axes.xaxis)
        axes.set_xlabel("seconds of learning")
        axes.set_ylabel("PSNR / dB ↑")
        axes.set_title(f"HR-MSI of {bands_label(msi)}")
    legend_above(figure, figure.axes[0], 4)
    return figure


def one_pair_points(curves: Sequence[Row], scores: Sequence[Row]) -> list[Row]:
    """PSNR while one pair is learnt from, in study quality: of the test scenes, or if there are none of all."""
    points = [row for row in curves if row["study"] == "quality" and row["scene"] and row["series"] == "psnr"]
    test = {row["scene"] for row in scores if row["split"] == "test"}
    return [row for row in points if row["scene"] in test] or points


def _pair_curves(axes: Axes, points: Sequence[Row]) -> None:
    """One method: a thin line a scene and seed, a thick one for their mean."""
    look = look_of(points[0]["method"])
    runs: dict[tuple[str, ...], list[Row]] = {}
    for row in points:
        runs.setdefault((row["scene"], row["seed"], row["budget"]), []).append(row)
    curves = [curve_of(run, by="seconds") for run in runs.values()]
    for curve in curves:
        axes.plot(*_axes_of(curve), color=look["color"], lw=0.5, alpha=0.5)
    mean = mean_curve(curves)
    if mean:
        name = label(points[0]["method"])
        axes.plot(*_axes_of(mean), **{**look, "lw": 1.8, "markevery": [-1], "ms": 6, "label": name})


def curve_of(points: Iterable[Row], by: str = "step") -> Curve:
    """(place, value) of one run's points, in the order of the file; what holds no number is left out."""
    numbers = ((number(row[by]), number(row["value"])) for row in points)
    return [(at, value) for at, value in numbers if at is not None and value is not None]


def mean_curve(curves: Sequence[Curve]) -> Curve:
    """The mean of curves over places that differ: interpolated in between, and no further than all of them reach."""
    if not all(curves):
        return []
    start, end = max(curve[0][0] for curve in curves), min(curve[-1][0] for curve in curves)
    places = sorted({at for curve in curves for at, _ in curve if start <= at <= end} | {start, end})
    lines = [np.interp(places, *_axes_of(curve)) for curve in curves]
    return (
        [(at, float(value)) for at, value in zip(places, np.mean(lines, axis=0), strict=True)] if start <= end else []
    )


def _axes_of(curve: Curve) -> tuple[list[float], list[float]]:
    return [at for at, _ in curve], [value for _, value in curve]


def _source(points: Sequence[Row], scores: Sequence[Row], said: str) -> str:
    sets = " and ".join(bands_label(msi) for msi in band_sets(points))
    seeds = values(points, "seed")
    ends = [f"{len(seeds)} seeds"] * (len(seeds) > 1) + [machine(scores)] * bool(scores)
    return f"Protocol {' and '.join(values(points, 'protocol'))}, HR-MSI of {sets}. {said}. {'. '.join(ends)}".strip()
