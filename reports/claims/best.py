"""Claim 5: for each target the best chain, chosen without its test data, against the model without intermediate training.

A target is learned after the intermediate task with the best English dev score (mean over seeds). One without a dev set of its
own takes the intermediate task whose English dev scores are best on average over the targets that have one.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from reports.cells import BASELINE, Cell
from reports.claims.contrasts import ONE_SEED, Desk
from reports.claims.study import BEST, MULTI, NINE, POINT, SINGLES, Tasks
from reports.claims.verdicts import Answer, Found, Lack, Ruling
from reports.statistics.averages import missing_of
from reports.statistics.compare import Comparison, Covers, compare
from training.record import TrialRecord

ASKS = "the best chain of each target, chosen on English dev, improves the average over XTREME's nine targets"
CANDIDATES: tuple[Tasks, ...] = (*(frozenset((task,)) for task in SINGLES), MULTI)


def best_of_each(desk: Desk, records: Sequence[TrialRecord]) -> tuple[Found, list[Cell]]:
    """The answer to claim 5, and the cells that it rests on."""
    rows = [name for tasks in CANDIDATES if (name := desk.row(tasks))]
    lack = _lack(desk, rows)
    if lack:
        return _found(Answer(compares="best of each - none", ruling=Ruling.UNDECIDED, published=BEST, lack=lack)), []
    chosen = _chosen(desk, rows, records)
    if chosen is None:
        why = Lack(other=("no English dev score that all intermediate tasks of a target have in common",))
        return _found(Answer(compares="best of each - none", ruling=Ruling.UNDECIDED, published=BEST, lack=why)), []
    cells = [desk.table.cells[name][target] for target, name in chosen.items()]
    base = [desk.table.cells[BASELINE][target] for target in chosen]
    return _found(_answer(desk, chosen, cells, base)), [*cells, *base]


def _lack(desk: Desk, rows: Sequence[str]) -> Lack:
    table = desk.table
    targets = tuple(target for target in NINE if target not in table.targets)
    if not rows or BASELINE not in table.cells:
        absent = () if BASELINE in table.cells else (BASELINE,)
        return Lack(intermediates=absent if rows else (*absent, *SINGLES), targets=targets)
    there = [target for target in NINE if target in table.targets]
    unfinished = [
        f"{row} → {target}" for row in (BASELINE, *rows) for target in there if table.cells[row][target].score is None
    ]
    return Lack(targets=targets, unfinished=tuple(unfinished))


def _chosen(desk: Desk, rows: Sequence[str], records: Sequence[TrialRecord]) -> dict[str, str] | None:
    """Target to intermediate task; None where dev says nothing."""
    known = {record.trial: record for record in records}
    dev = {target: _dev_scores([desk.table.cells[row][target] for row in rows], known) for target in NINE}
    told = [scores for scores in dev.values() if scores]
    if not told:
        return None
    overall = {row: statistics.fmean(scores[row] for scores in told) for row in rows}
    return {target: _best(scores or overall) for target, scores in dev.items()}


def _dev_scores(cells: Sequence[Cell], known: Mapping[str, TrialRecord]) -> dict[str, float]:
    """Row to mean English dev score over seeds; empty where rows were chosen by different things."""
    found, chosen_by = {}, set()
    for cell in cells:
        chosen = [known[trial].selection for trial in cell.trials]
        if any(one is None or one.oracle for one in chosen):
            return {}
        chosen_by |= {(one.task, one.split, one.language, one.metric) for one in chosen if one}
        found[cell.intermediate] = statistics.fmean(one.score for one in chosen if one)
    return found if len(chosen_by) == 1 else {}


def _best(scores: Mapping[str, float]) -> str:
    return max(scores, key=lambda row: scores[row])


def _answer(desk: Desk, chosen: Mapping[str, str], cells: Sequence[Cell], base: Sequence[Cell]) -> Answer:
    compares = "best of each - none: " + ", ".join(f"{target} after {name}" for target, name in chosen.items())
    unlike = tuple(why for target, name in chosen.items() for why in missing_of(desk.table, name, (target,)))
    said = Answer(compares=compares, ruling=Ruling.UNDECIDED, published=BEST, lack=Lack(other=unlike))
    if unlike:
        return said
    found = _compared(desk, cells, base)
    if found is None:
        return Answer(compares=compares, ruling=Ruling.UNDECIDED, published=BEST, lack=Lack(seeds=True))
    one_seed = found.covers is Covers.ITEMS
    return Answer(
        compares=compares,
        ruling=Ruling.UNDECIDED if one_seed else _rule(found),
        delta=found.delta,
        low=found.low,
        high=found.high,
        seeds=found.seeds,
        covers=str(found.covers),
        published=BEST,
        lack=Lack(seeds=True, other=(ONE_SEED,)) if one_seed else Lack(),
    )


def _compared(desk: Desk, cells: Sequence[Cell], base: Sequence[Cell]) -> Comparison | None:
    try:
        return compare(desk.arms.mean_of(cells), desk.arms.mean_of(base))
    except ValueError:
        return None


def _rule(found: Comparison) -> Ruling:
    if found.low > 0.0 and found.delta >= POINT:
        return Ruling.SUPPORTED
    return Ruling.CONTRADICTED if found.high < POINT else Ruling.UNDECIDED


def _found(answer: Answer) -> Found:
    return Found(asks=ASKS, ruling=answer.ruling, needed=1, answers=(answer,))
