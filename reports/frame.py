"""Cells to one transfer table a model: deltas against no intermediate task, and their averages over targets.

What is missing, or was given another budget, is named in `notes`; it is never averaged away.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from reports.cells import BASELINE, Cell, Pair, gave_up, pair_cell, result_of, spread, with_delta
from training.record import Status, TrialRecord

__all__ = ["BASELINE", "Average", "Cell", "Expectation", "Pair", "TransferTable", "transfer_tables"]


LEFT_OUT = "left out by rank"
"""The reason of a pair without a score that was not meant to have one."""


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What the plan foresees: the seeds, and the number of settings a pair (in the order in which the grid names the pairs).

    Settings are tried with the first of the seeds; with `stopping` they may be stopped early, and few get every seed. Pairs of
    `left_out` were not meant to be run: a ranking had put others before them.
    """

    seeds: tuple[int, ...]
    settings: Mapping[Pair, int]
    stopping: bool = False
    left_out: tuple[Pair, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Average:
    """Unweighted mean over targets: of deltas, or of scores in the baseline's row. None as soon as one cell is missing."""

    value: float | None = None
    sd: float | None = None


@dataclass(frozen=True, kw_only=True)
class TransferTable:
    """One model's table: `cells[intermediate][target]`, complete over both lists; `intermediates` starts with the baseline.

    `averages` is over all targets, `averages_without_retrieval` over those that are not in `retrieval`.
    """

    model: str
    intermediates: tuple[str, ...]
    targets: tuple[str, ...]
    retrieval: tuple[str, ...]
    cells: Mapping[str, Mapping[str, Cell]]
    averages: Mapping[str, Average]
    averages_without_retrieval: Mapping[str, Average]
    notes: tuple[str, ...]
    synthetic: bool


def transfer_tables(records: Iterable[TrialRecord], expected: Expectation | None = None) -> list[TransferTable]:
    """One table a model, in the order in which `expected` names them; what it foresees and no record holds is shown as missing.

    Equal records give equal tables, in whatever order they come.
    """
    models: dict[str, list[TrialRecord]] = defaultdict(list)
    for record in sorted(records, key=lambda record: record.trial):
        models[record.model].append(record)
    foreseen = [pair.model for pair in expected.settings] if expected else []
    return [_table(model, models[model], expected) for model in _in_order(foreseen, models)]


def _table(model: str, records: Sequence[TrialRecord], expected: Expectation | None) -> TransferTable:
    planned = [pair for pair in (*expected.settings, *expected.left_out) if pair.model == model] if expected else []
    intermediates = _in_order([pair.intermediate for pair in planned], [record.intermediate for record in records])
    intermediates.sort(key=lambda name: name != BASELINE)
    targets = _in_order([pair.target for pair in planned], [target for record in records for target in record.targets])
    of_targets = _by_target(records)
    columns = {target: _column(Pair(model, "", target), intermediates, of_targets[target], expected) for target in targets}
    retrieval = [target for target in targets if any(cell.layer is not None for cell in columns[target].values())]
    targets.sort(key=lambda target: target in retrieval)
    cells = {name: {target: columns[target][name] for target in targets} for name in intermediates}
    table = TransferTable(
        model=model,
        intermediates=tuple(intermediates),
        targets=tuple(targets),
        retrieval=tuple(retrieval),
        cells=cells,
        averages={name: _average(list(row.values())) for name, row in cells.items()},
        averages_without_retrieval={
            name: _average([cell for target, cell in row.items() if target not in retrieval]) for name, row in cells.items()
        },
        notes=(),
        synthetic=any(result.synthetic for record in records for result in record.results),
    )
    return replace(table, notes=tuple(_notes(table, records)))


def _in_order(planned: Iterable[str], seen: Iterable[str]) -> list[str]:
    first = list(dict.fromkeys(planned))
    return first + sorted(set(seen) - set(first))


def _by_target(records: Sequence[TrialRecord]) -> Mapping[str, list[TrialRecord]]:
    found: dict[str, list[TrialRecord]] = defaultdict(list)
    for record in records:
        for target in record.targets:
            found[target].append(record)
    return found


def _column(
    where: Pair, intermediates: Sequence[str], of_target: Sequence[TrialRecord], expected: Expectation | None
) -> dict[str, Cell]:
    """All pairs of one target: seeds and budgets are compared inside it, deltas are against its baseline."""
    seeds = expected.seeds if expected else tuple(sorted({record.seed for record in of_target}))
    stopping = expected.stopping if expected else any(_was_compared(record) for record in of_target)
    of_pair: dict[str, list[TrialRecord]] = defaultdict(list)
    for record in of_target:
        of_pair[record.intermediate].append(record)
    column: dict[str, Cell] = {}
    for name in intermediates:
        planned = expected.settings.get(where._replace(intermediate=name), 0) if expected else 0
        counted = [record for record in of_pair[name] if not planned or record.number < planned]
        cell = pair_cell(name, where.target, counted, seeds, stopping=stopping)
        column[name] = replace(cell, settings_expected=planned)
    most = max((cell.settings_tried for cell in column.values() if not cell.fixed), default=0)
    for name, cell in column.items():
        column[name] = replace(cell, settings_expected=cell.settings_expected or (1 if cell.fixed else most))
    left_out = expected.left_out if expected else ()
    for name in intermediates:
        if where._replace(intermediate=name) in left_out and column[name].score is None:
            column[name] = replace(column[name], settings_expected=0, reason=LEFT_OUT)
    baseline = column.get(BASELINE)
    return {name: with_delta(cell, baseline) for name, cell in column.items()}


def _was_compared(record: TrialRecord) -> bool:
    """Whether early stopping looked at a trial."""
    return record.status is Status.STOPPED or bool(record.rungs)


def _average(cells: Sequence[Cell]) -> Average:
    absolute = all(cell.intermediate == BASELINE for cell in cells)
    values = [cell.score if absolute else cell.delta for cell in cells]
    known = [value for value in values if value is not None]
    if not known or len(known) < len(cells):
        return Average()
    return Average(value=statistics.fmean(known), sd=_average_sd([c.seed_scores if absolute else c.seed_deltas for c in cells]))


def _average_sd(by_target: Sequence[tuple[float, ...]]) -> float | None:
    """Standard deviation over seeds of the average over targets; what is fixed counts as the same at every seed."""
    seeds = max(len(values) for values in by_target)
    if any(len(values) not in (1, seeds) for values in by_target):
        return None
    return spread([statistics.fmean(values[seed % len(values)] for values in by_target) for seed in range(seeds)])


def _notes(table: TransferTable, records: Sequence[TrialRecord]) -> Iterator[str]:
    """Everything a reader must know before comparing two cells, one sentence each."""
    yield from _missing_notes(table)
    for target in table.targets:
        column = [table.cells[name][target] for name in table.intermediates]
        if BASELINE not in table.cells:
            yield f"{target}: no trial without an intermediate task, so there is no delta"
        for cell in column:
            yield from _cell_notes(cell)
        yield from _column_notes(target, column)
    for record in records:
        if gave_up(record):
            yield f"given up: {record.trial}: {record.reason.splitlines()[0]}"
        elif record.status is Status.FAILED:
            yield f"failed trial: {record.trial}"
        for result in record.results:
            if result_of(record, result.task) is not result:
                yield f"{record.trial}: {result.task} was evaluated more than once; its first result is shown"


def _missing_notes(table: TransferTable) -> Iterator[str]:
    """Cells without a score, those that lack it for one reason together."""
    missing: dict[str, dict[str, list[str]]] = {}
    for name in table.intermediates:
        for cell in table.cells[name].values():
            if cell.score is None:
                missing.setdefault(cell.reason, {}).setdefault(name, []).append(cell.target)
    for reason, rows in missing.items():
        same: dict[tuple[str, ...], list[str]] = {}
        for name, targets in rows.items():
            same.setdefault(tuple(targets), []).append(name)
        for where, names in same.items():
            yield f"{', '.join(names)} → {', '.join(where)}: {reason}"


def _cell_notes(cell: Cell) -> Iterator[str]:
    if cell.score is None:
        return
    where = f"{cell.intermediate} → {cell.target}"
    if cell.unequal:
        yield f"{where}: chosen from {cell.budget} of {cell.settings_expected} settings, an unequal tuning budget"
    if cell.collapsed:
        yield f"{where}: collapse ({cell.delta:+.1f} points)"
    if cell.selection is not None and cell.selection.oracle:
        yield f"{where}: chosen by an oracle that saw target-language data ({cell.selection.task}/{cell.selection.language})"
    if cell.selection is None and cell.settings_tried > 1:
        yield f"{where}: {cell.settings_tried} settings and nothing to choose by, so the first is shown"


def _column_notes(target: str, column: Sequence[Cell]) -> Iterator[str]:
    """What makes the scores of one column incomparable."""
    scored = [cell for cell in column if cell.score is not None]
    for what, seen in (
        ("splits", {cell.split for cell in scored}),
        ("retrieval layers", {f"{cell.pooling or 'pooling unknown'} at layer {cell.layer}" for cell in scored}),
        ("sets of languages", {" ".join(sorted(cell.languages)) for cell in scored}),
    ):
        if len(seen) > 1:
            yield f"{target}: scored on different {what}: {'; '.join(sorted(seen))}"
    yield from _rung_notes(target, [cell for cell in scored if cell.settings_tried > 1])


def _rung_notes(target: str, tuned: list[Cell]) -> Iterator[str]:
    """Pairs that were stopped early at other rungs than others, or not at all, had another tuning budget."""
    looked = [cell for cell in tuned if cell.rungs]
    if not looked:
        return
    count = max(len(cell.rungs) for cell in looked)
    differ = [cell for cell in tuned if len(cell.rungs) < count]
    for rung in range(count):
        shares = [cell.rungs[rung] for cell in looked if rung < len(cell.rungs)]
        if max(least for least, _ in shares) > min(most for _, most in shares):
            differ = tuned
    if differ:
        said = "; ".join(f"{cell.intermediate} {_rungs_shown(cell)}" for cell in tuned)
        yield f"{target}: tuned under different rules of early stopping, an unequal tuning budget: rungs {said}"


def _rungs_shown(cell: Cell) -> str:
    return ", ".join(f"{50 * (least + most):.0f} %" for least, most in cell.rungs) or "none"
