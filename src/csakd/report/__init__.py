"""Looking at cubes."""

from csakd.report.comparison import comparison, false_colour

__all__ = ["comparison", "false_colour"]
