"""Tables of the studies: the paper's robustness (II), loss terms (III) and depths (IV), and whatever the sensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from csakd.benchmark.ledger import Row
from csakd.benchmark.methods import Name
from csakd.benchmark.rendering.lineup import KINDS, entrant, label, place, shared_changes
from csakd.benchmark.rendering.printed import NOT_PRINTED, PRINTED_DEPTHS
from csakd.benchmark.rendering.provenance import provenance, values
from csakd.benchmark.rendering.score_cells import (
    DAGGER,
    HEADLINE,
    name_cell,
    remarks,
    score_cells,
    score_columns,
    score_text,
    significant,
)
from csakd.benchmark.rendering.standings import (
    Contender,
    bands_label,
    budget_label,
    by_size,
    contenders,
    mean,
    noise,
    number,
    standing,
)
from csakd.benchmark.rendering.studies import (
    WHERE,
    depths,
    level_label,
    loss_changes,
    loss_label,
    loss_place,
    noise_levels,
    preset,
)
from csakd.benchmark.rendering.table_one import SIZE_COLUMNS
from csakd.benchmark.rendering.typeset import Cell, Column, Footnotes, Line, Table, ranked

BY_NOISE = ("psnr", "sam")


def table_two(rows: Sequence[Row], where: str) -> Table:
    """Robustness: PSNR and SAM at each level of noise, and their average over the levels.

    Args:
        rows: of study robustness and one band set.
        where: the noise is on "hsi" or on "both".
    """
    levels, footnotes = noise_levels(rows, where), Footnotes()
    rows = [row for row in rows if noise(row) in levels]
    columns = [Column("method")]
    for level in levels:
        columns += score_columns(BY_NOISE, level_label(level))
    columns += score_columns(BY_NOISE, "average")
    lines = []
    for one in contenders(rows):
        cells, means = [name_cell(one, footnotes)], []
        for level in levels:
            scenes = {row["scene"] for row in rows if noise(row) == level}
            own = [row for row in one.rows if noise(row) == level]
            cells += score_cells(own, scenes, BY_NOISE, footnotes, ranked=not one.few)
            means.append(standing(own, scenes, BY_NOISE))
        for metric in BY_NOISE:
            whole = mean([found.means[metric] for found in means]) if all(found.complete for found in means) else None
            cells.append(Cell() if whole is None else Cell(score_text(metric, whole), ranked=not one.few))
        lines.append(Line(tuple(cells), KINDS[entrant(Name.parse(one.method).model).kind]))
    caption = (
        f"HR-MSI: {bands_label(rows[0]['msi'])}. White Gaussian noise on {WHERE[where]}. {provenance(rows, BY_NOISE)}"
    )
    notes = remarks(footnotes, " of its kind", several=len({line.block for line in lines}) > 1)
    return Table("Robustness", caption, tuple(columns), ranked(lines, columns), notes)


def table_sensors(rows: Sequence[Row]) -> Table:
    """PSNR and SAM for each band set and ratio, of the seeds that every method has: another seed is other noise.

    Args:
        rows: of study sensors, one split and one noise.
    """
    footnotes, lines = Footnotes(), []
    shared = set.intersection(*({row["seed"] for row in one.rows} for one in contenders(rows)))
    rows = [row for row in rows if row["seed"] in shared] or rows
    columns = [Column("method"), *_sensor_columns(rows)]
    for one in contenders(rows):
        cells = [name_cell(one, footnotes), *_by_sensor(one.rows, rows, footnotes, ranked=not one.few)]
        lines.append(Line(tuple(cells), KINDS[entrant(Name.parse(one.method).model).kind]))
    levels = {noise(row) for row in rows}
    noisy = "" if levels == {(None, None)} else f"White Gaussian noise on {WHERE['both']}. "
    notes = remarks(footnotes, " of its kind", several=len({line.block for line in lines}) > 1)
    return Table(
        "Sensors", noisy + provenance(rows, BY_NOISE, varied=("ratio",)), tuple(columns), ranked(lines, columns), notes
    )


def table_seeds(rows: Sequence[Row]) -> Table:
    """What a repetition makes of a training: each seed's means, without noise.

    Args:
        rows: of study sensors and one split.
    """
    footnotes, lines = Footnotes(), []
    rows = [row for row in rows if noise(row) == (None, None)]
    repeated = [one for one in contenders(rows) if len({row["seed"] for row in one.rows}) > 1]
    rows = [row for one in repeated for row in one.rows]
    columns = [Column("method"), Column("seed"), *_sensor_columns(rows)]
    for one in repeated:
        for seed in values(one.rows, "seed"):
            own = [row for row in one.rows if row["seed"] == seed]
            lines.append(Line((Cell(one.label), Cell(seed), *_by_sensor(own, rows, footnotes))))
    notes = remarks(footnotes, "", several=False)
    return Table("Seeds", provenance(rows, BY_NOISE, varied=("ratio",)), tuple(columns), ranked(lines, columns), notes)


def _sensors(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Band sets and ratios, in the order of columns."""
    found = {(row["msi"], row["ratio"]) for row in rows}
    return sorted(found, key=lambda sensor: (-int(sensor[1]), by_size(sensor[0])))


def _sensor_columns(rows: Sequence[Row]) -> list[Column]:
    pairs = [score_columns(BY_NOISE, f"{bands_label(msi)}, ratio {ratio}") for msi, ratio in _sensors(rows)]
    return [column for pair in pairs for column in pair]


def _by_sensor(own: Sequence[Row], rows: Sequence[Row], footnotes: Footnotes, ranked: bool = True) -> list[Cell]:
    """Scores of a method's `own` rows under each sensor of `rows`."""
    cells = []
    for sensor in _sensors(rows):
        scenes = {row["scene"] for row in rows if (row["msi"], row["ratio"]) == sensor}
        here = [row for row in own if (row["msi"], row["ratio"]) == sensor]
        cells += score_cells(here, scenes, BY_NOISE, footnotes, ranked=ranked)
    return cells


def table_three(rows: Sequence[Row]) -> Table:
    """Loss terms: the same network trained under changed weights; a group of columns for each network.

    Args:
        rows: of study losses and one band set.
    """
    footnotes, scenes, field = Footnotes(), {row["scene"] for row in rows}, contenders(rows)
    changes = {one.method: loss_changes(one.method) for one in field}
    settings = {loss_label(weights): weights for _, weights in changes.values()}
    hidden = shared_changes(changes)
    several = len({one.budget for one in field}) > 1
    networks: dict[tuple[str, str], dict[str, Contender]] = {}
    for one in sorted(field, key=lambda one: place(changes[one.method][0])):
        network, weights = changes[one.method]
        networks.setdefault((network, one.budget), {})[loss_label(weights)] = one
    columns = [Column("loss")]
    for network, budget in networks:
        columns += score_columns(HEADLINE, label(network, hidden) + (f", {budget_label(budget)}" if several else ""))
    lines = []
    for setting in sorted(settings, key=lambda setting: (loss_place(settings[setting]), setting)):
        cells = [Cell(setting)]
        for runs in networks.values():
            cells += _run_cells(runs.get(setting), scenes, footnotes)
        lines.append(Line(tuple(cells)))
    caption = f"HR-MSI: {bands_label(rows[0]['msi'])}. All λ are 0.1 but those named; naive: λ₁ = λ₂ = λ₃ = 0. "
    caption += provenance(rows, HEADLINE)
    notes = remarks(footnotes, "", several=False)
    return Table("Loss terms", caption, tuple(columns), ranked(lines, columns), notes)


def _run_cells(run: Contender | None, scenes: set[str], footnotes: Footnotes) -> list[Cell]:
    """Scores of one training, the dagger beside the first."""
    if run is None:
        return [Cell() for _ in HEADLINE]
    cells = score_cells(run.rows, scenes, HEADLINE, footnotes, ranked=not run.few)
    if run.few:
        marks = filter(None, (cells[0].notes, f"{DAGGER},{footnotes.mark(run.few)}"))
        cells[0] = replace(cells[0], notes=",".join(marks))
    return cells


def table_four(rows: Sequence[Row], costs: Sequence[Row] = ()) -> Table:
    """CLRA depths, with size and work where they were measured.

    Args:
        rows: of study depths and one band set.
        costs: of any methods.
    """
    footnotes, lines = Footnotes(), []
    scenes = {row["scene"] for row in rows}
    columns = [Column("Z_hm, Z_mh, Z_h, Z_m"), *score_columns(HEADLINE, ""), *SIZE_COLUMNS]
    for one in contenders(rows):
        counts = depths(one.method)
        stacks = one.label if counts is None else ", ".join(str(count) for count in counts)
        proposed = " (proposed)" if counts == depths("student") else ""
        named = name_cell(one, footnotes)
        cells = [Cell(f"{stacks}{proposed}{f' {DAGGER}' if one.few else ''}", named.notes)]
        cells += score_cells(one.rows, scenes, HEADLINE, footnotes, ranked=not one.few)
        cost = next((cost for cost in costs if cost["method"] == one.method), None)
        parameters, gmacs = (number(cost[column]) if cost else None for column in ("parameters", "gmacs"))
        known = counts is not None and counts[0] == 0 and preset(one.method) == "student"
        paper = PRINTED_DEPTHS.get(counts[1:], NOT_PRINTED) if counts and known else NOT_PRINTED
        for ours, printed in ((parameters and parameters / 1e6, paper.parameters), (gmacs, paper.gmacs)):
            cells += [Cell(significant(ours, 4)) if ours else Cell(), Cell(printed) if printed else Cell()]
        lines.append(Line(tuple(cells)))
    caption = (
        f"HR-MSI: {bands_label(rows[0]['msi'])}. CLRAs in each stream: the paper writes 1 to 2 for Z_hm, but its sizes "
        f"come out with none there. {provenance(rows, HEADLINE)}"
    )
    notes = remarks(footnotes, "", several=False)
    return Table("CLRA depths", caption, tuple(columns), ranked(lines, columns), notes)
