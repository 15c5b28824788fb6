"""One chain on one machine, the floor's front door: phase 0, intermediate phase, target phase, then zero-shot scores.

`run_chain` walks the phases in order, taking from the store what is there and training what is not, then chooses (English dev)
and evaluates (every language). It knows no Ray, no tracker and no search: a notebook can call it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence

from training.errors import PhaseLostError, UserError
from training.evaluate import Evaluator
from training.identity import EvaluationIdentity
from training.job import ChainJob as ChainJob
from training.job import ChainOutcome as ChainOutcome
from training.learning.memory import release_memory, settle
from training.learning.precision import FLOAT32
from training.learning.resume import Notice
from training.phase import Trained, vocabulary_of
from training.record import ENGLISH, RungScore, Selection, TargetResult
from training.teams.team import ALONE, Team
from training.walk import Walk, use_threads
from training.watcher import Unwatched as Unwatched
from training.watcher import Watcher as Watcher

MOST_LOST = 2
"""How often a chain is walked again because a phase was lost under it."""


def run_chain(
    job: ChainJob, watcher: Watcher | None = None, urgent: Callable[[], bool] | None = None, team: Team = ALONE
) -> ChainOutcome:
    """Run a chain to its scores, or as far as `job.until`.

    `urgent` is asked between optimiser steps; when it turns true a checkpoint is written at once, and the training goes on.
    A chain that is left at a rung has its last phase's in-phase checkpoint in the store, and goes on from it when it is run
    again, to the same weights; the rung's score is that of English dev with the weights of the moment. A last phase that is in
    the store already was run to its end, so `until` is of no account then, as it is where nothing is trained or chosen by: the
    outcome is the whole one, without a rung.

    The leader of a `team` runs it; the others wait for what it orders (`training.teams.assist`).

    A phase that is damaged while the chain stands on it is trained again, as one that was found damaged.

    Raises DataError, ModelError, StoreError, DivergedError, OutOfMemoryFault and PhaseBusyError (all `UserError`); phases
    finished before stay in the store. TeamLostError where a worker of the team is gone.
    """
    if job.runtime.workers != team.size:
        remedy = "run it where a team of so many is formed (the executor train), or set `workers` to 1"
        raise UserError(f"a chain for {job.runtime.workers} workers was given to a team of {team.size}", "", remedy)
    settle()
    damaged: list[str] = []
    for _ in range(MOST_LOST):
        with contextlib.suppress(PhaseLostError):
            return _run_once(job, watcher or Unwatched(), Notice(urgent), damaged, team)
    return _run_once(job, watcher or Unwatched(), Notice(urgent), damaged, team)


def _run_once(job: ChainJob, watcher: Watcher, notice: Notice, damaged: list[str], team: Team) -> ChainOutcome:
    begun = time.monotonic()
    use_threads(job.runtime.threads)
    walk = Walk(job, watcher, notice, damaged, team)
    found = [walk.phase(number) for number in range(len(job.identity.phases))]
    traces = tuple(trace for trace in found if trace is not None)
    trained = time.monotonic()
    model = walk.final_model()
    phases, chosen_by = job.identity.phases, job.identity.selection
    precision = phases[-1].precision if phases else FLOAT32
    evaluator = Evaluator(model, walk.corpus, vocabulary_of(model, walk.tokenizer), job.runtime, walk.notes, precision)
    scored = tuple(evaluator.evaluate_all([*chosen_by, *(() if walk.cut else job.identity.evaluations)]))
    selection, evaluated = _selection(chosen_by, [one.result for one in scored]), scored[len(chosen_by) :]
    results = tuple(one.result for one in evaluated)
    rung = _rung(walk.cut, selection)
    if results:
        release_memory()
    timing = {"phases": round(trained - begun, 3), "evaluation": round(time.monotonic() - trained, 3)}
    if walk.first_step is not None:
        timing["first_step"] = round(walk.first_step - begun, 3)
    return ChainOutcome(
        phases=traces,
        selection=selection,
        results=results,
        timing=timing,
        damaged=tuple(damaged),
        rung=rung,
        evidence=tuple(one.evidence for one in evaluated),
    )


def _rung(cut: Trained | None, selection: Selection | None) -> RungScore | None:
    if cut is None or selection is None:
        return None
    return RungScore(rung=0, step=cut.steps, steps=cut.of, score=selection.score)


def _selection(chosen_by: Sequence[EvaluationIdentity], scored: Sequence[TargetResult]) -> Selection | None:
    """The mean English-dev score of the tasks a chain is chosen by, the first of `scored`; None where there are none."""
    if not chosen_by:
        return None
    scores = [result.mean for result in scored[: len(chosen_by)]]
    languages = sorted({language for item in chosen_by for language in item.languages})
    return Selection(
        task="+".join(item.task for item in chosen_by),
        split="+".join(sorted({item.split for item in chosen_by})),
        language="+".join(languages),
        metric="score",
        score=sum(scores) / len(scores),
        oracle=languages != [ENGLISH],
    )
