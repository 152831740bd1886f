"""Figures of quality under noise: the paper's 6 to 9, and 12."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from csakd.benchmark.ledger import Row
from csakd.benchmark.methods import Name
from csakd.benchmark.rendering.drawing import PAGE, blank, legend_above, look_of, styled
from csakd.benchmark.rendering.lineup import BLUE, GREEN, GREY, PURPLE, VERMILION
from csakd.benchmark.rendering.provenance import provenance
from csakd.benchmark.rendering.score_cells import DAGGER, dagger_remark, score_columns
from csakd.benchmark.rendering.standings import Contender, bands_label, contenders, noise, standing
from csakd.benchmark.rendering.studies import WHERE, noise_levels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN = ("psnr", "sam")
FUSION_LOOKS = {
    "csa": (VERMILION, "o"),
    "csa-invariant": (VERMILION, "h"),
    "sum": (BLUE, "s"),
    "attention": (GREEN, "^"),
    "static-gate": (PURPLE, "D"),
}


@styled
def robustness_figure(rows: Sequence[Row], where: str) -> Figure:
    """Figures 6 to 9: PSNR and SAM of every method against the noise on "hsi" or on "both".

    Args:
        rows: of study robustness and one band set, with noise there.
        where: the noise is.
    """
    levels = noise_levels(rows, where)
    rows = [row for row in rows if noise(row) in levels]
    source = f"HR-MSI of {bands_label(rows[0]['msi'])}, noise on {WHERE[where]}. {provenance(rows, SHOWN)}"
    figure = blank(PAGE, 3.9, source + dagger_remark(rows))
    panels = figure.subplots(1, 2)
    for axes, metric in zip(panels, SHOWN, strict=True):
        noise_panel(axes, rows, where, metric, lambda one: {**look_of(one.method), "label": one.label})
    legend_above(figure, panels[0], 4)
    return figure


@styled
def attention_figure(rows: Sequence[Row]) -> Figure:
    """Figure 12: the same network with and without cross self-attention.

    Args:
        rows: of study attention and one band set; those that change `options.fusion` are the ones without.
    """
    places = [where for where in WHERE if noise_levels(rows, where)]
    source = f"HR-MSI of {bands_label(rows[0]['msi'])}. {provenance(rows, SHOWN)}"
    figure = blank(PAGE, 2.3 * len(places) + 0.4, source + dagger_remark(rows))
    grid = figure.subplots(len(places), 2, squeeze=False)
    for panels, where in zip(grid, places, strict=True):
        for axes, metric in zip(panels, SHOWN, strict=True):
            noise_panel(axes, rows, where, metric, _fusion_look)
            axes.set_title(f"noise on {WHERE[where]}")
    legend_above(figure, grid[0][0], 2)
    return figure


def noise_panel(
    axes: Axes, rows: Sequence[Row], where: str, metric: str, look: Callable[[Contender], dict[str, Any]]
) -> None:
    """One metric against the SNR; without noise stands apart, at the right end. Incomplete means are left out."""
    levels = noise_levels(rows, where)
    noisy = [level[0] for level in levels if level[0] is not None]
    step = (noisy[-1] - noisy[0]) / (len(noisy) - 1) if len(noisy) > 1 else 5.0
    apart = noisy[-1] + 1.5 * step
    for one in contenders(rows):
        points = []
        for level in levels:
            scenes = {row["scene"] for row in rows if noise(row) == level}
            found = standing([row for row in one.rows if noise(row) == level], scenes, [metric])
            if found.complete:
                points.append((apart if level[0] is None else level[0], found.means[metric]))
        if not points:
            continue
        style = look(one)
        style["label"] += f" {DAGGER}" * bool(one.few) + " (incomplete)" * (len(points) < len(levels))
        connected = [point for point in points if point[0] < apart]
        axes.plot(*zip(*connected, strict=True) if connected else ((), ()), **style)
        if points[-1][0] == apart:
            dotted = {**style, "ls": ":", "label": "_", "marker": ""}
            axes.plot(*zip(*points[-2:], strict=True), **dotted)
            axes.plot(*points[-1], **{**style, "label": "_", "ls": ""})
    ticks = [*noisy, apart] if len(levels) > len(noisy) else noisy
    axes.set_xticks(ticks, [f"{snr:g}" for snr in noisy] + ["clean"] * (len(ticks) - len(noisy)))
    if len(ticks) > len(noisy):
        _break(axes, noisy[-1] + 0.75 * step)
    axes.set_xlabel("SNR / dB")
    axes.set_ylabel(score_columns([metric], "")[0].title)


def _fusion_look(one: Contender) -> dict[str, Any]:
    changes = [change.partition("=") for change in Name.parse(one.method).changes]
    fusion = next((value for field, _, value in changes if field == "options.fusion"), "csa")
    colour, marker = FUSION_LOOKS.get(fusion, (GREY, "P"))
    kind = "with CSA" if fusion.startswith("csa") else f"without ({fusion})"
    style = {"ls": "-"} if fusion.startswith("csa") else {"ls": "--", "mfc": "white"}
    stem = one.label.partition(" (")[0]
    return {"color": colour, "marker": marker, "label": f"{stem}: {kind}", **style}


def _break(axes: Axes, at: float) -> None:
    """Two strokes across the axis: it is not to scale here."""
    axes.annotate("//", (at, 0), xycoords=("data", "axes fraction"), ha="center", va="center", annotation_clip=False)
