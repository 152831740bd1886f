"""Names beside circles in a crowded plot, so that none covers another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING

from csakd.benchmark.rendering.drawing import INK, SMALLEST

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox

PADDING = 3.0  # points around a name
FAR = 6.0  # points from its circle beyond which a name gets a line to it
DISTANCES = (0.5, 1, 2, 3.5, 5, 7, 10, 14, 19, 25, 32, 40, 50, 65, 85, 110)  # points from circle to name
CROWD = 60.0  # points within which another circle is a neighbour

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    left: float
    bottom: float
    right: float
    top: float

    @classmethod
    def around(cls, x: float, y: float, width: float, height: float) -> Box:
        return cls(x - width / 2, y - height / 2, x + width / 2, y + height / 2)

    def shared(self, other: Box) -> float:
        """Area in common."""
        across = min(self.right, other.right) - max(self.left, other.left)
        up = min(self.top, other.top) - max(self.bottom, other.bottom)
        return across * up if across > 0 and up > 0 else 0.0

    def within(self, other: Box) -> bool:
        return (
            self.left >= other.left and self.bottom >= other.bottom
            and self.right <= other.right and self.top <= other.top
        )  # fmt: skip

    def crossed(self, start: Point, end: Point) -> bool:
        """By the straight line between two points: does any part of it lie inside in both directions at once?"""
        enter, leave = 0.0, 1.0
        edges = ((self.left, self.right), (self.bottom, self.top))
        for (low, high), one, other in zip(edges, start, end, strict=True):
            if one == other:
                if not low < one < high:
                    return False
                continue
            first, last = sorted(((low - one) / (other - one), (high - one) / (other - one)))
            enter, leave = max(enter, first), min(leave, last)
        return enter < leave

    def nearest(self, x: float, y: float) -> tuple[float, float]:
        return min(max(x, self.left), self.right), min(max(y, self.bottom), self.top)


@dataclass(frozen=True)
class Tag:
    """A circle that wants its name.

    Attributes:
        x, y: of the circle, in data units.
        radius: in points.
        name: as printed.
    """

    x: float
    y: float
    radius: float
    name: str


def place_tags(axes: Axes, tags: Sequence[Tag]) -> None:
    """Write each name near its circle, where it covers no other name, no circle and no edge.

    Tried are places around the circle, further and further away, the most crowded circles first. A name far from its
    circle gets a line to it. If there is no free place the one is taken where the name covers least; lines that cross
    names are the lesser evil.

    Args:
        axes: whose limits and layout are final.
        tags: all circles.
    """
    pixels = axes.figure.dpi / 72  # a point
    at: list[Point] = [tuple(axes.transData.transform((tag.x, tag.y)).tolist()) for tag in tags]
    crowd = Crowd(
        Box(*(float(edge) for edge in axes.get_window_extent().extents)),
        [Box.around(*at[n], *2 * (2 * tag.radius * pixels,)) for n, tag in enumerate(tags)],
        pixels,
    )
    neighbours = [sum(math.dist(one, other) < CROWD * pixels for other in at) for one in at]
    back = axes.transData.inverted()
    for n in sorted(range(len(tags)), key=lambda n: -neighbours[n]):
        text = axes.text(0, 0, tags[n].name, fontsize=SMALLEST, ha="center", va="center", zorder=4)
        box, far = crowd.settle(at[n], tags[n].radius * pixels, text.get_window_extent())
        text.set_position(tuple(back.transform(((box.left + box.right) / 2, (box.bottom + box.top) / 2))))
        if far:
            x, y = back.transform(box.nearest(*at[n]))
            axes.plot([tags[n].x, x], [tags[n].y, y], color=INK, lw=0.5, zorder=2)


@dataclass(frozen=True)
class Crowd:
    """What is on the panel so far, in pixels.

    Attributes:
        frame: of the panel.
        taken: circles and names.
        point: how many pixels it has.
        lines: from circles to names.
        names: those of `taken` that are names.
    """

    frame: Box
    taken: list[Box]
    point: float
    lines: list[tuple[Point, Point]] = field(default_factory=list)
    names: list[Box] = field(default_factory=list)

    def settle(self, at: Point, radius: float, size: Bbox) -> tuple[Box, bool]:
        """Give a name of that extent the best place by its circle; its box with some air, and whether it got a line."""
        width, height = float(size.width) + 2 * PADDING * self.point, float(size.height) + PADDING * self.point
        best, least, is_far = Box.around(*at, width, height), math.inf, False
        for away, degrees in product(DISTANCES, range(0, 360, 15)):
            reach = radius + away * self.point
            x = at[0] + math.cos(math.radians(degrees)) * (reach + width / 2)
            y = at[1] + math.sin(math.radians(degrees)) * (reach + height / 2)
            box = Box.around(x, y, width, height)
            covered = self.covered(at, box, away > FAR) if box.within(self.frame) else math.inf
            if covered < least:
                best, least, is_far = box, covered, away > FAR
            if not covered:
                break
        self.taken.append(best)
        self.names.append(best)
        if is_far:
            self.lines.append((at, best.nearest(*at)))
        return best, is_far

    def covered(self, at: Point, box: Box, far: bool) -> float:
        """Square pixels that a name would cover. To cross a line, or to have one cross a name, counts as one."""
        area = sum(box.shared(other) for other in self.taken) + sum(box.crossed(*line) for line in self.lines)
        return area + (sum(name.crossed(at, box.nearest(*at)) for name in self.names) if far else 0)
