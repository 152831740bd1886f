"""The paper's Table I: quality, size and cost of every method; in full, by scene, and cost alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from csakd.benchmark.ledger import Row
from csakd.benchmark.methods import Name
from csakd.benchmark.rendering.lineup import KINDS, entrant, label, place
from csakd.benchmark.rendering.printed import NOT_PRINTED, PRINTED, PRINTED_SETTING, agree
from csakd.benchmark.rendering.provenance import device, machine, provenance, versions
from csakd.benchmark.rendering.score_cells import HEADLINE, name_cell, remarks, score_cells, score_columns, significant
from csakd.benchmark.rendering.standings import Contender, band_sets, bands_label, contenders, mean, number, numbers
from csakd.benchmark.rendering.typeset import BLANK, Cell, Column, Footnotes, Line, Table, ranked

SIZE_COLUMNS = (
    Column("ours", "parameters / 10⁶"),
    Column("paper", "parameters / 10⁶"),
    Column("ours", "MACs / 10⁹"),
    Column("paper", "MACs / 10⁹"),
)
LEARNING_COLUMNS = (Column("steps", "learning"), Column("s", "learning"))
_SETTING = ("hsi_bands", "msi_bands", "ratio", "size", "device", "threads")


def table_one(rows: Sequence[Row], costs: Sequence[Row] = (), title: str = "Quality and cost") -> Table:
    """Quality under every band set, size, cost, and what learning took.

    Args:
        rows: scores without noise, on the scenes and bands to be shown; at least one.
        costs: of any methods; of these one setting is shown.
        title: of the table.
    """
    footnotes, sets, field = Footnotes(), band_sets(rows), contenders(rows)
    shown = one_setting(costs, {row["method"] for row in rows})
    cost_of = {row["method"]: row for row in shown}
    learners = any(row["steps"] for row in rows)
    columns = [Column("method"), *_quality_columns(sets, HEADLINE)]
    if cost_of:
        columns += [*SIZE_COLUMNS, Column("s", "one pass"), Column("MB", "one pass")]
    columns += LEARNING_COLUMNS * learners
    lines = []
    for one in field:
        cells = _quality(one, rows, sets, HEADLINE, footnotes)
        if cost_of:
            cells += _cost(one.method, cost_of.get(one.method), footnotes)
        if learners:
            cells += _learning(one, sets[0])
        lines.append(Line(tuple(cells), _kind(one.method)))
    caption = provenance(rows, HEADLINE)
    if shown:
        caption += f" Size and cost: {_setting(shown[0])}, {machine(shown)}."
    if learners:
        caption += f" Learning: at {bands_label(sets[0])}, mean over runs or pairs."
    return _table(title, caption, columns, lines, footnotes)


def table_one_metrics(rows: Sequence[Row], metrics: Sequence[str], title: str = "All metrics") -> Table:
    """`table_one` with any metrics and nothing else."""
    footnotes, sets = Footnotes(), band_sets(rows)
    columns = [Column("method"), *_quality_columns(sets, metrics)]
    lines = [Line(tuple(_quality(one, rows, sets, metrics, footnotes)), _kind(one.method)) for one in contenders(rows)]
    return _table(title, provenance(rows, metrics), columns, lines, footnotes)


def table_one_scenes(rows: Sequence[Row], title: str = "Quality by scene") -> Table:
    """A block for each scene."""
    footnotes, sets, lines = Footnotes(), band_sets(rows), []
    field = contenders(rows)
    for scene in sorted({row["scene"] for row in rows}):
        for one in field:
            own = replace(one, rows=tuple(row for row in one.rows if row["scene"] == scene))
            if own.rows:
                lines.append(Line(tuple(_quality(own, own.rows, sets, HEADLINE, footnotes)), scene))
    columns = [Column("method"), *_quality_columns(sets, HEADLINE)]
    notes = remarks(footnotes, " on the scene", several=False)
    caption = provenance(rows, HEADLINE, averaged=False)
    return Table(title, caption, tuple(columns), ranked(lines, columns, overall=False), notes)


def table_cost(costs: Sequence[Row]) -> Table:
    """What methods cost, in every setting and precision that was measured."""
    footnotes, lines = Footnotes(), []
    dtypes = sorted({row["dtype"] for row in costs}, reverse=True)  # fp32 first
    columns = [Column("method"), *SIZE_COLUMNS]
    for dtype in dtypes:
        columns += [Column("s", f"one pass, {dtype}"), Column("MB", f"one pass, {dtype}")]
    for setting in sorted({tuple(row[column] for column in _SETTING) for row in costs}):
        members = [row for row in costs if tuple(row[column] for column in _SETTING) == setting]
        for method in sorted({row["method"] for row in members}, key=place):
            by_dtype = {row["dtype"]: row for row in members if row["method"] == method}
            cells = [Cell(label(method)), *_size(method, next(iter(by_dtype.values())), footnotes)]
            for dtype in dtypes:
                cells += _pass(by_dtype.get(dtype), footnotes)
            lines.append(Line(tuple(cells), f"{_setting(members[0])}; {device(members)}"))
    caption = "Median time of a pass after one to warm up, peak memory above what was in use before; "
    caption += f"csakd {versions(costs)}."
    return Table("Cost", caption, tuple(columns), tuple(lines), tuple(footnotes.lines()))


def _table(title: str, caption: str, columns: Sequence[Column], lines: Sequence[Line], footnotes: Footnotes) -> Table:
    several = len({line.block for line in lines}) > 1
    return Table(title, caption, tuple(columns), ranked(lines, columns), remarks(footnotes, " of its kind", several))


def _kind(method: str) -> str:
    return KINDS[entrant(Name.parse(method).model).kind]


def _quality_columns(sets: Sequence[str], metrics: Sequence[str]) -> list[Column]:
    return [column for msi in sets for column in score_columns(metrics, bands_label(msi))]


def _quality(
    one: Contender, rows: Sequence[Row], sets: Sequence[str], metrics: Sequence[str], footnotes: Footnotes
) -> list[Cell]:
    """A contender's name and scores; `rows` are everybody's and tell which scenes there are."""
    cells = [name_cell(one, footnotes)]
    for msi in sets:
        scenes = {row["scene"] for row in rows if row["msi"] == msi}
        own = [row for row in one.rows if row["msi"] == msi]
        cells += score_cells(own, scenes, metrics, footnotes, ranked=not one.few)
    return cells


def one_setting(costs: Sequence[Row], methods: set[str]) -> list[Row]:
    """The rows in fp32 of the setting that most of the methods were measured in, 4 MSI bands first."""
    candidates = [row for row in costs if row["dtype"] == "fp32" and row["method"] in methods]
    counted = Counter(tuple(row[column] for column in _SETTING) for row in candidates)
    if not counted:
        return []
    best = max(counted, key=lambda setting: (setting[1] == "4", counted[setting], setting))
    return [row for row in candidates if tuple(row[column] for column in _SETTING) == best]


def _setting(cost: Row) -> str:
    return (f"{cost['hsi_bands']} + {cost['msi_bands']} bands to {cost['size']}×{cost['size']} pixels at ratio "
            f"{cost['ratio']}")  # fmt: skip


def _cost(method: str, cost: Row | None, footnotes: Footnotes) -> list[Cell]:
    return [*_size(method, cost, footnotes), *_pass(cost, footnotes)]


def _size(method: str, cost: Row | None, footnotes: Footnotes) -> list[Cell]:
    """Parameters and MACs, each beside what the paper prints; a footnote where the two differ."""
    comparable = cost is None or tuple(cost[column] for column in _SETTING[:4]) == PRINTED_SETTING
    paper = PRINTED.get(method, NOT_PRINTED) if comparable else NOT_PRINTED
    parameters = number(cost["parameters"]) if cost else None
    cells = []
    for ours, printed, why in (
        (parameters / 1e6 if parameters else None, paper.parameters, paper.parameters_why),
        (number(cost["gmacs"]) if cost else None, paper.gmacs, paper.gmacs_why),
    ):
        mark = ""
        if ours is not None and printed and not agree(ours, printed):
            mark = footnotes.mark(why or "differs from the paper's; we know no reason")
        cells += [Cell(BLANK if not ours else significant(ours, 4), mark), Cell(printed or BLANK)]
    return cells


def _pass(cost: Row | None, footnotes: Footnotes) -> list[Cell]:
    """Seconds and memory of one pass; a footnote on anything odd."""
    if cost is None:
        return [Cell(), Cell()]
    seconds, memory = number(cost["seconds"]), number(cost["peak_mb"])
    mark = footnotes.mark(cost["note"]) if cost["note"] else ""
    return [
        Cell("failed" if cost["status"] != "ok" else BLANK if seconds is None else significant(seconds, 3), mark),
        Cell(BLANK if memory is None else f"{memory:.0f}"),
    ]


def _learning(one: Contender, msi: str) -> list[Cell]:
    """Steps and seconds, under the first band set."""
    rows = [row for row in one.rows if row["msi"] == msi]
    steps, seconds = mean(numbers(rows, "steps")), mean(numbers(rows, "learn_seconds"))
    return [
        Cell(BLANK if steps is None else f"{steps:.0f}"),
        Cell(BLANK if seconds is None else significant(seconds, 3)),
    ]
