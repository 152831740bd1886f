"""Tables as data, and as Markdown. Their LaTeX is in `latex`, their picture in `picture`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from string import ascii_lowercase

BLANK = "–"
STAR, DIAMOND = "★", "◇"


@dataclass(frozen=True)
class Column:
    """What a column is called.

    Attributes:
        name: as printed.
        group: printed once above neighbours of the same group.
        better: 1 if higher is better, −1 if lower is, 0 if it is not for ranking.
    """

    name: str
    group: str = ""
    better: int = 0

    @property
    def title(self) -> str:
        return self.name + {1: " ↑", -1: " ↓", 0: ""}[self.better]


@dataclass(frozen=True)
class Cell:
    """What stands in a place.

    Attributes:
        text: as printed.
        notes: marks of footnotes, such as "a,b".
        in_block: 1 if the best of its block, 2 if the second, 0 otherwise.
        in_table: the same among all.
        ranked: whether it is judged with the others.
    """

    text: str = BLANK
    notes: str = ""
    in_block: int = 0
    in_table: int = 0
    ranked: bool = True

    @property
    def medal(self) -> str:
        return ("", STAR, DIAMOND)[self.in_table]


@dataclass(frozen=True)
class Line:
    """A row.

    Attributes:
        cells: one a column, the first a name.
        block: heading above the first of the lines that share it; "" for none.
    """

    cells: tuple[Cell, ...]
    block: str = ""


@dataclass(frozen=True)
class Table:
    """A table, whatever it is printed as.

    Attributes:
        title, caption: the caption says where the numbers come from.
        columns: the first is that of names.
        rows: those of a block beside each other.
        notes: mark and text of each footnote; an empty mark for a remark on all.
    """

    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Line, ...]
    notes: tuple[tuple[str, str], ...] = ()

    @property
    def blocks(self) -> list[tuple[str, list[Line]]]:
        return [(block, list(lines)) for block, lines in groupby(self.rows, key=lambda line: line.block)]

    def to_markdown(self) -> str:
        """GitHub's dialect: one row of headings, so that a group stands in each of its columns."""
        headings = [escaped(f"{column.group} {column.title}".strip()) for column in self.columns]
        lines = [headings, ["---", *["---:"] * (len(headings) - 1)]]
        for block, rows in self.blocks:
            if block:
                lines.append([f"**{escaped(block)}**", *[""] * (len(headings) - 1)])
            lines += [[_markdown(cell) for cell in row.cells] for row in rows]
        body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        notes = "\n".join(f"- {f'<sup>{mark}</sup> ' if mark else ''}{escaped(text)}" for mark, text in self.notes)
        return f"## {escaped(self.title)}\n\n{escaped(self.caption)}\n\n{body}\n" + (f"\n{notes}\n" if notes else "")

    def to_latex(self) -> str:
        from csakd.benchmark.rendering.latex import latex

        return latex(self)

    def to_png(self, path: Path) -> Path:
        from csakd.benchmark.rendering.picture import paint

        return paint(self, path)


def escaped(text: str) -> str:
    """So that Markdown prints `text` as it is."""
    for special in "\\|*<":
        text = text.replace(special, f"\\{special}" if special != "<" else "&lt;")
    return " ".join(text.split())


def _markdown(cell: Cell) -> str:
    text = ("{}", "**{}**", "<u>{}</u>")[cell.in_block].format(escaped(cell.text)) + cell.medal
    return text + (f"<sup>{cell.notes}</sup>" if cell.notes else "")


@dataclass
class Footnotes:
    """Gathers a table's footnotes; equal texts share a mark."""

    texts: list[str] = field(default_factory=list)

    def mark(self, text: str) -> str:
        if text not in self.texts:
            self.texts.append(text)
        return self._mark(self.texts.index(text))

    def marks(self, texts: Sequence[str]) -> str:
        return ",".join(self.mark(text) for text in texts)

    @staticmethod
    def _mark(index: int) -> str:
        rounds, letter = divmod(index, len(ascii_lowercase))
        return ascii_lowercase[letter] * (rounds + 1)

    def lines(self) -> list[tuple[str, str]]:
        return [(self._mark(index), text) for index, text in enumerate(self.texts)]


def ranked(rows: Sequence[Line], columns: Sequence[Column], overall: bool = True) -> tuple[Line, ...]:
    """With the best and the second best of each column marked: in their block, and if there are several `overall`.

    Compared is what is printed: equal numbers share a place. One number alone has no place.
    """
    several = overall and len({line.block for line in rows}) > 1
    cells = [list(line.cells) for line in rows]

    def award(group: list[int], column: int, better: int, give: Callable[[Cell, int], Cell]) -> None:
        values = {row: value for row in group if (value := _value(cells[row][column])) is not None}
        order = sorted(set(values.values()), key=lambda value: -better * value)
        if len(values) > 1:
            for row, value in values.items():
                if value in order[:2]:
                    cells[row][column] = give(cells[row][column], order.index(value) + 1)

    for number, column in enumerate(columns):
        if column.better:
            for block in {line.block for line in rows}:
                members = [row for row, line in enumerate(rows) if line.block == block]
                award(members, number, column.better, lambda cell, place: replace(cell, in_block=place))
            if several:
                everyone = list(range(len(rows)))
                award(everyone, number, column.better, lambda cell, place: replace(cell, in_table=place))
    return tuple(replace(line, cells=tuple(own)) for line, own in zip(rows, cells, strict=True))


def _value(cell: Cell) -> float | None:
    try:
        return float(cell.text) if cell.ranked else None
    except ValueError:
        return None
