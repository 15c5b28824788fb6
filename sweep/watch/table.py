"""The live table: a line of sums, the pairs that fit on the screen, and what is being trained.

Its cost does not grow with the number of trials: sums are kept by `Tally`, and no more pairs are drawn than there is room for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.table import Table
from rich.text import Text

from sweep.amounts import amount, duration, several
from sweep.ending import EndState
from sweep.watch.live import EVALUATION, doing
from sweep.watch.standing import Standing
from sweep.watch.tally import PairTally

NARROW, WIDE = 72, 100
"""Columns below which the table leaves out what matters least."""
TALLEST = 40
"""Most lines of a table, however tall the screen."""


@dataclass(frozen=True)
class LiveTable:
    """A standing, drawn to fit whatever it is printed on, or `height` lines."""

    standing: Standing
    height: int | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Lay it out for the width and height at hand."""
        width = options.max_width
        room = self.height or max(8, min(console.size.height - 1, TALLEST))
        sums = sum_lines(self.standing)
        lines = [line for text in sums for line in Text(text).wrap(console, width)]
        trained = _training(self.standing, width, most=max(1, (room - len(lines)) // 3))
        pairs = _pairs(self.standing, width, most=max(1, room - len(lines) - len(trained) - 2))
        yield Group(*lines, pairs, *trained)


def sum_lines(standing: Standing) -> list[str]:
    """The sums of a sweep: trials; phases and pace; time and budget."""
    tally, pace = standing.tally, standing.pace
    trials = [f"{tally.settled} of {at_most(standing)}{tally.trials} trials"]
    trials += [f"{tally.stopped} stopped early"] if tally.stopped else []
    trials += [f"{tally.paused} waiting at a rung"] if tally.paused else []
    trials += [f"{tally.failed} failed"] if tally.failed else []
    trials += [f"{standing.running} running"] if standing.running else []
    phases = [f"{several(len(tally.trained), 'phase')} trained, {tally.reused} reused"]
    phases += [f"{amount(pace.tokens_a_second)} tokens/s"] if pace.tokens_a_second and standing.busy else []
    phases += [f"{amount(pace.trials_an_hour)} trials/h"] if pace.trials_an_hour and standing.busy else []
    phases += [f"{amount(tally.hours)} {tally.mark.unit}"] if tally.hours else []
    time = [f"after {duration(pace.seconds)}"] if standing.busy else []
    time += [f"about {duration(standing.left)} left"] if standing.left is not None and standing.busy else []
    time += [standing.budget] if standing.budget else []
    lines = [f"{tally.mark.grid} {standing.state}: {', '.join(trials)}", ", ".join(phases), ", ".join(time)]
    return [line for line in lines if line]


def at_most(standing: Standing) -> str:
    """With early stopping a sweep may need fewer trials than its grid has."""
    return "at most " if standing.tally.mark.stopping and standing.state != EndState.FINISHED else ""


def _pairs(standing: Standing, width: int, most: int) -> Table:
    """The pairs that matter most now, in the order of the grid, and a line for the others."""
    table = Table(box=None, pad_edge=False, expand=False)
    table.add_column("pair", no_wrap=True, overflow="ellipsis", ratio=1 if width < NARROW else None)
    for name in _columns(width):
        table.add_column(name, justify="left" if name == "state" else "right", no_wrap=True)
    every, working = list(standing.tally.pairs.values()), standing.working
    shown = chosen(every, working, most)
    for pair in every:
        if id(pair) in shown:
            table.add_row(*_row(pair, width, working.get(pair.name, 0), standing.state))
    others = [pair for pair in every if id(pair) not in shown]
    if others:
        table.add_row(*_others(others, width), style="dim")
    return table


def chosen(pairs: Sequence[PairTally], working: dict[str, int], most: int) -> set[int]:
    """Ids of the pairs to show: those that are being worked on, then those that changed last, then the others in order."""
    if len(pairs) <= most:
        return {id(pair) for pair in pairs}
    ranked = sorted(pairs, key=lambda pair: (-min(1, working.get(pair.name, 0)), -pair.changed))
    return {id(pair) for pair in ranked[: max(most - 1, 1)]}


def _columns(width: int) -> list[str]:
    if width < NARROW:
        return ["settings", "best"]
    return ["settings", "trials", *(["stopped", "failed"] if width >= WIDE else []), "best dev", "state"]


def _row(pair: PairTally, width: int, running: int, state: str) -> list[str | Text]:
    best = f"{pair.best:.1f}" if pair.best is not None else "-"
    settings = f"{len(pair.tried)}/{pair.settings}"
    if width < NARROW:
        return [Text(pair.name), settings, best]
    failed = Text(_count(pair.failed), style="red" if pair.failed else "")
    ended: list[str | Text] = [_count(pair.stopped), failed] if width >= WIDE else []
    doing_now = f"{running} running" if running else _idle(pair, state)
    style = "green" if running else "dim" if pair.complete else ""
    return [Text(pair.name), settings, f"{pair.settled}/{pair.trials}", *ended, best, Text(doing_now, style=style)]


def _idle(pair: PairTally, state: str) -> str:
    if pair.complete or state == "finished":
        return "done"
    return "begun" if pair.settled else "waiting"


def _others(pairs: Sequence[PairTally], width: int) -> list[str | Text]:
    name = Text(f"and {several(len(pairs), 'other pair')}")
    settings = f"{sum(len(pair.tried) for pair in pairs)}/{sum(pair.settings for pair in pairs)}"
    if width < NARROW:
        return [name, settings, ""]
    ended = [_count(sum(pair.stopped for pair in pairs)), _count(sum(pair.failed for pair in pairs))] if width >= WIDE else []
    trials = f"{sum(pair.settled for pair in pairs)}/{sum(pair.trials for pair in pairs)}"
    return [name, settings, trials, *ended, "", ""]


def _count(count: int) -> str:
    return str(count) if count else "-"


def _training(standing: Standing, width: int, most: int) -> list[Text]:
    """What running trials are doing, one line each, as many as there is room for."""
    busy = [f"{_subject(state, width)}{text}{_loss(state)}" for state in standing.live if (text := doing(state))]
    lines = [Text(f"  {text}", no_wrap=True, overflow="ellipsis") for text in busy[:most]]
    hidden = max(len(busy), standing.running) - len(lines)
    if hidden > 0:
        what = f"and {several(hidden, 'other trial')}" if lines else f"{several(hidden, 'trial')} starting"
        lines.append(Text(f"  {what}", style="dim"))
    return lines


def _subject(state: dict[str, object], width: int) -> str:
    """Whose trial it is, where there is room: pair, setting and seed."""
    return f"{str(state.get('trial', '')).rpartition('--')[0]}: " if width >= WIDE else ""


def _loss(state: dict[str, object]) -> str:
    loss = state.get("loss")
    steps = state.get("step") and not state.get("encoding") and state.get("phase") != EVALUATION
    return f", loss {loss:.3f}" if steps and isinstance(loss, float) else ""
