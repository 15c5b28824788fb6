"""Which trial predicts which task of a benchmark, with which weights; what stands in the way is told for all tasks at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from reports.selection import Chosen, Rule, Selected, select
from sweep.foreseen import Tell, current_records, tables_from
from sweep.submission.facts import Facts
from sweep.words import shown
from training.errors import ModelError, StoreError, UserError
from training.inference.predicting import Weights
from training.learning.precision import FLOAT32
from training.models.backbone import identify, resolve_folder
from training.record import TrialRecord, record_path
from training.stores.store import PhaseStore
from training.tasks.benchmarks import Benchmark, BenchmarkTask
from training.tasks.registry import row as row_of
from training.tasks.row import TaskRow


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The chain for one task of a benchmark: `key` names its weights."""

    task: BenchmarkTask
    chosen: Chosen
    record: TrialRecord
    key: str
    weights: Weights


def choose(facts: Facts, benchmark: Benchmark, rule: Rule, tell: Tell) -> tuple[dict[str, Choice], list[UserError]]:
    """The choices by folder, and why others have none. `tell` hears of damaged records, which are left out."""
    current = current_records(facts.run, facts.mark, tell)
    selected = select(tables_from(current, facts.mark), current, rule)
    known = {record.trial: record for record in current}
    choices: dict[str, Choice] = {}
    missing: list[UserError] = []
    absent: list[str] = []
    for folder, task in benchmark.tasks.items():
        try:
            chosen = _chosen(facts, task, selected)
            if chosen is None:
                absent.append(task.row)
                continue
            record = known[chosen.trial]
            key, weights = _weights(facts, record)
            choices[folder] = Choice(task=task, chosen=chosen, record=record, key=key, weights=weights)
        except UserError as fault:
            missing.append(fault)
    if absent:
        remedy = f"add them to its targets, then: sweep launch --grid GRID --run {shown(facts.run)}"
        missing.append(UserError(f"grid {facts.mark.grid} has no such targets", ", ".join(absent), remedy))
    return choices, missing


def _chosen(facts: Facts, task: BenchmarkTask, selected: Selected) -> Chosen | None:
    """What was chosen for the task's row, or for a target of the grid that the same weights serve; None without either.

    Raises UserError where no chain for the target is finished.
    """
    for name in (task.row, *(name for name in selected.chosen if selected.rule is Rule.DEV and _serves(name, task.row))):
        if name in selected.chosen:
            return selected.chosen[name]
    if task.row in selected.missing:
        cause = f"{task.folder}: no finished chain for the target {task.row}"
        raise UserError(cause, selected.missing[task.row], f"go on with it: sweep resume --run {shown(facts.run)}")
    return None


def _serves(name: str, wanted: str) -> bool:
    """Whether chains for one target are those for another: both learn from the same data and are chosen by the same dev set."""
    one, other = row_of_target(name), row_of(wanted)
    if one is None or (one.kind, one.trained, one.synthetic) != (other.kind, other.trained, other.synthetic):
        return False
    return one.training_row == other.training_row if one.trained else one.reader == other.reader


def row_of_target(name: str) -> TaskRow | None:
    """A known row, or None for a task of the user's own."""
    try:
        return row_of(name)
    except UserError:
        return None


def _weights(facts: Facts, record: TrialRecord) -> tuple[str, Weights]:
    """Key and place of a trial's weights, verified; raises UserError where they can't be had."""
    if not record.phases:
        return _published(facts, record)
    last = record.phases[-1]
    damage: list[str] = []
    stored = PhaseStore(facts.store, on_damage=partial(_note, damage)).find(last.key)
    if stored is None:
        path, run = record_path(facts.run, record.trial), shown(facts.run)
        cause = f"the weights of trial {record.trial} are " + ("damaged" if damage else "not in the store")
        remedy = f"have them trained again: delete {shown(path)}, then sweep resume --run {run}"
        raise StoreError(cause, "; ".join(damage) or last.key, remedy)
    return last.key, Weights(folder=stored.folder, precision=last.identity.precision)


def _note(damage: list[str], folder: Path, cause: str) -> None:
    damage.append(cause)


def _published(facts: Facts, record: TrialRecord) -> tuple[str, Weights]:
    """A published model that is used as it is."""
    source, revision, key = facts.models.get(record.model, ("", "", ""))
    folder = resolve_folder(source, revision)
    found = identify(record.model, folder).key
    if key and found != key:
        remedy = "put back the files that the sweep was made with, or launch it again"
        raise ModelError(f"the model {record.model} is not the one that the sweep was made with", folder, remedy)
    return found, Weights(folder=folder, published=True, precision=FLOAT32)


def oracle_in(choices: Mapping[str, Choice]) -> bool:
    """Whether target-language gold had a part in any choice."""
    return any(choice.chosen.oracle for choice in choices.values())
