"""Scores as cells of a table, with footnotes on what they leave out."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from csakd.benchmark.ledger import Row
from csakd.benchmark.rendering.standings import FEW, Contender, standing
from csakd.benchmark.rendering.typeset import BLANK, DIAMOND, STAR, Cell, Column, Footnotes
from csakd.metrics import METRICS

HEADLINE = ("psnr", "sam", "rmse")  # the paper's
_DECIMALS = {"psnr": 2, "sam": 3, "ergas": 3, "ssim": 4, "uiqi": 4, "cc": 4}
DAGGER = "†"


def score_columns(metrics: Sequence[str], group: str) -> list[Column]:
    """A column for each metric, under a common heading."""
    columns = []
    for metric in metrics:
        known = METRICS[metric]
        unit = f" / {known.unit}" if known.unit in ("dB", "°") else ""
        columns.append(Column(known.name + unit, group, 1 if known.higher_is_better else -1))
    return columns


def score_cells(
    rows: Sequence[Row], scenes: Collection[str], metrics: Sequence[str], footnotes: Footnotes, ranked: bool = True
) -> list[Cell]:
    """Mean scores of one method under one band set and noise.

    Args:
        rows: the method's.
        scenes: all that are asked for: a mean over fewer is not ranked, and says so.
        metrics: a cell each.
        footnotes: takes the reasons of what is missing.
        ranked: False keeps the cells out of the ranking.
    """
    if not rows:
        return [Cell() for _ in metrics]
    found = standing(rows, scenes, metrics)
    remark = "mean without " if found.means else ""
    marks = footnotes.marks([f"{remark}{reason}" for reason in found.missing])
    absent = BLANK if found.means else "failed"
    texts = [score_text(metric, found.means[metric]) if metric in found.means else absent for metric in metrics]
    ranked = ranked and found.complete
    return [Cell(text, "" if number else marks, ranked=ranked) for number, text in enumerate(texts)]


def name_cell(one: Contender, footnotes: Footnotes) -> Cell:
    """A contender's label; a dagger, with its reason, if its training had no time."""
    if not one.few:
        return Cell(one.label)
    return Cell(f"{one.label} {DAGGER}", footnotes.mark(one.few))


def remarks(footnotes: Footnotes, block: str, several: bool) -> tuple[tuple[str, str], ...]:
    """A table's notes: how ranks are marked, then the footnotes.

    Args:
        footnotes: of its cells.
        block: what the best is the best of, such as " of its kind"; empty if of all.
        several: whether ranks over all blocks are marked as well.
    """
    over_all = f"; {STAR} best and {DIAMOND} second of all" if several else ""
    legend = f"Bold: best{block}; underlined: second{over_all}."
    if any(FEW in text for text in footnotes.texts):
        legend += f" {DAGGER} not ranked."
    return (("", legend), *footnotes.lines())


def dagger_remark(rows: Sequence[Row]) -> str:
    """What a dagger means, for a figure; empty if nothing has one."""
    return f" {DAGGER} too few steps to mean anything." if any(FEW in row["note"] for row in rows) else ""


def score_text(metric: str, value: float) -> str:
    return significant(value, 4) if metric == "rmse" else f"{value:.{_DECIMALS[metric]}f}"


def significant(value: float, digits: int) -> str:
    """With so many digits, never in exponents: 0.01209, 31.56, 2070."""
    if value == 0:
        return "0"
    return f"{value:.{max(0, digits - 1 - math.floor(math.log10(abs(value))))}f}"
