"""The paper's Figure 10: quality against time and memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from csakd.benchmark.ledger import Row
from csakd.benchmark.rendering.drawing import INK, PAGE, blank, look_of, plain_log, styled
from csakd.benchmark.rendering.name_tags import Tag, place_tags
from csakd.benchmark.rendering.provenance import machine, provenance
from csakd.benchmark.rendering.score_cells import DAGGER, dagger_remark
from csakd.benchmark.rendering.standings import Contender, bands_label, contenders, mean, number, numbers, standing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LARGEST, LEAST = 900.0, 16.0  # areas of circles in square points
FLOOR = 0.0  # dB; whoever is below it would take the room of all others
LEGEND_MB = (10, 30, 100, 300, 1000, 3000, 10_000, 30_000)


@dataclass(frozen=True)
class Spot:
    """Where a method stands.

    Attributes:
        one: the method.
        psnr: mean over the scenes, dB.
        seconds: of one pass, or of learning from a pair.
        megabytes: at the peak; None where unknown.
    """

    one: Contender
    psnr: float
    seconds: float
    megabytes: float | None

    @property
    def name(self) -> str:
        return self.one.label + f" {DAGGER}" * bool(self.one.few)


def spots(rows: Sequence[Row], costs: Sequence[Row]) -> list[Spot]:
    """The methods that have both a score on every scene and a time.

    Args:
        rows: scores of one band set without noise.
        costs: of one setting, a row a method.
    """
    scenes = {row["scene"] for row in rows}
    cost_of = {cost["method"]: cost for cost in costs}
    found = []
    for one in contenders(rows):
        score = standing(one.rows, scenes, ["psnr"])
        cost = cost_of.get(one.method)
        seconds = number(cost["seconds"]) if cost else None
        if seconds is None and not numbers(one.rows, "fuse_seconds"):  # it learns while it fuses
            seconds = mean(numbers(one.rows, "learn_seconds"))
        if score.complete and seconds:
            found.append(Spot(one, score.means["psnr"], seconds, number(cost["peak_mb"]) if cost else None))
    return found


@styled
def trade_off_figure(rows: Sequence[Row], costs: Sequence[Row]) -> Figure:
    """Figure 10: PSNR against seconds, a circle's area the peak of memory. Good is up and, unlike the paper's, left.

    Args:
        rows: scores of one band set without noise.
        costs: of one setting, a row a method.
    """
    found = spots(rows, costs)
    figure = blank(PAGE, 6.6, _source(rows, costs, found))
    axes = figure.subplots()
    axes.set_xscale("log")
    axes.set_xlabel("seconds a scene")
    axes.set_ylabel("PSNR / dB ↑")
    shown = [spot for spot in found if spot.psnr >= FLOOR]
    most = max((spot.megabytes or 0.0 for spot in shown), default=0.0)
    for spot in shown:
        look = look_of(spot.one.method)
        face = "white" if look["mfc"] == "white" else (*_rgb(look["color"]), 0.5)
        known = spot.megabytes is not None
        axes.scatter(
            [spot.seconds], [spot.psnr], s=_area(spot.megabytes, most), marker="o" if known else "s",
            facecolor=face, edgecolor=look["color"], linewidth=1.2, zorder=3,
        )  # fmt: skip
    axes.margins(x=0.14, y=0.12)
    plain_log(axes.xaxis)
    _memory_legend(axes, most)
    figure.draw_without_rendering()  # settles the layout, for the labels to know how much room there is
    figure.set_layout_engine("none")
    place_tags(axes, [Tag(s.seconds, s.psnr, math.sqrt(_area(s.megabytes, most)) / 2, s.name) for s in shown])
    return figure


def _source(rows: Sequence[Row], costs: Sequence[Row], found: Sequence[Spot]) -> str:
    said = [f"HR-MSI of {bands_label(rows[0]['msi'])}.", provenance(rows, ["psnr"]) + dagger_remark(rows)]
    if costs:
        said.append(f"One pass: {costs[0]['size']}×{costs[0]['size']} pixels, {machine(costs)}.")
    if any(spot.megabytes is None for spot in found):
        said.append("Squares: memory not measured; where a method learns from the pair, time is that of learning.")
    below = [f"{spot.name}, {spot.psnr:.1f} dB" for spot in found if spot.psnr < FLOOR]
    if below:
        said.append(f"Below the panel: {'; '.join(below)}.")
    named = {spot.one.label for spot in found}
    left_out = [one.label for one in contenders(rows) if one.label not in named]
    if left_out:
        said.append(f"Left out, without a time or a score on every scene: {', '.join(left_out)}.")
    return " ".join(said)


def _area(megabytes: float | None, most: float) -> float:
    """In square points; what is too small to be seen has the least area that can be."""
    return max(LEAST, LARGEST * megabytes / most) if megabytes and most else LEAST


def _rgb(colour: str) -> tuple[float, ...]:
    from matplotlib.colors import to_rgb

    return to_rgb(colour)


def _memory_legend(axes: Axes, most: float) -> None:
    """Three circles of known size, none too small to be true, in a row above the panel."""
    from matplotlib.lines import Line2D

    shown = [size for size in LEGEND_MB if size <= most and _area(size, most) > LEAST][-3:]
    handles = [
        Line2D([], [], ls="", marker="o", mfc="none", mec=INK, ms=math.sqrt(_area(size, most)),
               label=f"{size} MB" if size < 1000 else f"{size / 1000:g} GB")
        for size in shown
    ]  # fmt: skip
    if handles:
        axes.legend(handles=handles, title="peak memory (area)", alignment="left", ncols=3, loc="lower right",
                    bbox_to_anchor=(1, 1), handletextpad=1.2, columnspacing=2.5, borderpad=1.0)  # fmt: skip
