"""How the command line answers: words it completes, faults it shows, verbs it lists in the order of their use."""

from __future__ import annotations

import contextlib
import difflib
import os
import shlex
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from sweep.masking import mask_logs, masked, show_masked
from sweep.options import existing_run
from training.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

EXIT_USER_ERROR, EXIT_INCOMPLETE, EXIT_INTERRUPTED = 2, 3, 130
_NARROW, _NAME = 80, 12
"""Columns of a terminal that is narrow, and what a name has of it at least."""


class Verbs(click.Group):
    """A group of verbs in the order they were written in; a fault of the user is shown without a traceback and exits with 2."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Verbs in the order of their definition."""
        return list(self.commands)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb; an unknown one is answered with the nearest."""
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            near = difflib.get_close_matches(name, self.commands, n=2)
            remedy = f"did you mean {' or '.join(near)}?" if near else f"the verbs are {', '.join(self.commands)}"
            raise UserError("there is no such verb", name, remedy)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a verb; raises click.exceptions.Exit with 2 on a UserError, after showing it on stderr.

        No secret is shown, of whatever fault: in the traceback of a bug neither.
        """
        sys.excepthook = show_masked
        mask_logs()
        try:
            return super().invoke(ctx)
        except UserError as error:
            warn(f"error: {error}")
            ctx.exit(EXIT_USER_ERROR)
        except KeyboardInterrupt:
            warn("\ninterrupted: what was finished is kept; to go on, give the same command again")
            ctx.exit(EXIT_INTERRUPTED)


def listing(*columns: str) -> Table:
    """A table without lines: the names in its first column stay whole, what is too wide elsewhere goes on below.

    On a narrow terminal names go on below too, so that the words of headings stay whole, where there is room for these.
    """
    from rich.console import Console
    from rich.table import Table

    width, words = Console().width, [max(map(len, column.split())) for column in columns]
    tight = width < _NARROW and _NAME + sum(words[1:]) + 2 * len(words) + 2 <= width
    table = Table(box=None, pad_edge=False)
    table.add_column(columns[0], no_wrap=not tight, overflow="fold", min_width=_NAME if tight else None)
    for column, longest in zip(columns[1:], words[1:], strict=True):
        table.add_column(column, overflow="fold", min_width=longest if tight else None)
    return table


def print_rich(renderable: object) -> None:
    """Print something of rich: at the width of the terminal, or 120 columns into a pipe or a file."""
    from rich.console import Console

    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 120
    Console(file=sys.stdout, width=width).print(renderable)


@contextlib.contextmanager
def busy(console: Console, what: str) -> Iterator[None]:
    """Say on a terminal, as long as the block lasts, what takes time; nothing of it stays."""
    with console.status(what) if console.is_terminal else contextlib.nullcontext():
        yield


def warn(text: str) -> None:
    """Print lines to stderr, as `print_lines` does."""
    from rich.console import Console

    print_lines(Console(stderr=True), text)


def print_lines(console: Console, text: str, style: str = "") -> None:
    """Print prose, secrets hidden: on a terminal wrapped between words, with what goes on indented; elsewhere line by line.

    A word that is longer than the terminal is wide, a path say, stays whole, so that it can be copied.
    """
    for line in _harmless(masked(text)).split("\n"):
        if console.is_terminal:
            begin = line[: len(line) - len(line.lstrip())] + "  "
            parts = textwrap.wrap(line, console.width, subsequent_indent=begin, break_long_words=False, break_on_hyphens=False)
        else:
            parts = [line]
        for part in parts or [""]:
            console.print(part, style=style or None, highlight=False, markup=False, emoji=False, soft_wrap=True)


def _harmless(text: str) -> str:
    """A text with everything that a terminal would obey instead of showing it (escapes, changes of direction) spelt out."""
    plain = text.removesuffix("\n").expandtabs()
    return "".join(each if each.isprintable() or each == "\n" else each.encode("unicode_escape").decode() for each in plain)


def shown(run: Path) -> str:
    """A run folder as a user would write it: relative where it is below the working folder."""
    here, run = Path.cwd(), run.absolute()
    return shlex.quote(str(run.relative_to(here) if run.is_relative_to(here) else run))


def complete_grid(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of the shipped grids; what looks like a path is completed as a file."""
    if "/" in incomplete or incomplete.startswith((".", "~")):
        return [CompletionItem(incomplete, type="file")]
    from search_spaces.catalogue import abouts

    return [CompletionItem(name, help=about) for name, about in abouts().items() if name.startswith(incomplete)]


def complete_trial(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Trials that have a record in the run folder that was named, or in the only one."""
    from training.record import RECORDS

    try:
        folder = existing_run(ctx.params.get("run"), ctx.params.get("grid"))
    except UserError:
        return []
    return [CompletionItem(path.stem) for path in sorted((folder / RECORDS).glob(f"{incomplete}*.json"))]
