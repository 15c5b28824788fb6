"""The best chain for each target, by a declared rule.

* `dev`: nothing measured in another language than English takes part. Where a target is trained, its pairs are compared by the
  mean English dev score of their chosen settings over seeds. Where it is not (retrieval), dev scores are those of different
  intermediate tasks, which do not compare; there the intermediate task is chosen that is best, by the mean of English dev
  scores, over the trained targets of the same model.
* `oracle`: by the target's own score over its languages. It looks at what is to be predicted, and is labelled so.

Of the chosen setting's seeds the one with the best English dev score is taken, of equal ones the first. A pair that has no
finished setting is not compared, and named.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from reports.cells import Cell, Pair
from reports.frame import TransferTable
from training.identity import Role
from training.record import TrialRecord


class Rule(StrEnum):
    """What chains are chosen by."""

    DEV = "dev"
    ORACLE = "oracle"


SAYS = {
    Rule.DEV: "mean English dev score over seeds",
    Rule.ORACLE: "ORACLE: score on the target's own evaluation data, in all its languages",
}
BY_OTHERS = "mean English dev score over the model's trained targets (this one has no English dev set)"


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The chain of one target. Scores are in percent; `criterion` is what it was chosen by, as `basis` says.

    `oracle` is true where target-language gold had a part in the choice or the score. `score` is the trial's own over its
    languages, `mean_score` that of its setting over seeds. `rivals` are the pairs compared, best first, with their criteria.
    """

    target: str
    pair: Pair
    trial: str
    setting: int
    seed: int
    rule: Rule
    basis: str
    criterion: float
    oracle: bool
    score: float
    mean_score: float
    rivals: tuple[tuple[Pair, float], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Selected:
    """What was chosen, by target, and why there is nothing for the others."""

    rule: Rule
    chosen: Mapping[str, Chosen]
    missing: Mapping[str, str]


def select(tables: Sequence[TransferTable], records: Iterable[TrialRecord], rule: Rule = Rule.DEV) -> Selected:
    """The best chain for each target of some transfer tables, whose records are given with them."""
    known = {record.trial: record for record in records}
    chosen: dict[str, Chosen] = {}
    missing: dict[str, str] = {}
    for target in dict.fromkeys(target for table in tables for target in table.targets):
        found = _choose(target, tables, known, rule)
        if isinstance(found, str):
            missing[target] = found
        else:
            chosen[target] = found
    return Selected(rule=rule, chosen=chosen, missing=missing)


def _choose(target: str, tables: Sequence[TransferTable], known: Mapping[str, TrialRecord], rule: Rule) -> Chosen | str:
    cells = {Pair(table.model, name, target): cell for table, name, cell in _cells(tables, target)}
    finished = {pair: cell for pair, cell in cells.items() if cell.score is not None}
    if not finished:
        return "; ".join(sorted({cell.reason or "no trial yet" for cell in cells.values()}))
    criteria, basis = _criteria(target, finished, tables, known, rule)
    if not criteria:
        return "no pair has an English dev score to be chosen by"
    rivals = sorted(criteria.items(), key=lambda item: -item[1])  # stable: of equal ones the first of the grid
    pair, criterion = rivals[0]
    cell = finished[pair]
    trial = known[_best_seed(cell, known)]
    return Chosen(
        target=target,
        pair=pair,
        trial=trial.trial,
        setting=trial.number,
        seed=trial.seed,
        rule=rule,
        basis=basis,
        criterion=criterion,
        oracle=rule is Rule.ORACLE or cell.oracle,
        score=cell.seed_scores[cell.trials.index(trial.trial)],
        mean_score=statistics.fmean(cell.seed_scores),
        rivals=tuple(rivals),
        notes=(*_ties(rivals), *_notes(cells, criteria, cell)),
    )


def _cells(tables: Sequence[TransferTable], target: str) -> Iterator[tuple[TransferTable, str, Cell]]:
    for table in tables:
        if target in table.targets:
            for name in table.intermediates:
                yield table, name, table.cells[name][target]


def _criteria(
    target: str,
    finished: Mapping[Pair, Cell],
    tables: Sequence[TransferTable],
    known: Mapping[str, TrialRecord],
    rule: Rule,
) -> tuple[dict[Pair, float], str]:
    """What each pair is compared by, and what that is; pairs that can't be compared are left out."""
    if rule is Rule.ORACLE:
        return {pair: cell.score for pair, cell in finished.items() if cell.score is not None}, SAYS[rule]
    if any(_trains(cell, known) for cell in finished.values()):
        return _by_own(finished, known), SAYS[rule]
    return _by_others(finished, tables, known), BY_OTHERS


def _trains(cell: Cell, known: Mapping[str, TrialRecord]) -> bool:
    """Whether the chains of a cell have a phase for their target, and so a dev score of it."""
    return all(phases and phases[-1].identity.role is Role.TARGET for phases in (known[trial].phases for trial in cell.trials))


def _by_own(finished: Mapping[Pair, Cell], known: Mapping[str, TrialRecord]) -> dict[Pair, float]:
    """Mean dev scores, of those pairs whose scores are of one data set: the one that most of them have."""
    kinds: dict[tuple[str, ...], dict[Pair, float]] = {}
    for pair, cell in finished.items():
        score, on = dev_score(cell, known), cell.selection
        if score is not None and on is not None:
            kinds.setdefault((on.task, on.split, on.language, on.metric), {})[pair] = score
    return max(kinds.values(), key=len, default={})


def _by_others(
    finished: Mapping[Pair, Cell], tables: Sequence[TransferTable], known: Mapping[str, TrialRecord]
) -> dict[Pair, float]:
    """Mean dev scores over trained targets: over those that all the compared pairs have."""
    scores: dict[Pair, dict[str, float]] = {}
    for table in tables:
        trained = [target for target in table.targets if target not in table.retrieval]
        for pair in (pair for pair in finished if pair.model == table.model):
            row = table.cells[pair.intermediate]
            found = {name: dev_score(row[name], known) for name in trained if _trains(row[name], known)}
            scores[pair] = {name: score for name, score in found.items() if score is not None}
    scores = {pair: found for pair, found in scores.items() if found}
    shared = set.intersection(*map(set, scores.values())) if scores else set()
    return {pair: statistics.fmean(found[name] for name in sorted(shared)) for pair, found in scores.items() if shared}


def dev_score(cell: Cell, known: Mapping[str, TrialRecord]) -> float | None:
    """Mean dev score of a cell's chosen setting over its seeds, in percent; None where a seed has none."""
    found = [selection.score for trial in cell.trials if (selection := known[trial].selection) is not None]
    return statistics.fmean(found) if found and len(found) == len(cell.trials) else None


def _best_seed(cell: Cell, known: Mapping[str, TrialRecord]) -> str:
    def criterion(trial: str) -> float:
        selection = known[trial].selection
        return selection.score if selection is not None else float("-inf")

    return max(cell.trials, key=criterion)


def _ties(rivals: Sequence[tuple[Pair, float]]) -> Iterator[str]:
    same = [f"{pair.model}: {pair.intermediate}" for pair, criterion in rivals[1:] if criterion == rivals[0][1]]
    if same:
        yield f"a tie with {', '.join(same)}: the first in the grid's order was taken"


def _notes(cells: Mapping[Pair, Cell], criteria: Mapping[Pair, float], best: Cell) -> Iterator[str]:
    """What a reader of the choice has to know."""
    for pair in (pair for pair in cells if pair not in criteria):
        name = f"{pair.model}: {pair.intermediate}"
        yield f"not compared: {name} ({cells[pair].reason or 'no dev score that all compared pairs have'})"
    unequal = [f"{pair.model}: {pair.intermediate}" for pair in criteria if cells[pair].unequal]
    if unequal:
        yield f"chosen from fewer settings than others: {', '.join(unequal)}"
    if best.labelled:
        yield f"not zero-shot: labelled training data of {', '.join(best.labelled)}"
