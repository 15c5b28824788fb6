"""`sweep status --watch`: the launch's live table, in another shell."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.live import Live

from sweep.watch.status import Look, print_status
from sweep.watch.table import LiveTable, sum_lines

INTERVAL = 1.0
PLAIN_INTERVAL = 60.0
"""Seconds between two lines where there is no terminal."""


def follow(run: Path, console: Console | None = None, pause: Callable[[float], None] = time.sleep) -> None:
    """Show a sweep until no launch holds its folder, or Ctrl-C; then its status. Raises UserError when it is no run folder.

    On a terminal a table is redrawn once a second; elsewhere a line a minute is printed. `pause` waits.
    """
    console = console or Console()
    look = Look(run)
    with contextlib.suppress(KeyboardInterrupt):
        if console.is_terminal:
            _table(look, console, pause)
        else:
            _lines(look, console, pause)
    print_status(run)


def _table(look: Look, console: Console, pause: Callable[[float], None]) -> None:
    with Live(LiveTable(look.again()), console=console, auto_refresh=False, transient=True) as live:
        while look.standing.busy:
            live.update(LiveTable(look.standing), refresh=True)
            pause(INTERVAL)
            look.again()


def _lines(look: Look, console: Console, pause: Callable[[float], None]) -> None:
    while look.again().busy:
        console.print("; ".join(sum_lines(look.standing)), highlight=False, markup=False, soft_wrap=True)
        for _ in range(int(PLAIN_INTERVAL / INTERVAL)):
            pause(INTERVAL)
            if not look.again().busy:
                return
