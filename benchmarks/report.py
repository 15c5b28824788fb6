"""How long a report's page takes, and how large it is: made-up records of a large sweep, from files to the page.

    python benchmarks/report.py [--settings 87] [--folder DIR]

Synthetic: 12 intermediate tasks (none among them) on 9 targets in 40 languages, three seeds of the settings that early stopping
let through, curves of 50 points, four hyperparameters, evidence of 500 items a language for the chosen trials. All seconds are
of the wall clock.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from reports.languages_data import LANGUAGES
from reports.page.build import render_page
from sweep.reporting.page import facts_of
from sweep.runfolder import PairMark, RunMark, write_mark
from tests.reports.builders import phase, record
from training.evidence import Evidence, write_evidence
from training.identity import Role
from training.metrics.units import Form, Units, score_of
from training.record import PhaseTrace, Status, TargetResult, TrialRecord, write_record

INTERMEDIATES = ["none", *(f"task{number}" for number in range(11))]
TARGETS = [f"target{number}" for number in range(9)]
CODES = sorted(code for code in LANGUAGES if not code.startswith("qa"))[:40]
SEEDS = (1, 2, 3)
ITEMS = 500
T = TypeVar("T")


def phases(intermediate: str, target: str, number: int, seed: int, dice: random.Random) -> list[PhaseTrace]:
    """Pretraining and one or two phases, with curves as long as real ones."""
    roles = [
        (Role.PRETRAIN, "mlm", "0"),
        (Role.INTERMEDIATE, intermediate, f"{number}"),
        (Role.TARGET, target, f"{number}.{seed}"),
    ]
    curve = tuple((step * 20, round(2.0 / (1 + step / 10) + dice.random() / 10, 6)) for step in range(1, 51))
    return [
        replace(phase(role, task, key=f"{task}{at}".encode().hex()[:32]), curve=curve)
        for role, task, at in roles
        if task != "none"
    ]


def trials(settings: int) -> Iterator[tuple[TrialRecord, tuple[Evidence, ...]]]:
    """Two of three settings are stopped at a rung; of the others one in ten gets every seed. Number 0 is the chosen one."""
    dice, generator = random.Random(0), np.random.default_rng(0)
    for intermediate in INTERMEDIATES:
        for target in TARGETS:
            level = 0.5 + 0.3 * dice.random()
            for number in range(settings):
                for seed in SEEDS if number % 30 == 0 else SEEDS[:1]:
                    made = stopped(intermediate, target, number, seed, dice)
                    yield (made, ()) if number % 3 else finished(made, level, generator, keep=number == 0)


def stopped(intermediate: str, target: str, number: int, seed: int, dice: random.Random) -> TrialRecord:
    """A trial that ended at the first rung."""
    made = record(
        intermediate,
        {target: 50.0},
        number=number,
        seed=seed,
        selected=60 + 20 * dice.random() if number else 90.0,
        status=Status.STOPPED,
        phases=phases(intermediate, target, number, seed, dice),
        rungs=[(10, 40.0)],
    )
    names = [f"{role}.{name}" for role in ("intermediate", "target") for name in ("lr", "epochs")]
    return replace(made, hyperparameters={name: dice.random() for name in names})


def finished(
    made: TrialRecord, level: float, generator: np.random.Generator, *, keep: bool
) -> tuple[TrialRecord, tuple[Evidence, ...]]:
    """The same trial run to its end, with its evidence where that is kept."""
    (target,) = made.targets
    hits = {code: Units(Form.MEAN, (generator.random((ITEMS, 1)) < level).astype(np.uint8)) for code in CODES}
    scores = {code: score_of(units) for code, units in hits.items()}
    result = TargetResult(
        task=target,
        split="test",
        languages={code: {"score": score, "accuracy": score, "clean": score} for code, score in scores.items()},
        examples=dict.fromkeys(CODES, ITEMS),
        mean=statistics.fmean(scores.values()),
        mean_non_english=statistics.fmean(score for code, score in scores.items() if code != "en"),
        synthetic=True,
    )
    kept = Evidence(task=target, split="test", data="d", form=Form.MEAN, parallel=True, languages=hits)
    return replace(made, status=Status.FINISHED, results=(result,)), (kept,) if keep else ()


def make_run(folder: Path, settings: int) -> int:
    """Write a run folder; returns how many trials it has."""
    studies, count = set(), 0
    for made, kept in trials(settings):
        if kept:
            write_evidence(folder, made.trial, kept)
        write_record(folder, made)
        studies.add(made.study)
        count += 1
    pairs = [
        PairMark(model="xlmr", intermediate=intermediate, target=target, settings=settings)
        for intermediate in INTERMEDIATES
        for target in TARGETS
    ]
    mark = RunMark(schema=1, sweep="made-up", grid="made_up", seeds=SEEDS, pairs=tuple(pairs), trials=count, stopping=True)
    write_mark(folder, replace(mark, studies=tuple(sorted(studies))))
    return count


def timed(what: str, work: Callable[[], T]) -> T:
    """Do it, and print how long it took."""
    begun = time.perf_counter()
    done = work()
    print(f"{what}: {time.perf_counter() - begun:.1f} s")
    return done


def main() -> None:
    """Print the seconds of each step, and the page's size."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--settings", type=int, default=87)
    options.add_argument("--folder", type=Path)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as own:
        folder = given.folder or Path(own)
        (folder / "records").mkdir(parents=True, exist_ok=True)
        count = make_run(folder, given.settings)
        size = sum(path.stat().st_size for path in (folder / "records").iterdir()) / 1e6
        print(f"{count:,} trials, {len(INTERMEDIATES) * len(TARGETS)} cells, {len(CODES)} languages, {size:.0f} MB of records")
        facts = timed("records, tables, intervals, importances", lambda: facts_of(folder, print))
        text = timed("the page", lambda: render_page(facts))
        print(f"{len(text.encode()) / 1e6:.1f} MB; {len(facts.intervals)} intervals, {len(facts.importances)} importances")


if __name__ == "__main__":
    main()
