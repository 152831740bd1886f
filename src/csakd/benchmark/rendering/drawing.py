"""The house's style of figures: sizes of a two-column page, 8 points, one colour and marker for each method."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

from csakd.benchmark.methods import Name
from csakd.benchmark.rendering.lineup import entrant
from csakd.benchmark.rendering.paper import lines
from csakd.io.atomic import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMN, PAGE = 3.5, 7.16  # inches: one column and both
SMALLEST = 8  # points
INK = "#444444"
DPI = 200
_STYLE: Any = {
    **dict.fromkeys(("font.size", "axes.titlesize", "axes.labelsize", "legend.fontsize", "figure.labelsize"), SMALLEST),
    **dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "figure.titlesize"), SMALLEST),
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": "#DDDDDD",
    "grid.linewidth": 0.5, "axes.axisbelow": True, "lines.linewidth": 1.1, "lines.markersize": 4.5,
    "legend.frameon": False, "text.parse_math": False,
}  # fmt: skip

P = ParamSpec("P")


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """A function that makes a figure, in the house's style."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        from matplotlib import rc_context

        with rc_context(_STYLE):
            return draw(*args, **kwargs)

    return drawn


def blank(width: float, height: float, source: str) -> Figure:
    """An empty figure of that size in inches, and below it the lines that say where its numbers come from."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    said = lines(source, (width - 0.2) * 72, SMALLEST)
    strip = (len(said) * 1.3 * SMALLEST + 6) / 72
    figure = Figure(figsize=(width, height + strip), dpi=DPI)
    FigureCanvasAgg(figure)
    for number, line in enumerate(reversed(said)):
        figure.text(0.05 / width, (number * 1.3 * SMALLEST + 4) / 72 / (height + strip), line, color=INK, va="bottom")
    share = strip / (height + strip)
    figure.set_layout_engine("constrained", rect=(0, share, 1, 1 - share))
    return figure


def save(figure: Figure, path: Path) -> Path:
    from matplotlib import rc_context

    path.parent.mkdir(parents=True, exist_ok=True)
    with rc_context(_STYLE), replacing(path) as draft:
        figure.savefig(draft, dpi=DPI, format="png")
    return path


def look_of(method: str) -> dict[str, Any]:
    """Line and marker of a method: its model's; dashed and hollow if it stands on a base."""
    name = Name.parse(method)
    model = entrant(name.model)
    face = "white" if name.base else model.colour
    return {"color": model.colour, "marker": model.marker, "mfc": face, "ls": "--" if name.base else "-"}


def legend_above(figure: Figure, axes: Axes, columns: int) -> None:
    """One legend for all panels."""
    handles, labels = axes.get_legend_handles_labels()
    if labels:
        figure.legend(handles, labels, loc="outside upper center", ncols=min(columns, len(labels)), columnspacing=1.2)


def plain_log(axis: Any) -> None:
    """A logarithmic axis labelled 0.01, 1, 100, with more labels where it spans little."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axis.get_view_interval()
    close = high / low < 30
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if close else (1,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
