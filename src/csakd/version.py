"""Which csakd this is: its version, and the commit when it runs from a checkout."""

from __future__ import annotations

import subprocess
from functools import lru_cache
from importlib import metadata
from pathlib import Path


@lru_cache
def version() -> str:
    """Such as "0.1.0" (installed) or "0.1.0 @ 1a2b3c4" (checkout)."""
    root = Path(__file__).parents[2]
    number = metadata.version("csakd")
    if not (root / ".git").exists():
        return number
    try:
        asked = ["git", "-C", str(root), "rev-parse", "--short", "HEAD"]
        return f"{number} @ {subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()}"
    except (OSError, subprocess.CalledProcessError):
        return number
