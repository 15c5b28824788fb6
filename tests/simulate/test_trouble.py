"""Exactly once: sweeps on the real search in which machines, controller, database and store die at random, in virtual time.

Every run is named by its variant and its seed, so one that failed is replayed by giving them to `_troubled`.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from sweep.planning.nominal import nominal_plan
from sweep.planning.plan import Plan
from sweep.planning.sizes import sizes_of
from sweep.simulate.arms import Scenario, searching
from sweep.simulate.engine import Engine
from sweep.simulate.pace import TokenPace
from sweep.simulate.search import SearchSource
from sweep.simulate.trouble import audit
from tests.sweep.plans import grid_of
from training.record import Status, read_records, write_record

GRID = """
name: small
models: {{mini: {{source: mini_world, pretrain: {{task: mini_mlm, epochs: 1}}}}}}
intermediates: [none, mini_nli]
targets: [mini_udpos, mini_tatoeba]
seeds: [1, 2]
search:
  trials: 6
  at_once: {at_once}
  sampler: {sampler}
  stopping: {stopping}
  space:
    intermediate: {{lr: [1e-4, 3e-4], epochs: [1, 2]}}
    target: {{lr: {rates}, epochs: [1, 2, 4]}}
training: {{schedule: {schedule}}}
"""
STOPPING = ("null", "{rungs: [0.125, 0.375], keep: 0.34, seeds: best}", "{rungs: [0.25], keep: 0.5, seeds: all}")
RATES = ("[1e-4, 1e-3]", "{low: 1e-5, high: 1e-3, log: true}")
VARIANTS = [
    GRID.format(sampler=sampler, stopping=stopping, rates=rates, schedule=schedule, at_once=at_once)
    for sampler, stopping, rates, schedule, at_once in [
        *product(("random", "tpe"), STOPPING, RATES, ("linear", "wsd"), (3,)),
        *product(("tpe",), STOPPING, RATES[1:], ("linear",), (1, 2, 6)),
    ]
]
CALM = Scenario(curves="power", rate=2000.0, preempt=0.0, fail=0.0, joins=100.0, checkpoint=120.0, diverge=0.1)
ROUGH = replace(CALM, preempt=3.0, fail=3.0, deaths=4.0, loses=3.0, between=0.1)
Ends = dict[str, tuple[Status, float | None, tuple[float, ...]]]


@dataclass
class Swept:
    """A sweep that has ended: how each trial did, and what an audit says."""

    ends: Ends
    wrong: list[str]
    engine: Engine


def _swept(text: str, scenario: Scenario, gpus: int = 3) -> Swept:
    with _searching(text, scenario, gpus) as (engine, source):
        engine.run()
        return Swept(_ends(source.plan), audit(engine, source), engine)


class _searching:
    """A sweep that is ready to run, with a run folder of its own."""

    def __init__(self, text: str, scenario: Scenario, gpus: int = 3) -> None:
        self.text, self.scenario, self.gpus = text, scenario, gpus

    def __enter__(self) -> tuple[Engine, SearchSource]:
        shared = Path("/dev/shm")
        self.folder = tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None)
        plan = nominal_plan(grid_of(self.text), Path(self.folder.name) / "run")
        pace = TokenPace(plan, sizes_of(plan, missing=plan.digests), self.scenario.rate)
        return searching(plan, pace, self.gpus, self.scenario)

    def __exit__(self, *error: Any) -> None:
        self.folder.cleanup()


def _ends(plan: Plan) -> Ends:
    return {
        record.trial: (
            record.status,
            record.selection.score if record.selection else None,
            tuple(rung.score for rung in record.rungs),
        )
        for record in read_records(plan.run)
    }


@cache
def _undisturbed(variant: int) -> Ends:
    calm = _swept(VARIANTS[variant], CALM)
    assert calm.wrong == []
    return calm.ends


def _troubled(variant: int, seed: int) -> Iterator[str]:
    """What differs from the undisturbed run, and what was not done exactly once."""
    gpus = 1 + seed % 5
    rough = _swept(VARIANTS[variant], replace(ROUGH, seed=seed), gpus)
    where = f"variant {variant}, seed {seed}: "
    yield from (where + line for line in rough.wrong)
    expected = _undisturbed(variant)
    for trial in sorted(expected.keys() | rough.ends.keys()):
        if expected.get(trial) != rough.ends.get(trial):
            yield f"{where}{trial} is {rough.ends.get(trial)}, undisturbed {expected.get(trial)}"


def _soak(runs: int, first: int = 0) -> list[str]:
    return [line for run in range(first, first + runs) for line in _troubled(run % len(VARIANTS), run)]


def test_sweeps_that_die_all_the_time_end_as_undisturbed_ones_with_nothing_done_twice() -> None:
    assert _soak(2 * len(VARIANTS)) == []


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_many_more_sweeps_that_die_all_the_time_end_as_undisturbed_ones() -> None:
    """SWEEP_SOAK raises the number of sweeps of each variant: 70 make 2,310 sweeps."""
    each = int(os.environ.get("SWEEP_SOAK") or 15)
    assert _soak(each * len(VARIANTS), first=1000) == []


def test_trouble_really_strikes_and_a_seed_replays_it() -> None:
    first, again = (_swept(VARIANTS[0], replace(ROUGH, seed=7)) for _ in range(2))
    assert first.engine.account.resumed > 3
    assert sum(first.engine.account.lost.values()) > 0
    assert (first.engine.clock.now, first.engine.account) == (again.engine.clock.now, again.engine.account)


def test_audit_finds_a_phase_that_was_trained_twice() -> None:
    with _searching(VARIANTS[0], CALM) as (engine, source):
        ended = source.ended

        def forgetful(work: Any) -> None:
            engine.store.keys.discard(work.pieces[0].key)
            ended(work)

        source.ended = forgetful
        engine.run()
        assert any("were trained, and the store holds" in line for line in audit(engine, source))


def test_audit_finds_work_that_was_lost_without_being_trained_again() -> None:
    with _searching(VARIANTS[0], CALM) as (engine, source):
        engine.run()
        place = next(iter(engine.account.trained))
        engine.account.lost[place] += 1.0
        assert len(audit(engine, source)) == 1


def test_audit_finds_records_that_are_missing_or_there_twice() -> None:
    with _searching(VARIANTS[0], CALM) as (engine, source):
        engine.run()
        records = read_records(source.plan.run)
        write_record(source.plan.run, replace(records[0], trial="another"))
        assert sorted(line.split(" ")[0] for line in audit(engine, source)) == ["34", "two"]
