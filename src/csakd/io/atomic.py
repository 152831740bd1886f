"""A file appears whole or not at all: written under another name beside its target, then moved onto it."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def scratch(target: Path) -> Iterator[Path]:
    """A hidden name beside `target`, with its suffix; what lies there afterwards is removed."""
    draft = target.with_name(f".{target.stem}.{secrets.token_hex(4)}{target.suffix}")
    try:
        yield draft
    finally:
        _remove(draft)


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A name to write to, moved onto `target` at the end; after an exception `target` is as it was.

    Both may be files, or both folders.
    """
    with scratch(target) as draft:
        yield draft
        if not target.is_dir():
            os.replace(draft, target)
        else:  # no system call replaces a folder that is not empty
            with scratch(target) as former:
                os.rename(target, former)
                try:
                    os.rename(draft, target)
                except OSError:
                    os.rename(former, target)
                    raise


def _remove(path: Path) -> None:
    if path.is_dir():
        # Threads of a library that failed may still be at work in the folder: it is gone when it stays gone.
        for _ in range(50):
            shutil.rmtree(path, ignore_errors=True)
            time.sleep(0.02)
            if not path.exists():
                break
    else:
        path.unlink(missing_ok=True)
