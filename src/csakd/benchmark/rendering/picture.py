"""Tables as pictures: what the Markdown shows, set in columns that fit what they hold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from csakd.benchmark.rendering.paper import font, lines, width
from csakd.benchmark.rendering.typeset import Cell, Column, Table
from csakd.io.atomic import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 200
LONGEST = 500  # rows; beyond that no viewer shows it

# All in points.
SIZE, RAISED = 9.5, 8.0
LEADING = 15.0
GAP = 14.0  # between columns
MARGIN = 12.0
NARROWEST = 470.0  # for the caption's sake


@dataclass(frozen=True)
class Run:
    """A stretch of text in one style."""

    text: str
    bold: bool = False
    italic: bool = False
    underlined: bool = False
    raised: bool = False

    @property
    def size(self) -> float:
        return RAISED if self.raised else SIZE

    @property
    def width(self) -> float:
        return width(self.text, self.size, self.bold, self.italic) if self.text else 0.0


def paint(table: Table, path: Path) -> Path:
    """Write `table` as PNG.

    Raises:
        ValueError: if it has more than `LONGEST` rows.
    """
    if len(table.rows) > LONGEST:
        raise ValueError(f"a table of {len(table.rows)} rows is no picture: read its Markdown")
    with replacing(path) as draft:
        Sheet(table).figure().savefig(draft, dpi=DPI, format="png")
    return path


@dataclass(frozen=True)
class Sheet:
    """Where everything of a table lies on paper, in points from the top left."""

    table: Table

    @cached_property
    def hanging(self) -> list[float]:
        """Room to the right of each column's numbers for marks, so that numbers stand below each other."""
        places = range(len(self.table.columns))
        return [
            max((sum(run.width for run in mark_runs(row.cells[n])) for row in self.table.rows), default=0.0)
            for n in places
        ]

    @cached_property
    def columns(self) -> list[float]:
        """Right ends of the columns."""
        widths = []
        for n, column in enumerate(self.table.columns):
            numbers = [text_run(row.cells[n]).width for row in self.table.rows]
            widths.append(max(Run(column.title).width, max(numbers, default=0.0) + self.hanging[n]))
        for group, members in groupby(range(len(widths)), key=lambda n: self.table.columns[n].group):
            inside = list(members)
            lacking = Run(group).width - sum(widths[n] for n in inside) - GAP * (len(inside) - 1)
            for n in inside:
                widths[n] += max(lacking, 0.0) / len(inside)
        ends, end = [], MARGIN - GAP
        for wide in widths:
            end += GAP + wide
            ends.append(end)
        return ends

    @property
    def width(self) -> float:
        return max(self.columns[-1] + MARGIN, NARROWEST)

    @property
    def room(self) -> float:
        """For running text."""
        return self.width - 2 * MARGIN

    @cached_property
    def caption(self) -> list[list[Run]]:
        return [[Run(line)] for line in lines(self.table.caption, self.room, SIZE)]

    @cached_property
    def notes(self) -> list[list[Run]]:
        found = []
        for mark, text in self.table.notes:
            broken = [[Run(line)] for line in lines(text, self.room - GAP, SIZE)]
            broken[0].insert(0, Run(f"{mark} " if mark else "", raised=True))
            found += broken
        return found

    @property
    def height(self) -> float:
        heads = 2 if any(column.group for column in self.table.columns) else 1
        blocks = sum(1 for block, _ in self.table.blocks if block)
        lines = 1 + len(self.caption) + heads + len(self.table.rows) + blocks + len(self.notes)
        return 2 * MARGIN + LEADING * (lines + 1)

    def figure(self) -> Figure:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(self.width / 72, self.height / 72), facecolor="white")
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0, 0, 1, 1), xlim=(0, self.width), ylim=(self.height, 0))
        axes.set_axis_off()
        self._draw(Pen(axes))
        return figure

    def _draw(self, pen: Pen) -> None:
        y = MARGIN + LEADING / 2
        for line in [[Run(self.table.title, bold=True)], *self.caption]:
            pen.write(line, MARGIN, y)
            y += LEADING
        y = self._draw_body(pen, self._draw_head(pen, y + LEADING * 0.4))
        y += LEADING * 0.5
        for line in self.notes:
            pen.write(line, MARGIN, y)
            y += LEADING

    def _draw_head(self, pen: Pen, y: float) -> float:
        columns: tuple[Column, ...] = self.table.columns
        end = self.columns[-1]
        pen.rule(MARGIN, end, y - LEADING * 0.6, 1.2)
        if any(column.group for column in columns):
            for group, members in groupby(range(len(columns)), key=lambda n: columns[n].group):
                inside = list(members)
                if group:
                    left, right = self.columns[inside[0] - 1] + GAP, self.columns[inside[-1]]
                    pen.write([Run(group)], (left + right - Run(group).width) / 2, y)
                    pen.rule(left, right, y + LEADING * 0.5, 0.5)
            y += LEADING
        for n, column in enumerate(columns):
            title = Run(column.title)
            pen.write([title], MARGIN if n == 0 else self.columns[n] - title.width, y)
        pen.rule(MARGIN, end, y + LEADING * 0.55, 0.7)
        return y + LEADING * 1.1

    def _draw_body(self, pen: Pen, y: float) -> float:
        for number, (block, rows) in enumerate(self.table.blocks):
            if block:
                if number:
                    pen.rule(MARGIN, self.columns[-1], y - LEADING / 2, 0.4)
                pen.write([Run(block, italic=True)], MARGIN, y)
                y += LEADING
            for row in rows:
                for n, cell in enumerate(row.cells):
                    text = text_run(cell)
                    right = self.columns[n] - self.hanging[n] - text.width
                    pen.write([text, *mark_runs(cell)], MARGIN if n == 0 else right, y)
                y += LEADING
        pen.rule(MARGIN, self.columns[-1], y - LEADING * 0.4, 1.2)
        return y


@dataclass(frozen=True)
class Pen:
    """Writes on axes in points."""

    axes: Axes

    def write(self, runs: Iterable[Run], x: float, y: float) -> None:
        for run in runs:
            base = y + SIZE * 0.35 - (SIZE * 0.35 if run.raised else 0.0)
            self.axes.text(
                x, base, run.text, va="baseline", fontproperties=font(run.size, run.bold, run.italic), parse_math=False
            )
            end = x + run.width
            if run.underlined:
                self.rule(x, end, base + SIZE * 0.2, 0.8)
            x = end

    def rule(self, left: float, right: float, y: float, weight: float) -> None:
        self.axes.plot([left, right], [y, y], color="black", lw=weight, solid_capstyle="butt")


def text_run(cell: Cell) -> Run:
    return Run(cell.text, bold=cell.in_block == 1, underlined=cell.in_block == 2)


def mark_runs(cell: Cell) -> list[Run]:
    return [run for run in (Run(cell.medal), Run(cell.notes, raised=True)) if run.text]
