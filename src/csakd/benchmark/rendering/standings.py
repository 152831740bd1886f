"""Rows of results → where a method stands: means over scenes, and why a scene is missing."""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from csakd.benchmark.ledger import Row
from csakd.benchmark.rendering.lineup import label, place, shared_changes

MSI_BANDS = {"tm4": 4, "tm6": 6, "sentinel2": 10}
FEW = "too few"  # in the note of a row whose network had no time to learn


def number(text: str) -> float | None:
    """A cell's number; None where it holds none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def numbers(rows: Iterable[Row], column: str) -> list[float]:
    return [value for row in rows if (value := number(row[column])) is not None]


def mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None


def band_sets(rows: Iterable[Row]) -> list[str]:
    """The MSI band sets among the rows, those of the paper first."""
    return sorted({row["msi"] for row in rows}, key=by_size)


def by_size(msi: str) -> tuple[int, str]:
    """Sorts band sets."""
    return MSI_BANDS.get(msi, 99), msi


def bands_label(msi: str) -> str:
    return f"{MSI_BANDS[msi]} bands" if msi in MSI_BANDS else msi


def noise(row: Row) -> tuple[float | None, float | None]:
    """SNR in dB on the LR-HSI and on the HR-MSI; None for none."""
    return number(row["hsi_snr"]), number(row["msi_snr"])


@dataclass(frozen=True)
class Contender:
    """A method under one budget: a line of a table.

    Attributes:
        method: its name in the rows.
        budget: as in the rows.
        label: as printed.
        rows: its own, all scenes, seeds, band sets and noises.
    """

    method: str
    budget: str
    label: str
    rows: tuple[Row, ...]

    @property
    def few(self) -> str:
        """The note on trainings that had no time, or ""."""
        notes = {row["note"] for row in self.rows if row["status"] == "ok" and FEW in row["note"]}
        least, *more = sorted(notes, key=lambda note: int(note.split()[0])) or [""]
        return f"{least.split()[0]} to {more[-1]}" if more else least


def contenders(rows: Sequence[Row]) -> list[Contender]:
    """In the order of the tables. Results of several budgets are never averaged: each budget is a line."""
    hidden = shared_changes({row["method"] for row in rows})
    found = []
    for method in sorted({row["method"] for row in rows}, key=place):
        own = [row for row in rows if row["method"] == method]
        budgets = sorted({row["budget"] for row in own})
        for budget in budgets:
            printed = label(method, hidden) + (f", {budget_label(budget)}" if len(budgets) > 1 else "")
            found.append(Contender(method, budget, printed, tuple(row for row in own if row["budget"] == budget)))
    return found


def budget_label(budget: str) -> str:
    """ "300s" → "300 s", "2000" → "2000 steps"."""
    if not budget:
        return "no budget"
    return f"{budget} steps" if budget.isdigit() else f"{budget.removesuffix('s')} s"


@dataclass(frozen=True)
class Standing:
    """A method's scores under one band set and noise.

    Attributes:
        means: by metric, over the scenes that have a score of the mean over a scene's seeds; empty if there is none.
        missing: scenes or seeds that are not in the means, with the reason, as in "beach, urban: out of memory".
        complete: every scene has a score, so that the means compare with those of others.
    """

    means: dict[str, float]
    missing: tuple[str, ...]
    complete: bool


def standing(rows: Sequence[Row], scenes: Collection[str], metrics: Iterable[str]) -> Standing:
    """Where a method stands by `rows`, all of one band set and noise, on `scenes`."""
    good = [row for row in rows if row["status"] == "ok"]
    scored = {row["scene"] for row in good}
    means = {}
    for metric in metrics:
        by_scene = [numbers((row for row in good if row["scene"] == scene), metric) for scene in scored]
        found = mean([statistics.fmean(values) for values in by_scene if values])
        if found is not None:
            means[metric] = found
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if row["status"] != "ok":
            part = "a seed of " if row["scene"] in scored else ""
            reasons.setdefault(row["note"] or "no reason given", []).append(part + row["scene"])
    unrun = sorted(set(scenes) - {row["scene"] for row in rows})
    if unrun:
        reasons["not run"] = unrun
    missing = tuple(f"{', '.join(dict.fromkeys(places))}: {reason}" for reason, places in reasons.items())
    return Standing(means, missing, scored >= set(scenes))
