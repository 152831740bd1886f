"""The paper's Figure 5: false colour and residual of every method on one scene."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from csakd.benchmark.rendering.drawing import PAGE, SMALLEST, blank, styled
from csakd.benchmark.rendering.lineup import label, place
from csakd.benchmark.rendering.paper import lines
from csakd.benchmark.rendering.standings import bands_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

TRUTH = "truth"
ABREAST = 4, 7  # pictures in a row, at least and at most
SPACE, BAR = 0.05, 0.62  # inches between pictures, and for the colour bar


@dataclass(frozen=True, eq=False)
class Look:
    """What one method made of one scene.

    Attributes:
        method: its name; `TRUTH` for the scene itself.
        msi, scene: what was fused.
        rgb: (H, W, 3) uint8, false colour.
        residual: (H, W), mean absolute error over the bands, data units.
    """

    method: str
    msi: str
    scene: str
    rgb: NDArray[np.uint8]
    residual: NDArray[np.float32]


def read_looks(folder: Path, say: Callable[[str], None] = print) -> list[Look]:
    """All of a folder, the truth first, then as in the tables; what is no look is named and left out."""
    found = []
    for path in sorted(folder.glob("*.npz")):
        try:
            with np.load(path, allow_pickle=False) as file:
                method, msi, scene = (str(file[name]) for name in ("method", "msi", "scene"))
                look = Look(method, msi, scene, file["rgb"], file["residual"])
            if look.rgb.shape != (*look.residual.shape, 3) or not np.isfinite(look.residual).any():
                raise ValueError(f"no picture of {look.rgb.shape} with a residual of {look.residual.shape}")
            found.append(look)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            say(f"{path.name}: left out, {error}")
    return sorted(found, key=lambda look: (look.method != TRUTH, place(look.method)))


@styled
def looks_figure(looks: Sequence[Look]) -> Figure:
    """Pairs of rows: false colour above, residuals below on one logarithmic scale for all.

    Args:
        looks: of one scene and band set, at least one of them a method's.
    """
    from matplotlib.cm import ScalarMappable

    scale = error_scale(looks)
    abreast = max(ABREAST[0], -(-len(looks) // -(-len(looks) // ABREAST[1])))
    rows, columns = looks[0].residual.shape
    wide = PAGE / abreast - SPACE
    tall = wide * rows / columns
    names = ["\n".join(lines(label(look.method), wide * 72, SMALLEST)) for look in looks]
    tiers = [range(first, min(first + abreast, len(looks))) for first in range(0, len(looks), abreast)]
    heads = [0.16 * max(names[n].count("\n") + 1 for n in tier) + 0.06 for tier in tiers]
    height = sum(heads) + len(tiers) * 2 * (tall + SPACE) + BAR
    source = f"Scene {looks[0].scene}, HR-MSI of {bands_label(looks[0].msi)}. Above false colour, below the error."
    figure = blank(PAGE, height, source)
    figure.set_layout_engine("none")
    total = figure.get_figheight()

    def panel(left: float, top: float, across: float, down: float) -> Axes:
        return figure.add_axes((left / PAGE, 1 - (top + down) / total, across / PAGE, down / total))

    top = 0.0
    for tier, head in zip(tiers, heads, strict=True):
        top += head
        for place_in_row, n in enumerate(tier):
            left = SPACE / 2 + place_in_row * (wide + SPACE)
            axes = panel(left, top, wide, tall)
            axes.imshow(looks[n].rgb)
            axes.set_axis_off()
            axes.set_title(names[n], pad=3)
            if looks[n].method != TRUTH:
                axes = panel(left, top + tall + SPACE, wide, tall)
                axes.imshow(looks[n].residual, norm=scale, cmap="magma")
                axes.set_axis_off()
        top += 2 * (tall + SPACE)
    bar = figure.colorbar(ScalarMappable(scale, "magma"), cax=panel(PAGE * 0.2, top + 0.1, PAGE * 0.6, 0.1),
                          orientation="horizontal", format="{x:g}", extend="both")  # fmt: skip
    bar.ax.minorticks_off()
    bar.set_label("mean absolute error over the bands, data units")
    return figure


def error_scale(looks: Sequence[Look]) -> LogNorm:
    """From the 1st to the 99th percentile of residuals, the median method's, over three decades at most.

    Not of all residuals together: one network that failed would leave all others dark.
    """
    from matplotlib.colors import LogNorm

    ends = [np.nanpercentile(look.residual, (1, 99)) for look in looks if look.method != TRUTH]
    least, worst = np.median(ends, axis=0)
    return LogNorm(max(float(least), 1e-3 * float(worst), 1e-12), max(float(worst), 1e-11), clip=True)
