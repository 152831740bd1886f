"""Tables and figures from the CSVs of a bench, and from nothing else."""

from csakd.benchmark.rendering.figures import render_figures
from csakd.benchmark.rendering.tables import render_tables

__all__ = ["render_figures", "render_tables"]
