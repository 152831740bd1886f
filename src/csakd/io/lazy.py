"""Values that stay on disk until a window of them is asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray

from csakd.cubes import Window


class Lazy(ABC):
    """(L, H, W) numbers in a file. Slicing gives a fresh array; the file is open only meanwhile, so it pickles."""

    def __init__(self, path: Path, shape: tuple[int, int, int], dtype: DTypeLike) -> None:
        self.path = path.absolute()
        self.shape = shape
        self.dtype: np.dtype[np.generic] = np.dtype(dtype)

    @abstractmethod
    def fetch(self, bands: slice, rows: slice, columns: slice) -> NDArray[np.generic]:
        """The window as an array; every slice has a start and a stop, steps of 1, and is not empty."""

    def __getitem__(self, window: Window) -> NDArray[np.generic]:
        if not (isinstance(window, tuple) and len(window) == 3 and all(isinstance(part, slice) for part in window)):
            raise TypeError("values on disk are sliced as values[bands, rows, columns], three slices")
        spans = [range(length)[part] for length, part in zip(self.shape, window, strict=True)]
        if not all(spans):
            return np.empty([len(span) for span in spans], self.dtype)
        block = self.fetch(*(slice(min(span[0], span[-1]), max(span[0], span[-1]) + 1) for span in spans))
        return block[tuple(slice(None, None, span.step) for span in spans)]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[np.generic]:
        """Lets `np.asarray(values)` read everything instead of wrapping the reader in an object array."""
        return self[:, :, :].astype(dtype or self.dtype, copy=False)

    def __repr__(self) -> str:
        return f"<{self.shape} {self.dtype} in {self.path}>"
