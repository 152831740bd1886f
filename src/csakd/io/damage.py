"""What a broken file says: one line that names it, whichever library noticed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def reading(path: Path, kind: str, *complaints: type[Exception]) -> Iterator[None]:
    """Translates what a library says, with an exception among `complaints`, of a broken file of this `kind`.

    Raises:
        ValueError: that names the file, in one line.
        OSError: unchanged, if the system refused: no such file, no permission.
    """
    try:
        yield
    except complaints as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{path} is damaged or truncated, or no {kind}: {reason}") from error
