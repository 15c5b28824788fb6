"""A leg of a trial: a chain run to a rung or to its end, and what it leaves: a paused trial, or the record, written last.

Both executors call `run_leg` in the process that trains: `inline` in the Tune actor, `train` in a Ray Train worker. So they
give the same weights, and what a leg answers is the same small report.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from reports.cells import GIVEN_UP
from sweep.masking import masked
from sweep.planning.plan import Plan
from sweep.planning.studies import StudySpec
from sweep.provenance import device_model, kind_provenance, model_provenance, provenance
from sweep.watch.live import LiveFile
from training.chain import ChainJob, ChainOutcome, run_chain
from training.errors import DivergedError, OutOfMemoryFault, PhaseBusyError, UserError
from training.evidence import write_evidence
from training.files.storage import is_unreachable
from training.record import (
    RECORD_SCHEMA,
    PhaseTrace,
    RungScore,
    Status,
    TrialRecord,
    paused_path,
    read_record,
    record_path,
    write_paused,
    write_record,
)
from training.teams.team import ALONE, Team

Report = dict[str, Any]
LONGEST_WAIT = 86_400.0
"""Seconds; a leg that seems to have waited longer for a worker has seen a clock jump."""
LOWEST = float("-inf")
"""The score that Tune is told of a leg that has none: it must be told one."""
FIRST = ("start", "to_first_step")
"""Times that are the first leg's own."""


@dataclass(frozen=True)
class TrialTask:
    """One leg: a trial's study, setting and seed, where the leg ends, and when it was `asked` for (seconds since the epoch).

    `rung` is None for a leg that goes to the end of the chain; `until` is the share of the last phase's steps that it goes to.
    """

    name: str
    leg: str
    spec: StudySpec
    number: int
    seed: int
    setting: dict[str, float]
    asked: float
    rung: int | None = None
    until: float = 1.0


class Clock:
    """A leg's durations in seconds, which clocks that are set while it runs don't spoil: never below 0, never huge.

    Only the time from when the search gave the leg out until it began is taken from two processes' wall clocks.
    """

    def __init__(self, asked: float) -> None:
        waited = time.time() - asked
        self.waited = waited if 0.0 <= waited <= LONGEST_WAIT else 0.0
        self._begun = time.monotonic()

    def seconds(self) -> float:
        """Since the leg was given out."""
        return self.waited + time.monotonic() - self._begun


def task_of(plan: Plan, config: Mapping[str, Any]) -> TrialTask:
    """The leg that a Tune trial's configuration describes."""
    return TrialTask(
        name=config["trial"],
        leg=config.get("leg", config["trial"]),
        spec=next(study for study in plan.studies if study.label == config["study"]),
        number=config["number"],
        seed=config["seed"],
        setting=dict(config["setting"]),
        asked=config["asked"],
        rung=config.get("rung"),
        until=config.get("until", 1.0),
    )


def run_leg(plan: Plan, config: Mapping[str, Any], urgent: Callable[[], bool] | None = None, team: Team = ALONE) -> Report:
    """Run a leg; returns its report, after everything that it names is on disk.

    * `score` with `rung`: the trial waits at that rung; without: it has its record (`failed` if it has no scores).
    * `busy`: another process trains the phase with this key; nothing was done that is not in the store.
    * `fatal`: a fault of the user's that other trials would meet too.

    A trial that diverges, or does not fit into memory, ends with a failed record. What is there already is reported and not
    made again. `urgent` is asked between steps; where it turns true, a checkpoint is written at once. This process leads
    `team`; raises TeamLostError where another worker of it is gone.
    """
    task = task_of(plan, config)
    live = LiveFile(plan.run, task.name)
    report: Report = {"trial": task.name, "leg": task.leg, "score": LOWEST, "failed": False}
    try:
        return report | _known_or_run(plan, task, live, urgent, team)
    except PhaseBusyError as error:
        return report | {"busy": str(error.value)}
    except UserError as error:
        return report | {"failed": True, "fatal": str(error)}
    finally:
        live.remove()


def _known_or_run(plan: Plan, task: TrialTask, live: LiveFile, urgent: Callable[[], bool] | None, team: Team) -> Report:
    known = _record_of(plan, task.name)
    if known is not None:
        paused_path(plan.run, task.name).unlink(missing_ok=True)  # a kill came between the record and this
        return _ended(known)
    paused = _paused(plan, task.name)
    score = _rung_score(paused, task.rung)
    if score is not None:
        return {"rung": task.rung, "score": score}
    job = plan.job(task.spec, task.setting, task.seed, until=task.until)
    outcome, reason, clock = None, "", Clock(task.asked)
    try:
        outcome = run_chain(job, live, urgent=lambda: live.urgent() or (urgent is not None and urgent()), team=team)
    except (DivergedError, OutOfMemoryFault) as error:
        reason = str(error)
    record = _record(plan, task, job, outcome, reason, paused, _timing(clock, outcome, paused))
    if outcome is not None and outcome.rung is not None:
        return _wait_at_rung(plan, record, outcome.rung.score)
    if outcome is not None:
        write_evidence(plan.run, task.name, outcome.evidence)
    return _ended(_settle(plan, record))


def give_up_record(plan: Plan, config: Mapping[str, Any], reason: str) -> TrialRecord:
    """Write the record of a trial that was tried too often: failed, with the reason; one that has a record keeps it.

    Raises StoreError when it can't be written.
    """
    task = task_of(plan, config)
    LiveFile(plan.run, task.name).remove()
    known = _record_of(plan, task.name)
    if known is not None:
        return known
    job, paused = plan.job(task.spec, task.setting, task.seed), _paused(plan, task.name)
    timing = _timing(Clock(task.asked), None, paused)
    return _settle(plan, _record(plan, task, job, None, f"{GIVEN_UP}: {reason}", paused, timing))


def _record_of(plan: Plan, trial: str) -> TrialRecord | None:
    """A trial's record; None where there is none that makes sense. Raises StoreError where the system refuses to read it."""
    try:
        return read_record(record_path(plan.run, trial))
    except UserError as fault:
        if is_unreachable(fault) and record_path(plan.run, trial).exists():
            raise
        return None


def _settle(plan: Plan, record: TrialRecord) -> TrialRecord:
    """Write a record; the trial waits at no rung any more."""
    write_record(plan.run, record)
    paused_path(plan.run, record.trial).unlink(missing_ok=True)
    return record


def _wait_at_rung(plan: Plan, record: TrialRecord, score: float) -> Report:
    """Leave a trial at its rung, unless it was ended meanwhile: a process cut off from its launch may come too late."""
    write_paused(plan.run, record)
    known = _record_of(plan, record.trial)
    if known is None:
        return {"rung": record.rungs[-1].rung, "score": score}
    paused_path(plan.run, record.trial).unlink(missing_ok=True)
    return _ended(known)


def report_of(config: Mapping[str, Any], record: TrialRecord) -> Report:
    """The report of a leg whose trial has its record."""
    return {"trial": record.trial, "leg": config.get("leg", record.trial)} | _ended(record)


def _ended(record: TrialRecord) -> Report:
    score = record.selection.score if record.selection else 0.0
    return {"score": score, "failed": record.status is Status.FAILED}


def _paused(plan: Plan, trial: str) -> TrialRecord | None:
    """What earlier legs have left; a file that can't be used counts for nothing, and its rungs are measured again."""
    path = paused_path(plan.run, trial)
    try:
        return read_record(path) if path.exists() else None
    except UserError as fault:
        if is_unreachable(fault):
            raise
        with contextlib.suppress(OSError):
            path.replace(path.with_suffix(".damaged"))
        return None


def _rung_score(paused: TrialRecord | None, rung: int | None) -> float | None:
    if paused is None or rung is None:
        return None
    return next((found.score for found in paused.rungs if found.rung == rung), None)


def _rungs(task: TrialTask, outcome: ChainOutcome | None, paused: TrialRecord | None) -> tuple[RungScore, ...]:
    """The scores of every rung so far; the leg knows the number of the one that it ended at."""
    earlier = paused.rungs if paused else ()
    if outcome is None or outcome.rung is None:
        return earlier
    return (*earlier, replace(outcome.rung, rung=task.rung or 0))


def _status(outcome: ChainOutcome | None) -> Status:
    if outcome is None:
        return Status.FAILED
    return Status.PAUSED if outcome.rung is not None else Status.FINISHED


def _timing(clock: Clock, outcome: ChainOutcome | None, paused: TrialRecord | None) -> dict[str, float]:
    """Seconds: of all legs together, of the first leg until its chain began (`start`) and until its first step was done."""
    earlier = dict(paused.timing) if paused else {}
    timing = {"seconds": clock.seconds(), "start": clock.waited}
    for name, seconds in (outcome.timing if outcome else {}).items():
        timing["to_first_step" if name == "first_step" else name] = seconds + (clock.waited if name == "first_step" else 0.0)
    for name, seconds in earlier.items():
        timing[name] = seconds if name in FIRST else timing.get(name, 0.0) + seconds
    return {name: round(seconds, 3) for name, seconds in timing.items()}


def _record(
    plan: Plan,
    task: TrialTask,
    job: ChainJob,
    outcome: ChainOutcome | None,
    reason: str,
    paused: TrialRecord | None,
    timing: dict[str, float],
) -> TrialRecord:
    earlier = paused.phases if paused else ()
    return TrialRecord(
        schema=RECORD_SCHEMA,
        trial=task.name,
        chain=job.identity.key,
        grid=plan.grid.name,
        model=task.spec.model,
        intermediate=task.spec.intermediate.name,
        targets=task.spec.targets,
        study=task.spec.label,
        number=task.number,
        seed=task.seed,
        status=_status(outcome),
        hyperparameters=task.setting,
        phases=_credited(outcome.phases, earlier) if outcome else earlier,
        selection=outcome.selection if outcome else None,
        results=outcome.results if outcome else (),
        rungs=_rungs(task, outcome, paused),
        reason=masked(reason),
        started=paused.started if paused else datetime.fromtimestamp(task.asked, UTC).isoformat(timespec="seconds"),
        timing=timing,
        provenance=provenance(plan)
        | _model(plan, task)
        | {"device": device_model(job.runtime.device)}
        | _held(plan, task)
        | _damage(outcome, paused),
    )


def _credited(phases: tuple[PhaseTrace, ...], earlier: tuple[PhaseTrace, ...]) -> tuple[PhaseTrace, ...]:
    """The phases of a trial's last leg, in which those that an earlier leg of it has trained count as trained."""
    trained = {phase.key for phase in earlier if phase.outcome == "trained"}
    return tuple(replace(phase, outcome="trained") if phase.key in trained else phase for phase in phases)


def _model(plan: Plan, task: TrialTask) -> dict[str, str]:
    """What a study asks of the model and of tasks of the user's own."""
    name, learned = task.spec.model, (plan.sources[one].row for one in task.spec.intermediate.tasks)
    return model_provenance(plan.grid.models[name], plan.models[name]) | kind_provenance(learned)


def _held(plan: Plan, task: TrialTask) -> dict[str, str]:
    """The GPUs that the trial held; nothing without one."""
    gpus = plan.gpus_of(task.spec)
    return {"gpus": f"{gpus:g}"} if gpus else {}


def _damage(outcome: ChainOutcome | None, paused: TrialRecord | None) -> dict[str, str]:
    """What was found damaged by this leg and by earlier ones."""
    earlier = paused.provenance.get("damaged", "") if paused else ""
    found = [*filter(None, [earlier]), *(outcome.damaged if outcome else ())]
    return {"damaged": "; ".join(found)} if found else {}
