"""Wavelengths as files tell them, in nanometres."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Spectral = tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]  # band centres and widths

# How a unit's name begins, in any case → nanometres. "µ" is written with either of two characters.
UNITS = {"nano": 1.0, "nm": 1.0, "micro": 1e3, "um": 1e3, "µm": 1e3, "μm": 1e3, "milli": 1e6, "mm": 1e6, "ang": 0.1}
NO_LENGTH = ("wavenumber", "index", "mhz", "ghz")
DESCRIBED = re.compile(r"(\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*\(?\s*(nm|nano|um|µm|μm|micro)", re.IGNORECASE)


def in_nanometres(centres: NDArray[np.float64] | None, widths: NDArray[np.float64] | None, unit: str) -> Spectral:
    """Band centres and widths in nm, from numbers in `unit`; without a unit, micrometres if all are below 100.

    Both are None if the unit is no length.
    """
    reference = centres if centres is not None else widths
    if reference is None or unit.strip().lower().startswith(NO_LENGTH):
        return None, None
    guess = UNITS["micro"] if np.all(reference < 100) else UNITS["nano"]
    factor = next((f for beginning, f in UNITS.items() if unit.strip().lower().startswith(beginning)), guess)
    return (None if centres is None else centres * factor), (None if widths is None else widths * factor)


def described(descriptions: Sequence[str | None]) -> NDArray[np.float64] | None:
    """Wavelengths in nm from texts like "Band 7 (0.5512 Micrometers)", if every text has one."""
    found = [DESCRIBED.search(text or "") for text in descriptions]
    if not all(found):
        return None
    return np.array([float(match[1]) * UNITS[match[2].lower()] for match in found if match])
