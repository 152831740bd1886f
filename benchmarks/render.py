"""README's tables, from the CSVs beside this file: `make tables`.

A table stands between `<!-- table:NAME -->` and `<!-- end -->`; NAME is a key of `TABLES`.
"""

from __future__ import annotations

import csv
import re
import statistics
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
README = HERE.parent / "README.md"


def demo() -> str:
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
        for row in _rows("demo")
    ]
    return _table(["method", "PSNR / dB", "SAM / °", "RMSE", "ERGAS", "seconds", "parameters"], rows)


def closed_forms() -> str:
    rows = _rows("closed_forms")
    table = []
    for method in dict.fromkeys(row["method"] for row in rows):
        line = [method]
        for msi in ("tm4", "tm6"):
            mine = [row for row in rows if row["method"] == method and row["msi"] == msi]
            means = {name: statistics.fmean(float(row[name]) for row in mine) for name in ("psnr", "sam", "rmse")}
            line.append(f"{means['psnr']:.2f} / {means['sam']:.3f} / {means['rmse']:.1f}")
        table.append(line)
    return _table(["method", "4 MSI bands", "6 MSI bands"], table)


TABLES: dict[str, Callable[[], str]] = {"demo": demo, "closed_forms": closed_forms}


def render(text: str) -> str:
    """`text` with every marked table made anew."""

    def fresh(match: re.Match[str]) -> str:
        return f"<!-- table:{match[1]} -->\n{TABLES[match[1]]()}\n<!-- end -->"

    return re.sub(r"<!-- table:(\w+) -->\n.*?<!-- end -->", fresh, text, flags=re.DOTALL)


def _rows(name: str) -> list[dict[str, str]]:
    with (HERE / "results" / f"{name}.csv").open() as file:
        return list(csv.DictReader(file))


def _table(headings: list[str], rows: list[list[str]]) -> str:
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    README.write_text(render(README.read_text()))
