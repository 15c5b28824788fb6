"""One trial: a Tune driver that runs a chain through Ray Train and writes its record, last.

* `inline`: the driver holds the trial's resources and runs the chain in Ray Train's local mode, in a Tune actor used again.
* `train`: the driver holds no GPU and no CPU; one `fit` of a Ray Train worker group runs the whole chain.
Both run `training.chain.run_chain` on the same job, so they give the same weights.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ray.train
import ray.tune
from ray.train.torch import TorchTrainer

from sweep.planning.plan import Plan, StudySpec
from sweep.provenance import provenance
from sweep.watch.live import LiveFile
from training.chain import ChainJob, ChainOutcome, run_chain
from training.codec import canonical, from_payload
from training.errors import DivergedError, StorageFullError, UserError
from training.record import RECORD_SCHEMA, Status, TrialRecord, read_record, record_path, write_record

INLINE, TRAIN = "inline", "train"


@dataclass(frozen=True)
class TrialTask:
    """What a driver needs to know of its trial; `asked` is when the search gave it out (seconds since the epoch)."""

    name: str
    spec: StudySpec
    number: int
    seed: int
    setting: dict[str, float]
    asked: float


@dataclass(frozen=True)
class Found:
    """What a worker leaves for the driver: the chain's outcome, and when it began (seconds since the epoch)."""

    outcome: ChainOutcome
    entered: float


def run_trial(config: dict[str, Any], plan: Plan, executor: str) -> None:
    """Tune's trainable: run the chain, write the record, report the score. Diverged trials end with a failed record.

    A fault of the user's that other trials would meet too is reported as `fatal`, and stops the sweep. A worker that was lost
    after it wrote the record leaves nothing to do.
    """
    spec = next(study for study in plan.studies if study.label == config["study"])
    task = TrialTask(config["trial"], spec, config["number"], config["seed"], dict(config["setting"]), config["asked"])
    live = LiveFile(plan.run, task.name)
    try:
        record = _recorded(plan, task, executor)
    except UserError as error:
        ray.tune.report({"trial": task.name, "score": float("-inf"), "failed": True, "fatal": str(error)})
        return
    finally:
        live.remove()
    score = record.selection.score if record.selection else 0.0
    ray.tune.report({"trial": task.name, "score": score, "failed": record.status is Status.FAILED})


def _recorded(plan: Plan, task: TrialTask, executor: str) -> TrialRecord:
    """Run the trial and write its record, unless it is there."""
    with contextlib.suppress(UserError):
        return read_record(record_path(plan.run, task.name))
    job = plan.job(task.spec, task.setting, task.seed)
    found, reason = None, ""
    try:
        found = _fit(job, plan, task, executor)
    except DivergedError as error:
        reason = str(error)
    record = _record(plan, task, job, found, reason)
    write_record(plan.run, record)
    return record


def _timing(task: TrialTask, found: Found | None) -> dict[str, float]:
    """Seconds: in all, until the chain began to run (`start`), and until its first training step was done (`to_first_step`)."""
    timing = {"seconds": round(time.time() - task.asked, 3)}
    if found is not None:
        timing |= {**found.outcome.timing, "start": round(found.entered - task.asked, 3)}
        if "first_step" in found.outcome.timing:
            timing["to_first_step"] = round(timing["start"] + timing.pop("first_step"), 3)
    return timing


def _record(plan: Plan, task: TrialTask, job: ChainJob, found: Found | None, reason: str) -> TrialRecord:
    outcome = found.outcome if found else None
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
        status=Status.FINISHED if outcome else Status.FAILED,
        hyperparameters=task.setting,
        phases=outcome.phases if outcome else (),
        selection=outcome.selection if outcome else None,
        results=outcome.results if outcome else (),
        reason=reason,
        started=datetime.fromtimestamp(task.asked, UTC).isoformat(timespec="seconds"),
        timing=_timing(task, found),
        provenance=provenance(plan) | ({"damaged": "; ".join(outcome.damaged)} if outcome and outcome.damaged else {}),
    )


def _fit(job: ChainJob, plan: Plan, task: TrialTask, executor: str) -> Found:
    """Run the chain as one Ray Train `fit`; errors of the user's come back as what they are."""
    resources = plan.grid.resources
    shared: dict[str, Any] = {"job": job, "run": plan.run, "name": task.name}
    if executor == INLINE:
        scaling = ray.train.ScalingConfig(num_workers=0, use_gpu=resources.gpu > 0)
        running = ray.train.RunConfig()
    else:
        wanted = {"CPU": resources.cpu} | ({"GPU": resources.gpu} if resources.gpu else {})
        scaling = ray.train.ScalingConfig(num_workers=1, use_gpu=resources.gpu > 0, resources_per_worker=wanted)
        # Ray would otherwise restart its controller for ever, silently.
        limits: dict[str, Any] = {"max_failures": resources.max_failures, "controller_failure_limit": 3}
        running = ray.train.RunConfig(
            name=f"{task.name}-{os.getpid()}-{int(time.time())}",
            storage_path=str((plan.run / "train").resolve()),
            failure_config=ray.train.FailureConfig(**limits),
        )
    trainer = TorchTrainer(train_loop, train_loop_config=shared, scaling_config=scaling, run_config=running)
    try:
        result = trainer.fit()
    except Exception as error:
        _raise_full_disk(error)
        raise
    if result.error is not None:
        raise result.error
    return read_outcome(plan.run, task.name)


def _raise_full_disk(error: Exception) -> None:
    """A worker on a full disk can't leave its outcome there, so its fault arrives inside Ray's own error, as text."""
    if not isinstance(error, UserError) and StorageFullError.__name__ in str(error):
        remedy = "free some space, then give the same command again: what is finished is kept"
        raise StorageFullError("no space left on the run folder's disk", "", remedy) from error


def train_loop(config: dict[str, Any]) -> None:
    """What a Ray Train worker runs: the chain, then its outcome to the run folder."""
    run, name, job = config["run"], config["name"], config["job"]
    live, entered = LiveFile(run, name), time.time()
    answer: dict[str, Any]
    try:
        answer = {"outcome": run_chain(job, live), "entered": entered}
    except UserError as error:
        answer = {
            "error": type(error).__name__,
            "cause": error.cause,
            "value": error.value,
            "remedy": error.remedy,
            "text": str(error),
        }
    write_outcome(run, name, answer)


def _outcome_path(run: Path, name: str) -> Path:
    return run / "outcomes" / f"{name}.json"


def write_outcome(run: Path, name: str, answer: dict[str, Any]) -> None:
    """Leave what a worker found for the driver; raises StoreError."""
    from training.storage import write_atomically

    write_atomically(_outcome_path(run, name), canonical(answer))


def read_outcome(run: Path, name: str) -> Found:
    """What a worker found; raises the user's error it met. The file is gone afterwards."""
    from training import errors

    path = _outcome_path(run, name)
    answer = json.loads(path.read_bytes())
    path.unlink()
    if "error" not in answer:
        return from_payload(Found, answer, f"outcome of {name}")
    kind: Callable[..., UserError] = getattr(errors, answer["error"], UserError)
    if kind is errors.Faults:
        raise UserError(answer["text"])
    raise kind(answer["cause"], answer["value"], answer["remedy"])
