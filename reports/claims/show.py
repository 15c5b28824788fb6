"""Verdicts for the terminal and for a program."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from reports.claims.study import VERSION
from reports.claims.verdicts import Answer, Found, Lack, Ruling, Verdict, together
from reports.table import SYNTHETIC

STYLES = {Ruling.SUPPORTED: "green", Ruling.CONTRADICTED: "red", Ruling.UNDECIDED: "yellow"}
ALL_SUPPORTED, SOME_CONTRADICTED, NONE_DECIDABLE = 0, 1, 3
MOST = 6
"""Names that are shown one by one."""


def exit_code(verdicts: Sequence[Verdict]) -> int:
    """0: what can be decided is supported; 1: something is contradicted; 3: nothing can be decided. Set-up doesn't count."""
    rulings = {one.ruling for one in verdicts if one.counts}
    if Ruling.CONTRADICTED in rulings:
        return SOME_CONTRADICTED
    return ALL_SUPPORTED if Ruling.SUPPORTED in rulings else NONE_DECIDABLE


def claims_text(verdicts: Sequence[Verdict], run: str) -> str:
    """A JSON object: the study's version, the exit code, and a claim's verdict an entry. `run` is the run folder as shown."""
    rows = [{**_rounded(asdict(one)), "commands": list(commands(one.lack, run))} for one in verdicts]
    content = {"study": VERSION, "exit_code": exit_code(verdicts), "claims": rows}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def render_claims(verdicts: Sequence[Verdict], run: str) -> RenderableType:
    """Every claim with its ruling, the numbers that it rests on, and what is missing."""
    if not verdicts:
        return Text("no trial yet, so there is nothing to judge claims by")
    parts: list[RenderableType] = []
    for model in dict.fromkeys(one.model for one in verdicts):
        mine = [one for one in verdicts if one.model == model]
        parts += [Text(f"Claims of {VERSION} on the records of {model}", "bold"), *_warnings(mine), Text()]
        for verdict in mine:
            parts += [*_claim(verdict), Text()]
    parts += [Text(_summary(verdicts)), *(_indented(line) for line in _to_do(verdicts, run))]
    return Group(*parts)


def commands(lack: Lack, run: str) -> Iterator[str]:
    """What to change in the grid, and the commands to give then."""
    grid = [f"add to the grid's {key}: {', '.join(names)}" for key, names in _entries(lack) if names]
    if lack.seeds:
        grid.append("give the grid two seeds or more, for example `seeds: [1, 2, 3]`")
    yield from grid
    if grid:
        yield f"then: sweep launch --grid FILE --run {shlex.quote(run)}"
    elif lack.unfinished:
        yield f"go on: sweep resume --run {shlex.quote(run)}"


def _entries(lack: Lack) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (("intermediates", lack.intermediates), ("targets", lack.targets))


def _warnings(verdicts: Sequence[Verdict]) -> Iterator[Text]:
    if any(one.synthetic for one in verdicts):
        yield Text(SYNTHETIC, "bold yellow")


def _claim(verdict: Verdict) -> Iterator[RenderableType]:
    head = Text.assemble(f"{verdict.number}  ", (str(verdict.ruling), f"bold {STYLES[verdict.ruling]}"), f"  {verdict.says}")
    yield head
    for found in verdict.found:
        yield _indented(_question(found))
        measured = [one for one in found.answers if one.delta is not None or not verdict.counts]
        if measured:
            yield Padding(_numbers(measured), (0, 0, 0, 4), expand=False)
    yield from map(_indented, _lacking(verdict.lack))
    yield from (_indented(note, "dim") for note in verdict.notes)


def _indented(line: str, style: str = "") -> RenderableType:
    return Padding(Text(line, style), (0, 0, 0, 3), expand=False)


def _to_do(verdicts: Sequence[Verdict], run: str) -> Iterator[str]:
    """What would decide the claims that are not, for all of them at once."""
    lines = list(commands(together(one.lack for one in verdicts if one.counts), run))
    if lines:
        yield from ("to decide the others:", *lines)


def _question(found: Found) -> str:
    hold, fail = (sum(one.ruling is what for one in found.answers) for what in (Ruling.SUPPORTED, Ruling.CONTRADICTED))
    count = len(found.answers)
    if count == 1:
        return f"{found.asks}: {found.ruling}"
    return f"{found.asks}: {found.ruling} ({hold} of {count} hold, {fail} do not; {found.needed} are needed)"


def _numbers(answers: Sequence[Answer]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_header=any(one.delta is not None for one in answers))
    table.add_column("compared", overflow="fold")
    for name in ("delta", "95 % interval", "ruling", "the study's"):
        table.add_column(name, justify="right")
    for one in answers:
        row = (_signed(one.delta), _interval(one), str(one.ruling), _published(one))
        table.add_row(escape(one.compares), *(Text(text, STYLES[one.ruling]) for text in row[:3]), row[3])
    return table


def _signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.1f}"


def _interval(one: Answer) -> str:
    return "" if one.low is None or one.high is None else f"{one.low:+.1f} to {one.high:+.1f}"


def _published(one: Answer) -> str:
    return "" if one.published is None else f"{one.published.value:+.1f} ({one.published.trust})"


def _lacking(lack: Lack) -> Iterator[str]:
    if lack.intermediates:
        yield f"no trial of {_some(lack.intermediates)}"
    if lack.targets:
        yield f"no trial on {_some(lack.targets)}"
    if lack.unfinished:
        yield f"not finished: {_some(lack.unfinished)}"
    if lack.other:
        yield f"missing: {_some(lack.other)}"


def _some(names: Sequence[str]) -> str:
    rest = f" and {len(names) - MOST} others" if len(names) > MOST else ""
    return "; ".join(names[:MOST]) + rest


def _summary(verdicts: Sequence[Verdict]) -> str:
    counted = [one.ruling for one in verdicts if one.counts]
    return ", ".join(f"{counted.count(ruling)} {ruling}" for ruling in Ruling) + " (the set-up does not count)"


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6) + 0.0
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list | tuple) else value
