"""How commands are declared: one line to an error, an example in every help."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Callable
from typing import Any, NoReturn


class Parser(argparse.ArgumentParser):
    """One line to an error, and exit code 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {' '.join(message.split())}\n")


# Declares a command by its function, what it does and an example; what it returns declares the command's options.
Command = Callable[[Callable[[argparse.Namespace], None], str, str], Callable[..., None]]


def commands_of(parser: Parser) -> Command:
    """A declarer of commands for a parser."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)

    def command(run: Callable[[argparse.Namespace], None], text: str, example: str) -> Callable[..., None]:
        sub = commands.add_parser(
            run.__name__,
            help=text,
            description=text,
            epilog=textwrap.dedent(example),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.set_defaults(run=run)

        def option(*names: str, **settings: Any) -> None:
            sub.add_argument(*names, **settings)

        return option

    return command
