"""Records of the study's own grid, with real task names and differences that are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from reports.claims.study import MULTI, NINE, SINGLES
from reports.claims.verdicts import Verdict
from reports.frame import transfer_tables
from reports.statistics.transfer import Arms
from tests.reports.builders import phase, record
from training.identity import Role
from training.record import PhaseTrace, TrialRecord

RETRIEVAL = ("bucc2018", "tatoeba")
BASE = {target: 60.0 for target in NINE} | {"bucc2018": 71.5, "tatoeba": 31.0}
WIGGLE = {1: -0.1, 2: 0.0, 3: 0.1}
"""What a seed adds, so that three seeds have a standard error of 0.06."""
AS_PUBLISHED: Mapping[str, float] = {target: 1.5 for target in NINE} | {"xnli": -1.0, "bucc2018": 20.0, "tatoeba": 48.0}
"""Deltas under which every claim about targets holds."""
XLMR = {"xlmr": "FacebookAI/xlm-roberta-large"}


def middle(tasks: Sequence[str], seed: int) -> PhaseTrace:
    """An intermediate phase on these tasks."""
    found = phase(Role.INTERMEDIATE, tasks[0], seed=seed)
    uses = tuple(phase(Role.INTERMEDIATE, task).identity.tasks[0] for task in tasks)
    return replace(found, identity=replace(found.identity, tasks=uses))


def row(
    name: str,
    deltas: Mapping[str, float],
    *,
    tasks: Sequence[str] = (),
    targets: Sequence[str] = NINE,
    seeds: Sequence[int] = (1, 2, 3),
    noise: float = 1.0,
    dev: float = 70.0,
) -> list[TrialRecord]:
    """Trials of one intermediate task: a setting, every target and seed. `noise` multiplies what seeds add."""
    found = []
    for target in targets:
        retrieval = [target] if target in RETRIEVAL else []
        fixed = name == "none" and bool(retrieval)
        for seed in (seeds[0],) if fixed else seeds:
            # The baseline's seeds go the other way, so that differences vary.
            wiggle = 0.0 if fixed else WIGGLE[seed] * noise * (-1 if name == "none" else 1)
            phases = [middle(tasks or [name], seed)] if name != "none" else []
            phases += [] if retrieval else [phase(Role.TARGET, target, seed=seed)]
            score = BASE[target] + deltas.get(target, 0.0) + wiggle
            made = record(name, {target: score}, seed=seed, phases=phases, retrieval=retrieval, selected=None if fixed else dev)
            if retrieval and not fixed and made.selection:
                made = replace(made, selection=replace(made.selection, task=name))
            found.append(made)
    return found


def whole_study(
    deltas: Mapping[str, float] = AS_PUBLISHED, *, multi: float = 1.0, seeds: Sequence[int] = (1, 2, 3)
) -> list[TrialRecord]:
    """Every row of the study; all nine together gain `multi` points more than each alone."""
    found = row("none", {}, seeds=seeds)
    for task in SINGLES:
        found += row(task, deltas, seeds=seeds)
    more = {target: value + multi for target, value in deltas.items()}
    return found + row("all_together", more, tasks=sorted(MULTI), seeds=seeds)


def judged(records: Sequence[TrialRecord], folder: Path, sources: Mapping[str, str] | None = None) -> dict[int, Verdict]:
    """Verdicts by the claim's number, of records without evidence."""
    from reports.claims.judge import judge

    verdicts = judge(transfer_tables(records), Arms(records, folder, lambda line: None), records, sources or XLMR)
    return {one.number: one for one in verdicts}
