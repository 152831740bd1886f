"""csakd: fuse a low-resolution hyperspectral with a high-resolution multispectral image.

>>> import csakd
>>> pair = csakd.observe(csakd.read("scene.tif"), msi="tm4", ratio=4).pair
>>> fused = csakd.fuse(pair)
>>> csakd.write(fused, "fused.tif")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from csakd.cubes import Cube, Georeference, Pair, Sample
    from csakd.inference import fuse, load
    from csakd.io import read, write
    from csakd.metrics import evaluate
    from csakd.models import MODELS, build
    from csakd.physics import observe

# Fetched on first use: `csakd --help` needs no torch.
_HOMES = {
    "Cube": "csakd.cubes",
    "Georeference": "csakd.cubes",
    "Pair": "csakd.cubes",
    "Sample": "csakd.cubes",
    "read": "csakd.io",
    "write": "csakd.io",
    "observe": "csakd.physics",
    "build": "csakd.models",
    "MODELS": "csakd.models",
    "load": "csakd.inference",
    "fuse": "csakd.inference",
    "evaluate": "csakd.metrics",
}

__all__ = [
    "MODELS",
    "Cube",
    "Georeference",
    "Pair",
    "Sample",
    "build",
    "evaluate",
    "fuse",
    "load",
    "observe",
    "read",
    "write",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'csakd' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
