"""One trial as a page for the terminal, made from its record alone."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from reports.languages_data import english_first
from training.errors import UserError
from training.record import (
    ENGLISH,
    RECORDS,
    RUNGS,
    CarryReport,
    PhaseTrace,
    Status,
    TargetResult,
    TrialRecord,
    paused_path,
    read_record,
    record_path,
)

BARS = "▁▂▃▄▅▆▇█"
SPARK_WIDTH = 16
NAMES_SHOWN = 4
COLOURS = {Status.FINISHED: "green", Status.STOPPED: "yellow", Status.PAUSED: "yellow", Status.FAILED: "bold red"}


def find_record(folder: Path, trial: str) -> TrialRecord:
    """The record of `trial` below a run folder: the exact name, else the only one that starts so; of one that waits, its rungs.

    Raises UserError, with the nearest names, when there is none or more than one.
    """
    waiting = {path.stem for path in (folder / RUNGS).glob("*.json")}
    ended = {path.stem for path in (folder / RECORDS).glob("*.json")}
    names = sorted(ended | waiting)
    if not names:
        raise UserError("no trial has left a record yet", folder, "wait for the first trial, or name another run folder")
    matches = [trial] if trial in names else [name for name in names if name.startswith(trial)]
    if len(matches) == 1:
        return read_record((record_path if matches[0] in ended else paused_path)(folder, matches[0]))
    if matches:
        raise UserError(f"{len(matches)} trials start so", trial, f"give more of the name: {_listed(matches)}")
    near = difflib.get_close_matches(trial, names, n=3, cutoff=0.3) or [name for name in names if trial in name] or names
    raise UserError("no trial of that name", trial, f"the nearest: {_listed(near)}")


def render_trial(record: TrialRecord) -> RenderableType:
    """Everything a record holds, in the order in which the chain went."""
    parts: list[RenderableType] = [_header(record)]
    parts += [_phases(record.phases), *(_carried(index, phase.carry) for index, phase in enumerate(record.phases, 1))]
    parts += list(_rungs(record))
    parts += [_selection(record), *(part for result in record.results for part in _target(result))]
    parts += list(_provenance(record))
    return Group(*parts)


def sparkline(values: Sequence[float], width: int = SPARK_WIDTH) -> str:
    """Values as bars from lowest to highest, each bar the mean of its share of the points."""
    if not values:
        return ""
    count = min(width, len(values))
    shares = [values[len(values) * bar // count : len(values) * (bar + 1) // count] for bar in range(count)]
    means = [sum(share) / len(share) for share in shares]
    low, span = min(means), max(means) - min(means)
    return "".join(BARS[round((mean - low) / span * (len(BARS) - 1)) if span else 0] for mean in means)


def chain_of(record: TrialRecord) -> str:
    """The chain in words: `xlmr → mnli → xquad, mlqa`."""
    return f"{record.model} → {record.intermediate} → {', '.join(record.targets)}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(names[:8]) + more


def _header(record: TrialRecord) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column(overflow="fold")
    colour = COLOURS[record.status]
    rows = [
        ("trial", f"[bold]{escape(record.trial)}[/bold]"),
        ("status", f"[{colour}]{record.status.value}[/{colour}]"),
        ("chain", escape(chain_of(record))),
        ("setting", f"{record.number} of study {escape(record.study)}, seed {record.seed}, grid {escape(record.grid)}"),
        ("searched", escape(_pairs({name: f"{value:g}" for name, value in record.hyperparameters.items()})) or "nothing"),
        ("started", escape(record.started)),
        ("seconds", escape(_pairs({name: f"{value:.1f}" for name, value in record.timing.items()}))),
    ]
    if record.reason:
        rows.insert(2, ("reason", f"[red]{escape(record.reason)}[/red]"))
    for name, value in rows:
        if value:
            grid.add_row(name, value)
    return grid


def _pairs(values: Mapping[str, str]) -> str:
    return "  ".join(f"{name}={value}" for name, value in sorted(values.items()))


def _phases(phases: Sequence[PhaseTrace]) -> RenderableType:
    if not phases:
        return Text("\nno phase: the pretrained weights are evaluated as they are", "dim")
    table = _table()
    for column in ("", "role", "phase", "outcome"):
        table.add_column(column, overflow="fold")
    for column in ("seconds", "steps", "loss"):
        table.add_column(column, justify="right")
    table.add_column("curve", no_wrap=True)
    for index, phase in enumerate(phases, 1):
        losses = [loss for _, loss in phase.curve]
        ends = f"{losses[0]:.3f} → {losses[-1]:.3f}" if losses else ""
        outcome = Text(phase.outcome, "cyan" if phase.outcome == "reused" else "green")
        name = f"{phase.identity.name}--{phase.key[:8]}"
        numbers = (f"{phase.seconds:.1f}", str(phase.steps), ends, sparkline(losses))
        table.add_row(str(index), phase.identity.role.value, escape(name), outcome, *numbers)
    return table


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)


def _carried(index: int, carry: CarryReport) -> RenderableType:
    parts = [f"carried {carry.carried}"]
    parts += [f"{verb} {len(names)} ({_first(names)})" for verb, names in _changed(carry) if names]
    return Text(f"weights of phase {index}: " + "; ".join(parts), "dim")


def _changed(carry: CarryReport) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (("dropped", carry.dropped), ("initialised", carry.initialised))


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMES_SHOWN]) + (f", … {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else "")


def _rungs(record: TrialRecord) -> Iterator[RenderableType]:
    """What early stopping saw of the trial."""
    if not record.rungs:
        return
    yield Text("\nEnglish dev score at the rungs of early stopping")
    table = _table()
    for column in ("rung", "step", "of", "score"):
        table.add_column(column, justify="right")
    for rung in record.rungs:
        table.add_row(str(rung.rung), str(rung.step), str(rung.steps), f"{rung.score:.2f}")
    yield table


def _selection(record: TrialRecord) -> RenderableType:
    selection = record.selection
    if record.status is Status.STOPPED:
        return Text("\nstopped early: no result, and not to be chosen", "yellow")
    if record.status is Status.PAUSED:
        return Text("\nwaits at a rung until the others of its round are there: then it goes on, or is stopped", "yellow")
    if selection is None:
        return Text("\nselection: nothing to choose by", "dim")
    where = f"{selection.task}/{selection.split}/{selection.language}"
    text = Text.assemble("\nselection: ", (f"{selection.score:.2f}", "bold"), f" {selection.metric} on {where}")
    if selection.oracle:
        text.append("  ORACLE: chosen with target-language data, not zero-shot", "bold red")
    return text


def _target(result: TargetResult) -> Iterator[RenderableType]:
    where = f" (layer {result.layer}, {result.pooling})" if result.layer is not None else ""
    where += " oracle: its thresholds come from target-language gold" if result.oracle else ""
    yield Text.assemble(
        (f"\n{result.task}/{result.split}", "bold"),
        where,
        ("  SYNTHETIC data (mini world)" if result.synthetic else "", "yellow"),
    )
    table = _table()
    names = {name for scores in result.languages.values() for name in scores}
    metrics = sorted(names, key=lambda name: (name != "score", name))
    table.add_column("language")
    for name in (*metrics, "examples"):
        table.add_column(escape(name), justify="right")
    for code in sorted(result.languages, key=english_first):
        scores = result.languages[code]
        shown = [f"{scores[name]:.2f}" if name in scores else "" for name in metrics]
        table.add_row(escape(code), *shown, str(result.examples.get(code, "")), end_section=code == ENGLISH)
    yield table
    yield Text(_summary(result))


def _summary(result: TargetResult) -> str:
    text = f"mean {result.mean:.2f} ({'every language, English included' if ENGLISH in result.languages else 'every language'})"
    if result.mean_non_english is None:
        return text
    text += f"   non-English {result.mean_non_english:.2f}"
    if ENGLISH in result.languages:
        text += f"   gap {result.languages[ENGLISH]['score'] - result.mean_non_english:+.2f} (English minus the others)"
    return text


def _provenance(record: TrialRecord) -> Iterator[RenderableType]:
    groups: dict[str, list[str]] = {}
    for name, value in sorted(record.provenance.items()):
        kind, _, rest = name.partition(".")
        groups.setdefault(kind, []).append(f"{rest} {value}".strip())
    if groups:
        yield Text("\nprovenance", "dim")
    for kind, values in groups.items():
        yield Text(f"  {kind}: {', '.join(values)}", "dim")
