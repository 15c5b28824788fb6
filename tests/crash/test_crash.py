"""A sweep whose driver and workers are killed again and again ends with the tables, records and weights of one left alone.

`SWEEP_CRASH_SEED` replays the moments of a run: the same seed draws the same delays and the same victims.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from sweep.watch.live import read_live
from tests.sweep.launches import Launch, begin, end_session, eventually, leftovers, run_to_end, scores, tables, weights
from training.record import read_records
from training.store import verify

SEED_VARIABLE = "SWEEP_CRASH_SEED"
EACH_KIND = int(os.environ.get("SWEEP_CRASH_KILLS") or 6)
"""Kills of the driver, and kills of a worker that runs a trial."""
LONGEST_WAIT = 4.0
"""Seconds from a trial being under way to the next kill, at most."""
MOMENTS = ("any", "any", "a phase is written", "a record is written")
"""When a kill falls: at a random time, or as soon as something is being written, which a random time would seldom hit."""

GRID = """\
name: crash
models: {mini: {source: mini_world, pretrain: {task: mini_mlm, epochs: 2}}}
intermediates: [none, mini_nli]
targets: [mini_udpos, mini_xnli, mini_tatoeba]
data:
  mini_mlm: {caps: {train: 1000, dev: 50}}
  mini_nli: {caps: {train: 800, dev: 100}}
  mini_udpos: {languages: [en, qaa], caps: {train: 500, dev: 100, test: 200}}
  mini_xnli: {caps: {test: 200}}
  mini_tatoeba: {caps: {test: 200}}
search:
  trials: 3
  at_once: 2
  stopping: {rungs: [0.5], keep: 0.5}
  space:
    intermediate: {lr: [1e-4, 3e-4], epochs: [2]}
    target: {lr: {low: 1e-4, high: 1e-3, log: true}, epochs: [2, 3]}
training: {batch: 16}
resources: {checkpoint_seconds: 0.5, max_failures: 50}
"""


@dataclass
class Killer:
    """Kills drivers and workers at random moments, and remembers what each was doing."""

    run: Path
    dice: random.Random
    kinds: Counter[str] = field(default_factory=Counter)
    hit: Counter[str] = field(default_factory=Counter)
    trained: dict[str, int] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        """Whether there were enough kills."""
        return min(self.kinds["driver"], self.kinds["worker"]) >= EACH_KIND

    def harass(self, launch: Launch) -> bool:
        """Kill until the driver is among the victims; False when the launch ended on its own before."""
        while self._under_way(launch):
            self._wait(launch)
            if launch.process.poll() is not None:
                return False
            if self._kind() == "driver":
                self._kill(launch.process.pid, "driver")
                launch.process.wait()
                return True
            victims = sorted(pid for pid, name in launch.workers().items() if name.startswith("ray::ImplicitFunc.train"))
            if victims:
                self._kill(self.dice.choice(victims), "worker")
        return False

    def _wait(self, launch: Launch) -> None:
        """Wait for the moment of the next kill."""
        moment, wait = self.dice.choice(MOMENTS), self.dice.uniform(0.0, LONGEST_WAIT)
        until = time.monotonic() + (wait if moment == "any" else 2 * LONGEST_WAIT)
        records = len(list(self.run.glob("records/*")))
        while time.monotonic() < until and launch.process.poll() is None:
            if moment == "a phase is written" and list(self.run.glob("phases/.writing-*")):
                return
            if moment == "a record is written" and len(list(self.run.glob("records/*"))) > records:
                return
            self._look()
            time.sleep(0.002)

    def _kind(self) -> str:
        """A driver or a worker, the one more probable that still has more kills to come."""
        left = {kind: max(EACH_KIND - self.kinds[kind], 0) for kind in ("driver", "worker")}
        # A launch dies with its driver: three workers first, on average, keep the number of launches low.
        return self.dice.choices(["driver", "worker"], [left["driver"] or 0.1, 3 * left["worker"] or 0.1])[0]

    def _under_way(self, launch: Launch) -> bool:
        """Wait until a worker runs a trial; False when the launch ends instead."""

        def known() -> bool:
            self._look()
            return launch.process.poll() is not None or any(
                name.startswith("ray::ImplicitFunc.train") for name in launch.workers().values()
            )

        eventually(known, "a trial to be under way")
        return launch.process.poll() is None

    def _look(self) -> None:
        """Note when each phase was published: a phase that is trained again has another time."""
        for path in (self.run / "phases").glob("*--*/MANIFEST.json"):
            try:
                stamp = path.stat().st_mtime_ns
            except OSError:
                continue
            assert self.trained.setdefault(path.parent.name, stamp) == stamp, f"{path.parent.name} was trained twice"

    def _kill(self, pid: int, kind: str) -> None:
        doing = self._doing()
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.kinds[kind] += 1
        self.hit[doing] += 1

    def _has_fresh_record(self) -> bool:
        """Whether a running trial has its record already."""
        return any((self.run / "records" / f"{state['trial']}.json").is_file() for state in read_live(self.run))

    def _doing(self) -> str:
        states = [state.get("phase", "") for state in read_live(self.run)]
        if list(self.run.glob("records/.*.tmp")) or self._has_fresh_record():
            return "writing a record"
        if list(self.run.glob("phases/.writing-*")):
            return "writing a phase"
        if any(state and state != "evaluation" for state in states):
            return "training a phase"
        return "evaluation" if "evaluation" in states else "between trials"


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(1800)
def test_sweep_killed_at_random_ends_as_one_that_ran_through(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed = int(os.environ.get(SEED_VARIABLE) or random.SystemRandom().randrange(10**6))
    grid, cache = tmp_path / "crash.yaml", tmp_path / "cache"
    grid.write_text(GRID)
    _say(capsys, f"replay with {SEED_VARIABLE}={seed}")
    began = time.monotonic()
    code, said = run_to_end(cache, tmp_path / "reference.log", "launch", "--grid", grid, "--run", tmp_path / "reference")
    assert code == 0, said
    _say(capsys, f"reference: {time.monotonic() - began:.0f} s, {len(weights(tmp_path / 'reference'))} phases")

    dice, kinds, hit, launches = random.Random(seed), Counter[str](), Counter[str](), 0
    began = time.monotonic()
    for repeat in range(1, 10 + EACH_KIND):
        killer = Killer(tmp_path / f"run-{repeat}", dice, kinds, hit)
        launches += _survive(killer, cache, grid, tmp_path)
        _compare(killer, tmp_path / "reference")
        if killer.done:
            break
    _say(capsys, f"kills: {dict(kinds)}, while: {dict(hit)}; {launches} launches in {time.monotonic() - began:.0f} s")
    assert killer.done and sum(kinds.values()) >= 2 * EACH_KIND


def _survive(killer: Killer, cache: Path, grid: Path, place: Path) -> int:
    """Launch until the sweep is complete, killing all the while; returns the number of launches."""
    launches: list[Launch] = []
    while True:
        log = place / f"{killer.run.name}-{len(launches)}.log"
        launches.append(begin(cache, log, "launch", "--grid", grid, "--run", killer.run))
        try:
            if not killer.done and killer.harass(launches[-1]):
                continue
            code = launches[-1].wait()
        except BaseException:
            end_session(launches[-1])
            raise
        assert code == 0, launches[-1].said
        assert not any("Traceback" in launch.said for launch in launches)
        for launch in launches:
            eventually(partial(_is_gone, launch), "the end of every process", 120)
        return len(launches)


def _is_gone(launch: Launch) -> bool:
    return not launch.family()


def _compare(killer: Killer, reference: Path) -> None:
    run = killer.run
    killer._look()
    assert tables(run) == tables(reference)
    assert scores(run) == scores(reference)
    assert weights(run) == weights(reference)
    trials = [(record.study, record.number, record.seed) for record in read_records(run)]
    assert len(set(trials)) == len(trials) == len(list((run / "records").iterdir()))
    keys = [path.name.rpartition("--")[2] for path in (run / "phases").glob("*--*")]
    assert len(set(keys)) == len(keys)
    for folder in (run / "phases").glob("*--*"):
        verify(folder)
    assert leftovers(run) == []


def _say(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with capsys.disabled():
        print(f"\n[crash] {text}", end="")  # noqa: T201
