"""How long something may learn."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_UNITS = {"s": 1, "min": 60, "h": 3600}


@dataclass(frozen=True)
class Budget:
    """A number of steps, or seconds on the machine at hand; one of the two.

    Seconds are turned into steps before learning begins, by timing a few: the rest of a run is then a function of its
    seed and its steps.
    """

    steps: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        given = [amount for amount in (self.steps, self.seconds) if amount is not None]
        if len(given) != 1 or not (math.isfinite(given[0]) and given[0] > 0):
            raise ValueError("a budget is a number of steps or of seconds above zero, one of the two")

    @classmethod
    def parse(cls, text: str) -> Budget:
        """From "2000" (steps), "90s", "5min" or "1.5h".

        Raises:
            ValueError: if the text is none of these.
        """
        found = re.fullmatch(r"(\d+\.?\d*|\.\d+)\s*(|s|min|h)", text.strip())
        if not found or (not found[2] and "." in found[1]):
            raise ValueError(f"budget {text!r}: give a number of steps, as in 2000, or a time, as in 90s, 5min or 1h")
        amount = float(found[1])
        return cls(seconds=amount * _UNITS[found[2]]) if found[2] else cls(steps=int(amount))

    def __str__(self) -> str:
        return str(self.steps) if self.steps is not None else f"{self.seconds:g}s"

    def steps_at(self, seconds_per_step: float) -> int:
        """How many steps it buys, at least one."""
        if self.steps is not None:
            return self.steps
        assert self.seconds is not None
        return max(1, int(self.seconds / seconds_per_step))

    def times(self, share: float) -> Budget:
        if self.steps is not None:
            return Budget(steps=max(1, round(self.steps * share)))
        assert self.seconds is not None
        return Budget(seconds=self.seconds * share)


@contextmanager
def steps_shown(name: str, steps: int, wanted: bool) -> Iterator[Iterable[int]]:
    """0 to `steps` − 1, if wanted with a bar on stderr."""
    if not wanted:
        yield range(steps)
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as progress:
        yield progress.track(range(steps), description=name)
