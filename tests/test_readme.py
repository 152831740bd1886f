"""The tables of README and docs are those that the committed CSVs give."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).parent.parent
RENDER = runpy.run_path(str(ROOT / "benchmarks" / "render.py"))


def test_tables_are_rendered():
    tables = RENDER["every_table"]()
    for page in RENDER["PAGES"]:
        text = page.read_text()
        assert "<!-- table:" in text
        assert RENDER["render"](text, tables) == text, page.name


def test_only_the_table_is_replaced():
    text = "before\n<!-- table:a -->\nold\n<!-- end -->\nbetween\n<!-- table:b-1 -->\n<!-- end -->\nafter\n"
    fresh = RENDER["render"](text, {"a": "| new |\n", "b-1": "| other |"})
    assert fresh == (
        "before\n<!-- table:a -->\n| new |\n<!-- end -->\nbetween\n<!-- table:b-1 -->\n| other |\n<!-- end -->\nafter\n"
    )
