"""Where numbers come from, as a caption says it; and what in it should give a reader pause."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from csakd.benchmark.ledger import Row
from csakd.benchmark.methods import Name
from csakd.benchmark.rendering.lineup import entrant, shared_changes
from csakd.benchmark.rendering.standings import budget_label, numbers

CONVENTIONS = {
    "psnr": "PSNR: each band's own maximum as peak, mean over bands",
    "sam": "SAM: mean angle between spectra",
    "rmse": "RMSE: in data units (digital numbers, or as the scene has them)",
    "ergas": "ERGAS: 100/r",
    "ssim": "SSIM: Gaussian windows of 11 pixels, mean over bands",
    "uiqi": "UIQI: mean over windows and bands",
    "cc": "CC: Pearson's, mean over bands",
}


def provenance(rows: Sequence[Row], metrics: Iterable[str], averaged: bool = True, varied: Collection[str] = ()) -> str:
    """Protocol, scenes, conventions, budgets, machine and version of scores; cautions last.

    Args:
        rows: those behind the numbers, at least one.
        metrics: those shown.
        averaged: over scenes; False where each scene is shown.
        varied: columns that are to differ among the rows.
    """
    scenes, seeds = values(rows, "scene"), values(rows, "seed")
    count = f"{len(scenes)} {' and '.join(values(rows, 'split'))} scene{'s' * (len(scenes) > 1)}"
    seeded = f", {len(seeds)} seeds" if len(seeds) > 1 else ""
    bands = [f"bands {one}" if one != "own" else "each scene's own bands" for one in values(rows, "bands")]
    sentences = [
        f"Protocol {' and '.join(values(rows, 'protocol'))}: ratio {' and '.join(values(rows, 'ratio'))}, "
        f"{' and '.join(bands)}",
        f"{'Means over' if averaged else 'On'} {count}{seeded}",
        "; ".join(CONVENTIONS[metric] for metric in metrics),
        budgets(rows),
        f"Computed on {machine(rows)}",
        cautions(rows, varied),
    ]
    shared = shared_changes(values(rows, "method"))
    if shared:
        sentences.insert(2, f"Every trained network with {', '.join(shared)}")
    return " ".join(f"{sentence}." for sentence in sentences if sentence)


def machine(rows: Sequence[Row]) -> str:
    """Device, threads, dtype and version of rows of any kind; alternatives beside each other."""
    return f"{device(rows)}, {' / '.join(values(rows, 'dtype'))}, csakd {versions(rows)}"


def device(rows: Sequence[Row]) -> str:
    name, threads = (" / ".join(values(rows, column)) for column in ("device", "threads"))
    return f"{name}, {threads} thread{'s' * (threads != '1')}"


def versions(rows: Iterable[Row]) -> str:
    """Each version with the commits at which it ran: 0.1.0 @ 1a2b3c4, 5d6e7f8 / 0.2.0."""
    commits: dict[str, list[str]] = {}
    for one in values(rows, "version"):
        name, at, commit = one.partition(" @ ")
        commits.setdefault(name + at, []).append(commit)
    return " / ".join(name + ", ".join(found) for name, found in commits.items())


def budgets(rows: Sequence[Row]) -> str:
    """What learning was allowed, by kind of method."""
    said = []
    for one_pair, per in (
        (False, "a training (teacher and student share it)"),
        (True, "a pair, where that is learnt from"),
    ):
        given = _budgets(rows, one_pair)
        limited = " or ".join(budget_label(budget) for budget in given if budget)
        if "" in given:
            limited = " or ".join(part for part in (limited, "no limit but the published length") if part)
        if limited:
            said.append(f"{limited} {per}")
    return f"Budget: {'; '.join(said)}" if said else ""


def cautions(rows: Sequence[Row], varied: Collection[str] = ()) -> str:
    """Of what the caption names several, although there should be one."""
    mixed = [
        noun
        for column, noun in (
            ("protocol", "protocols"), ("version", "versions"), ("device", "devices"), ("dtype", "dtypes"),
            ("threads", "thread counts"), ("ratio", "ratios"), ("bands", "band lists"), ("split", "splits"),
        )
        if column not in varied and len(values(rows, column)) > 1
    ]  # fmt: skip
    if any(len(_budgets(rows, one_pair)) > 1 for one_pair in (False, True)):
        mixed.append("budgets")
    return f"CAUTION: rows of several {' and '.join(mixed)} are mixed" if mixed else ""


def values(rows: Iterable[Row], column: str) -> list[str]:
    """What stands in a column, each once."""
    found = dict.fromkeys(row[column] for row in rows if column in row)
    return sorted(found, key=lambda text: (numbers([{"": text}], "") or [0.0], text))


def _budgets(rows: Sequence[Row], one_pair: bool) -> list[str]:
    """Of the methods that learn: from one pair, or from scenes."""
    learning = []
    for row in rows:
        kind = entrant(Name.parse(row["method"]).model).kind
        if kind in ("classical", "shipped", "repeated") or (kind == "other" and not row["budget"]):
            continue
        if (kind == "one-pair") == one_pair:
            learning.append(row)
    return values(learning, "budget")
