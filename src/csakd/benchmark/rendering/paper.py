"""Text on paper: how wide it is, and where its lines break. All in points."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.font_manager import FontProperties

_FINELY = 10.0  # glyphs are laid out on whole pixels: this many a point


@lru_cache
def font(size: float, bold: bool = False, italic: bool = False) -> FontProperties:
    from matplotlib.font_manager import FontProperties

    return FontProperties(size=size, weight="bold" if bold else "normal", style="italic" if italic else "normal")


@lru_cache(10_000)
def width(text: str, size: float, bold: bool = False, italic: bool = False) -> float:
    wide, _, _ = _renderer().get_text_width_height_descent(text, font(size, bold, italic), False)
    return float(wide) / _FINELY


def lines(text: str, room: float, size: float) -> list[str]:
    """`text` broken between words into lines of at most `room`; a word that is wider is cut."""
    found, line = [], ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if width(longer, size) <= room:
            line = longer
            continue
        if line:
            found.append(line)
        while width(word, size) > room and len(word) > 1:
            short = word
            fits = max(1, bisect_right(range(1, len(short)), room, key=lambda n: width(short[:n], size)))
            found.append(word[:fits])
            word = word[fits:]
        line = word
    return [*found, line]


@lru_cache
def _renderer() -> Any:
    from matplotlib.backends import backend_agg

    untyped: Any = backend_agg
    return untyped.RendererAgg(1, 1, 72 * _FINELY)
