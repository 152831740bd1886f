"""Names beside circles in a crowded plot, so that none covers another."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from csakd.benchmark.drawing import INK, SMALLEST

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PADDING = 3.0  # points around a name
FAR = 6.0  # points from its circle beyond which a name gets a line to it
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

    @property
    def area(self) -> float:
        return (self.right - self.left) * (self.top - self.bottom)

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
    circle gets a line to it, which crosses no name either. If there is no free place the one is taken where a name
    covers least.

    Args:
        axes: whose limits and layout are final.
        tags: all circles.
    """
    figure = axes.figure
    pixels = figure.dpi / 72  # a point
    frame = Box(*(float(edge) for edge in axes.get_window_extent().extents))
    at: list[Point] = [tuple(axes.transData.transform((tag.x, tag.y)).tolist()) for tag in tags]
    circles = [Box.around(*at[n], *2 * (2 * tag.radius * pixels,)) for n, tag in enumerate(tags)]
    written: list[Box] = []
    lines: list[tuple[Point, Point]] = []
    neighbours = [sum(math.dist(one, other) < CROWD * pixels for other in at) for one in at]
    back = axes.transData.inverted()
    for n in sorted(range(len(tags)), key=lambda n: -neighbours[n]):
        text = axes.text(0, 0, tags[n].name, fontsize=SMALLEST, ha="center", va="center", zorder=4)
        size = text.get_window_extent()
        pad = 2 * PADDING * pixels
        places = _places(at[n], tags[n].radius * pixels, (float(size.width) + pad, float(size.height) + pad / 2))
        least = math.inf
        for away, place in places:
            if place.within(frame):
                covered = _covered(place, [*circles, *written], lines)
                if away > FAR * pixels and covered < least:
                    covered += sum(place.area for other in written if other.crossed(at[n], place.nearest(*at[n])))
                if covered < least:
                    box, far, least = place, away > FAR * pixels, covered
                if not covered:
                    break
        written.append(box)
        text.set_position(tuple(back.transform(((box.left + box.right) / 2, (box.bottom + box.top) / 2))))
        if far:
            lines.append((at[n], box.nearest(*at[n])))
            x, y = back.transform(lines[-1][1])
            axes.plot([tags[n].x, x], [tags[n].y, y], color=INK, lw=0.5, zorder=2)


def _places(at: Point, radius: float, size: tuple[float, float]) -> Iterator[tuple[float, Box]]:
    """Where a name of that size could stand by a circle, in pixels: distance and box, the nearest first."""
    for away, degrees in product((1, 2, 4, 7, 11, 16, 22, 30, 40, 55, 75, 100, 140, 190, 250), range(0, 360, 15)):
        dx, dy = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        reach = radius + away
        yield away, Box.around(at[0] + dx * (reach + size[0] / 2), at[1] + dy * (reach + size[1] / 2), *size)


def _covered(place: Box, taken: Sequence[Box], lines: Sequence[tuple[Point, Point]]) -> float:
    """How much a name would cover; a line counts as much as the name is large."""
    return sum(place.shared(other) for other in taken) + place.area * sum(place.crossed(*line) for line in lines)
