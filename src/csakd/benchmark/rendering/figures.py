"""The benchmark's figures, from its CSVs and looks alone: the paper's 5 to 12, and learning from one pair."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from csakd.benchmark.ledger import Row, cost_ledger, curve_ledger, existing, score_ledger
from csakd.benchmark.rendering.drawing import save
from csakd.benchmark.rendering.learning_curves import (
    convergence_figure,
    convergence_points,
    one_pair_figure,
    one_pair_points,
)
from csakd.benchmark.rendering.looks import TRUTH, Look, looks_figure, read_looks
from csakd.benchmark.rendering.robustness import attention_figure, robustness_figure
from csakd.benchmark.rendering.standings import band_sets
from csakd.benchmark.rendering.studies import WHERE, noise_levels
from csakd.benchmark.rendering.table_one import one_setting
from csakd.benchmark.rendering.tables import quality_rows
from csakd.benchmark.rendering.trade_off import spots, trade_off_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NUMBERED = {
    ("hsi", "tm4"): "figure6",
    ("both", "tm4"): "figure7",
    ("hsi", "tm6"): "figure8",
    ("both", "tm6"): "figure9",
}
Made = tuple[str, str, Callable[[], "Figure"] | None]


def render_figures(folder: Path, output: Path, say: Callable[[str], None] = print) -> list[Path]:
    """Write every figure that `folder` has the numbers for, as NAME.png.

    Args:
        folder: of `scores.csv`, `curves.csv`, `cost.csv` and `looks`, any of which may be missing.
        output: folder to write into.
        say: called with a line on each figure that is left out.

    Raises:
        ValueError: if there is no such folder, or a CSV is not of this benchmark.
    """
    scores, curves = score_ledger(existing(folder)).rows(), curve_ledger(folder).rows()
    looks = read_looks(folder / "looks", say)
    written = []
    for name, why, draw in figures(scores, curves, cost_ledger(folder).rows(), looks):
        if draw is None:
            say(f"{name}: left out, {why}")
        else:
            written.append(save(draw(), output / f"{name}.png"))
    return written


def figures(
    scores: Sequence[Row], curves: Sequence[Row], costs: Sequence[Row], looks: Sequence[Look]
) -> Iterator[Made]:
    """Every figure there can be: its file's name, what it lacks, and how to draw it if it lacks nothing."""
    for msi in sorted({look.msi for look in looks}) or ["tm4"]:
        shown = [look for look in looks if look.msi == msi]
        shown = [look for look in shown if look.scene == shown[0].scene]
        methods = [look for look in shown if look.method != TRUTH]
        name = "figure5" if msi == "tm4" else f"figure5-{msi}"
        yield name, "no looks of methods", partial(looks_figure, shown) if methods else None
    yield from _noise_figures(scores)

    quality = quality_rows(scores, "test")
    rows = [row for row in quality if row["msi"] == (band_sets(quality) or [""])[0]]
    setting = one_setting(costs, {row["method"] for row in rows})
    drawn = partial(trade_off_figure, rows, setting) if spots(rows, setting) else None
    yield "figure10", "no test scores of study quality beside times in cost.csv", drawn

    converging = convergence_points(curves)
    for msi in band_sets(converging) or ["tm4"]:
        points = [row for row in converging if row["msi"] == msi]
        origin = [row for row in scores if (row["study"], row["msi"]) == ("losses", msi)]
        drawn = partial(convergence_figure, points, origin) if points else None
        name = "figure11" if msi == "tm4" else f"figure11-{msi}"
        yield name, "no curves of study losses with the proposed or the naive ones", drawn

    judged = [*quality, *quality_rows(scores, "validation")]
    points = one_pair_points(curves, judged)
    drawn = partial(one_pair_figure, points, judged) if points else None
    yield "one-pair", "no curves of methods that learn from one pair", drawn


def _noise_figures(scores: Sequence[Row]) -> Iterator[Made]:
    robustness, attention = (
        [row for row in scores if (row["study"], row["split"]) == (study, "test")]
        for study in ("robustness", "attention")
    )
    for msi in band_sets(robustness) or ["tm4"]:
        rows = [row for row in robustness if row["msi"] == msi]
        for where in WHERE:
            name = NUMBERED.get((where, msi), f"robustness-{where}-{msi}")
            why = f"no test rows of study robustness with noise on {WHERE[where]}"
            yield name, why, partial(robustness_figure, rows, where) if noise_levels(rows, where) else None
    for msi in band_sets(attention) or ["tm4"]:
        rows = [row for row in attention if row["msi"] == msi]
        noisy = any(noise_levels(rows, where) for where in WHERE)
        name = "figure12" if msi == "tm4" else f"figure12-{msi}"
        yield name, "no test rows of study attention with noise", partial(attention_figure, rows) if noisy else None
