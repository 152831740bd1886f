"""Looking at cubes."""

from csakd.report.comparison import comparison

__all__ = ["comparison"]
