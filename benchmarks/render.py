"""The tables and figures of README and docs, from the CSVs beside this file: `make tables`.

A table stands between `<!-- table:NAME -->` and `<!-- end -->`. NAME is "demo", the name of a table of
`csakd tables` on `results/aviris-small`, "quality": Table I without costs, or "gpu" and "gpu-validation": networks of
`results/aviris-small-gpu` beside what needs no training.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

from csakd.benchmark.ledger import cost_ledger, curve_ledger, score_ledger
from csakd.benchmark.rendering.drawing import save
from csakd.benchmark.rendering.figures import figures
from csakd.benchmark.rendering.table_one import table_one
from csakd.benchmark.rendering.tables import quality_rows, tables

HERE = Path(__file__).parent
ROOT = HERE.parent
RESULTS = HERE / "results" / "aviris-small"
RESULTS_GPU = HERE / "results" / "aviris-small-gpu"
UNTRAINED = ("bicubic", "hyper", "hyper-edge", "csakd-student", "csakd-teacher")
PAGES = (ROOT / "README.md", *(ROOT / "docs" / name for name in ("results.md", "sensors.md", "gpu.md")))
GPU_TABLES = {"gpu": "test", "gpu-validation": "validation"}
FIGURES = ("figure7", "figure10", "figure12", "one-pair")


def demo() -> str:
    with (HERE / "results" / "demo.csv").open() as file:
        rows = [
            [
                row["method"],
                f"{float(row['psnr']):.2f}",
                f"{float(row['sam']):.3f}",
                f"{float(row['rmse']):.4f}",
                f"{float(row['ergas']):.3f}",
                f"{float(row['seconds']):.2f}",
                f"{int(row['parameters']):,}",
            ]
            for row in csv.DictReader(file)
        ]
    headings = ["method", "PSNR / dB", "SAM / °", "RMSE", "ERGAS", "seconds", "parameters"]
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def every_table() -> dict[str, str]:
    """Markdown by name, without headings."""
    scores, costs = score_ledger(RESULTS).rows(), cost_ledger(RESULTS).rows()
    made = {name: table for name, _, table in tables(scores, costs) if table is not None}
    made["quality"] = table_one(quality_rows(scores, "test"))
    beside = [row for row in scores if row["method"] in UNTRAINED] + score_ledger(RESULTS_GPU).rows()
    made |= {name: table_one(quality_rows(beside, split)) for name, split in GPU_TABLES.items()}
    return {"demo": demo()} | {name: table.to_markdown().partition("\n\n")[2] for name, table in made.items()}


def render(text: str, found: dict[str, str]) -> str:
    """`text` with every marked table made anew."""

    def fresh(match: re.Match[str]) -> str:
        return f"<!-- table:{match[1]} -->\n{found[match[1]].strip()}\n<!-- end -->"

    return re.sub(r"<!-- table:([\w-]+) -->\n.*?<!-- end -->", fresh, text, flags=re.DOTALL)


def draw_figures(folder: Path) -> None:
    ledgers = (score_ledger(RESULTS), curve_ledger(RESULTS), cost_ledger(RESULTS))
    for name, _, draw in figures(*(ledger.rows() for ledger in ledgers), looks=[]):
        if name in FIGURES and draw is not None:
            save(draw(), folder / f"{name}.png")


if __name__ == "__main__":
    rendered = every_table()
    for page in PAGES:
        page.write_text(render(page.read_text(), rendered))
    draw_figures(ROOT / "docs" / "figures")
