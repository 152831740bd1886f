"""Results as CSV: what is written stays, what is there is not done again."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from csakd.io.atomic import replacing

SCORES = ("psnr", "sam", "rmse", "ergas", "ssim", "uiqi", "cc")
CELL = ("protocol", "study", "method", "scene", "split", "bands", "msi", "ratio", "hsi_snr", "msi_snr", "seed",
        "budget")  # fmt: skip
OUTCOME = (*SCORES, "steps", "learn_seconds", "fuse_seconds", "status", "note")
ORIGIN = ("version", "device", "dtype", "threads")
CURVE = ("protocol", "study", "method", "scene", "msi", "ratio", "seed", "budget", "step", "seconds", "series", "value")
COST = ("method", "hsi_bands", "msi_bands", "ratio", "size", "dtype", "device", "parameters", "gmacs", "seconds",
        "runs", "peak_mb", "threads", "status", "note", "version")  # fmt: skip

Row = dict[str, str]


@dataclass(frozen=True)
class Ledger:
    """A CSV file of rows, each known by its first columns.

    Attributes:
        path: of the file; made with the first row.
        columns: of the file, in order.
        key: how many of the first columns identify a row.
    """

    path: Path
    columns: tuple[str, ...]
    key: int

    def rows(self) -> list[Row]:
        """All rows so far.

        Raises:
            ValueError: if the file has other columns.
        """
        if not self.path.is_file():
            return []
        with self.path.open(newline="") as file:
            reader = csv.DictReader(file)
            if tuple(reader.fieldnames or ()) != self.columns:
                raise ValueError(f"{self.path} is not a file of this benchmark: its columns differ")
            return list(reader)

    def identity(self, row: Row) -> tuple[str, ...]:
        return tuple(row[name] for name in self.columns[: self.key])

    def add(self, fresh: Iterable[dict[str, object]]) -> None:
        """Append rows; those that were there under the same key give way. The file is whole at any moment."""
        written = [{name: _cell(row.get(name)) for name in self.columns} for row in fresh]
        replaced = {self.identity(row) for row in written}
        kept = [row for row in self.rows() if self.identity(row) not in replaced]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self.path) as draft, draft.open("w", newline="") as file:
            writer = csv.DictWriter(file, self.columns)
            writer.writeheader()
            writer.writerows([*kept, *written])


def existing(folder: Path) -> Path:
    """The folder of a bench's results.

    Raises:
        ValueError: if there is none.
    """
    if not folder.is_dir():
        raise ValueError(f"no folder {folder}: give one that csakd bench has written")
    return folder


def score_ledger(folder: Path) -> Ledger:
    return Ledger(folder / "scores.csv", (*CELL, *OUTCOME, *ORIGIN), len(CELL))


def curve_ledger(folder: Path) -> Ledger:
    """Its key is that of a run: the points of a new one take the place of an older one's."""
    return Ledger(folder / "curves.csv", CURVE, CURVE.index("step"))


def cost_ledger(folder: Path) -> Ledger:
    return Ledger(folder / "cost.csv", COST, 7)


def texts(values: Sequence[object]) -> tuple[str, ...]:
    """As a row holds them."""
    return tuple(_cell(value) for value in values)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
