"""The command line: parse, call, print."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

from csakd.cli import benchmarking, fusing, learning
from csakd.cli.parser import Parser, commands_of

EXTRAS = {"lightning": "train", "tensorboard": "train", "matplotlib": "report"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; a user's mistake ends in one line on stderr and exit code 2."""
    # Before torch is loaded: threads that spin while they wait cost a busy machine many times what they gain.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    options = parser().parse_args(arguments)
    try:
        _load_library()
        options.run(options)
    except KeyboardInterrupt:
        print("csakd: interrupted", file=sys.stderr)
        return 130
    except ModuleNotFoundError as error:
        extra = EXTRAS.get(str(error.name).split(".")[0])
        if extra is None:
            raise
        print(f"csakd: error: {error.name} is not installed: pip install 'csakd[{extra}]'", file=sys.stderr)
        return 2
    except (ValueError, OSError) as error:
        print(f"csakd: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


def _load_library() -> None:
    """What every command needs, at once: its objects are here to stay, and no garbage to search."""
    if "csakd.inference" in sys.modules:
        return
    gc.disable()
    import csakd.inference  # noqa: F401

    gc.freeze()
    gc.enable()


def parser() -> Parser:
    made = Parser(
        prog="csakd",
        description="Fuse a low-resolution hyperspectral with a high-resolution multispectral image.",
        epilog="csakd COMMAND --help shows an example of each.",
    )
    command = commands_of(made)
    fusing.add_to(command)
    learning.add_to(command)
    benchmarking.add_to(command)
    return made
