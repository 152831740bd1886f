"""Values that stay on disk until a window of them is asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, SupportsIndex, cast

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import DTypeLike, NDArray

from csakd.cubes import Window


class Lazy(NDArrayOperatorsMixin, ABC):
    """(L, H, W) numbers in a file. Slicing gives a fresh array; the file is open only meanwhile, so it pickles."""

    def __init__(self, path: Path, shape: tuple[int, int, int], dtype: DTypeLike) -> None:
        self.path = path.absolute()
        self.shape = shape
        self.dtype: np.dtype[np.generic] = np.dtype(dtype)

    @abstractmethod
    def fetch(self, bands: slice, rows: slice, columns: slice) -> NDArray[np.generic]:
        """The window as an array; every slice has a start and a stop, steps of 1, and is not empty."""

    def __getitem__(self, key: Any) -> NDArray[np.generic]:
        """As NumPy would; slices and whole numbers read only their window, anything else reads everything."""
        parts = key if isinstance(key, tuple) else (key,)
        if len(parts) > 3 or not all(isinstance(part, slice | int | np.integer) for part in parts):
            return np.asarray(self)[key]
        parts += (slice(None),) * (3 - len(parts))
        whole = tuple(
            part if isinstance(part, slice) else _only(part, n) for part, n in zip(parts, self.shape, strict=True)
        )
        return self._window(cast(Window, whole))[tuple(slice(None) if isinstance(part, slice) else 0 for part in parts)]

    def _window(self, window: Window) -> NDArray[np.generic]:
        spans = [range(length)[part] for length, part in zip(self.shape, window, strict=True)]
        if not all(spans):
            return np.empty([len(span) for span in spans], self.dtype)
        block = self.fetch(*(slice(min(span[0], span[-1]), max(span[0], span[-1]) + 1) for span in spans))
        return block[tuple(slice(None, None, span.step) for span in spans)]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[np.generic]:
        """Lets `np.asarray(values)` read everything instead of wrapping the reader in an object array."""
        return self[:, :, :].astype(dtype or self.dtype, copy=False)

    def __array_ufunc__(self, function: np.ufunc, method: str, *inputs: Any, **settings: Any) -> Any:
        """Arithmetic reads everything."""
        arrays = [np.asarray(given) if isinstance(given, Lazy) else given for given in inputs]
        return getattr(function, method)(*arrays, **settings)

    def __getattr__(self, name: str) -> Any:
        """The methods of an array (`mean`, `astype`, …) read everything."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(np.asarray(self), name)

    def __repr__(self) -> str:
        return f"<{self.shape} {self.dtype} in {self.path}>"


def _only(place: SupportsIndex, length: int) -> slice:
    """The slice that holds one place, counted from the end if negative."""
    if not -length <= place.__index__() < length:
        raise IndexError(f"index {place} is out of bounds for an axis of size {length}")
    first = place.__index__() % length
    return slice(first, first + 1)
