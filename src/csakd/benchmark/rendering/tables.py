"""The benchmark's tables, from its CSVs alone: the paper's I to IV and what they leave out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from operator import itemgetter
from pathlib import Path

from csakd.benchmark.ledger import Row, cost_ledger, existing, score_ledger
from csakd.benchmark.methods import Name
from csakd.benchmark.protocol import OWN
from csakd.benchmark.rendering.lineup import entrant
from csakd.benchmark.rendering.picture import LONGEST
from csakd.benchmark.rendering.standings import band_sets, noise
from csakd.benchmark.rendering.studies import WHERE, noise_levels
from csakd.benchmark.rendering.study_tables import table_four, table_seeds, table_sensors, table_three, table_two
from csakd.benchmark.rendering.table_one import table_cost, table_one, table_one_metrics, table_one_scenes
from csakd.benchmark.rendering.typeset import Table
from csakd.io.atomic import replacing
from csakd.metrics import METRICS


def render_tables(folder: Path, output: Path, say: Callable[[str], None] = print) -> list[Path]:
    """Write every table that `folder` has the rows for, as NAME.md, NAME.tex and NAME.png.

    Args:
        folder: of `scores.csv` and `cost.csv`, either of which may be missing.
        output: folder to write into.
        say: called with a line on each table that is left out.

    Raises:
        ValueError: if there is no such folder, or a CSV is not of this benchmark.
    """
    written = []
    for name, why, table in tables(score_ledger(existing(folder)).rows(), cost_ledger(folder).rows()):
        if table is None:
            say(f"{name}: left out, {why}")
            continue
        output.mkdir(parents=True, exist_ok=True)
        for suffix, text in (("md", table.to_markdown()), ("tex", table.to_latex())):
            path = output / f"{name}.{suffix}"
            with replacing(path) as draft:
                draft.write_text(text, encoding="utf-8")
            written.append(path)
        if len(table.rows) > LONGEST:
            say(f"{name}.png: left out, {len(table.rows)} rows are no picture")
        else:
            written.append(table.to_png(output / f"{name}.png"))
    return written


def tables(scores: Sequence[Row], costs: Sequence[Row]) -> Iterator[tuple[str, str, Table | None]]:
    """Every table there can be: its file's name, what it lacks, and itself if it lacks nothing."""
    for name, why, rows, made in _table_one_family(scores, costs):
        yield name, why, made(rows) if rows else None
    yield "cost", "no cost.csv", table_cost(costs) if costs else None

    study = [row for row in scores if (row["study"], row["split"]) == ("robustness", "test")]
    for msi in band_sets(study) or ["tm4"]:
        for where in WHERE:
            rows = [row for row in study if row["msi"] == msi]
            noisy = noise_levels(rows, where)
            why = f"no test rows of study robustness with noise on {WHERE[where]}"
            yield f"table2-{where}-{msi}", why, table_two(rows, where) if noisy else None
    for split, suffix in (("test", ""), ("validation", "-validation")):
        study = sensor_rows(scores, split)
        for level in sorted({noise(row) for row in study}, key=lambda level: -(level[0] or math.inf)) or [(None, None)]:
            rows = [row for row in study if noise(row) == level]
            name = "sensors" + (f"-{level[0]:g}" if level[0] else "") + suffix
            yield name, f"no {split} rows of study sensors", table_sensors(rows) if rows else None
        repeated = any(row["seed"] != "0" for row in study)
        yield (
            f"seeds{suffix}",
            f"no {split} rows of several seeds of study sensors",
            table_seeds(study) if repeated else None,
        )
    for study_name, name, made in (
        ("losses", "table3", table_three), ("depths", "table4", partial(table_four, costs=costs))
    ):  # fmt: skip
        study = [row for row in scores if (row["study"], row["split"]) == (study_name, "test")]
        study = [row for row in study if noise(row) == (None, None)]
        for msi in band_sets(study) or ["tm4"]:
            rows = [row for row in study if row["msi"] == msi]
            suffix = "" if msi == "tm4" else f"-{msi}"
            yield name + suffix, f"no test rows of study {study_name}", made(rows) if rows else None


def quality_rows(scores: Sequence[Row], split: str, own_bands: bool = False) -> list[Row]:
    """Rows of study quality without noise, on the protocol's bands; on each scene's own if asked for.

    A protocol that takes all scenes as they are has only the latter: then these are its own.
    """
    rows = [row for row in scores if row["study"] == "quality" and noise(row) == (None, None)]
    protocols = {row["bands"] for row in rows} - {OWN} or {OWN}
    wanted = {OWN} - protocols if own_bands else protocols
    return [row for row in rows if row["split"] == split and row["bands"] in wanted]


def sensor_rows(scores: Sequence[Row], split: str) -> list[Row]:
    """Rows of study sensors; what its fits to a pair have not done there, study quality may have done alike."""
    study = [row for row in scores if (row["study"], row["split"]) == ("sensors", split)]
    fits = {row["method"] for row in study if entrant(Name.parse(row["method"]).model).kind == "one-pair"}
    cell = itemgetter("method", "scene", "bands", "msi", "ratio", "hsi_snr", "msi_snr", "seed", "budget")
    done = {cell(row) for row in study}
    return study + [row for row in quality_rows(scores, split) if row["method"] in fits and cell(row) not in done]


def _table_one_family(
    scores: Sequence[Row], costs: Sequence[Row]
) -> list[tuple[str, str, list[Row], Callable[[list[Row]], Table]]]:
    test, validation = quality_rows(scores, "test"), quality_rows(scores, "validation")
    own = quality_rows(scores, "test", own_bands=True)
    own_table = partial(table_one, title="Quality on each scene's own bands")
    validation_table = partial(table_one, costs=costs, title="Quality and cost, validation scenes")
    lacking = "no rows of study quality on"
    return [
        ("table1", f"{lacking} test scenes", test, partial(table_one, costs=costs)),
        ("table1-own", f"{lacking} test scenes with their own bands", own, own_table),
        ("table1-validation", f"{lacking} validation scenes", validation, validation_table),
        ("table1-metrics", f"{lacking} test scenes", test, partial(table_one_metrics, metrics=tuple(METRICS))),
        ("table1-scenes", f"{lacking} test scenes", test, table_one_scenes),
    ]
