"""A made-up sweep of a thousand trials in MLflow: what mirroring it costs, and how the pages look.

    python benchmarks/mlflow_ui.py FOLDER [--trials 1000]

Writes records, mirrors them into FOLDER/mlflow.db, mirrors again (nothing to do), and prints the command that opens the page.
The scores are drawn at random: SYNTHETIC, and marked so in every run.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sweep.tracking import sync, ui_command
from tests.reports.builders import record, result
from training.record import Status, TargetResult, TrialRecord, write_record

INTERMEDIATES = ("none", "anli", "mnli", "qqp", "squad_v2", "hellaswag", "ccg", "cosmosqa", "csqa", "siqa", "multi", "mlm")
LANGUAGES = (
    "ar bg de el en es fr hi ru sw th tr ur vi zh af bn et eu fa fi he hu id it ja jv ka kk ko ml mr ms my nl pt ta te tl yo"
).split()
TARGETS = {"xnli": 15, "pawsx": 7, "udpos": 33, "panx": 40, "xquad": 11, "mlqa": 7, "tydiqa": 9, "bucc": 5, "tatoeba": 36}
RETRIEVAL = ("bucc", "tatoeba")
SEEDS = 3
BEGUN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def trials(count: int) -> list[TrialRecord]:
    """At least `count` trials: two of three settings were stopped early, the others have three seeds."""
    dice = random.Random(0)
    a_round = [(target, name) for target in TARGETS for name in INTERMEDIATES if (target, name) != ("bucc", "none")]
    found: list[TrialRecord] = []
    number = 0
    while len(found) < count:
        for target, name in a_round:
            seeds = range(1, SEEDS + 1) if number % 3 == 0 else (1,)
            found += [_trial(dice, name, target, number, seed, len(found)) for seed in seeds]
        number += 1
    return found


def _trial(dice: random.Random, name: str, target: str, number: int, seed: int, place: int) -> TrialRecord:
    stopped = number % 3 != 0
    lift = random.Random(f"{name} {target}").gauss(0, 4) * (name != "none")
    mean = 62 + lift + dice.gauss(0, 0.8)
    languages = sorted({"en", *LANGUAGES[: TARGETS[target]]})
    made = record(
        name,
        {target: mean},
        number=number,
        seed=seed,
        selected=70 + lift + dice.gauss(0, 1),
        status=Status.STOPPED if stopped else Status.FINISHED,
        retrieval=RETRIEVAL,
        synthetic=True,
        rungs=[(20, 50 + dice.gauss(0, 4)), *([] if stopped else [(40, 60 + lift)])],
    )
    drawn = {
        "intermediate.lr": 10 ** dice.uniform(-5.5, -4.3),
        "intermediate.epochs": float(dice.choice((1, 2, 3))),
        "target.lr": 10 ** dice.uniform(-5.5, -4.3),
        "target.epochs": float(dice.choice((2, 3, 5))),
    }
    results = () if stopped else (_spread(dice, target, mean, languages),)
    started = (BEGUN + timedelta(seconds=37 * place)).isoformat()
    kept = {key: value for key, value in drawn.items() if name != "none" or key.startswith("target")}
    return replace(made, hyperparameters=kept, results=results, started=started)


def _spread(dice: random.Random, target: str, mean: float, languages: list[str]) -> TargetResult:
    made = result(target, mean, languages=languages, layer=14 if target in RETRIEVAL else None, synthetic=True)
    scores = {code: {"score": mean + 8 * math.sin(len(code) + ord(code[0])) + dice.gauss(0, 1)} for code in languages}
    return replace(made, languages=scores)


def main() -> None:
    """Write, mirror, mirror again."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path, nargs="?", default=None, help="a new one in the place for temporary files")
    options.add_argument("--trials", type=int, default=1000)
    given = options.parse_args()
    given.folder = given.folder or Path(tempfile.mkdtemp(prefix="mlflow-ui-"))
    given.folder.mkdir(parents=True, exist_ok=True)
    mark = {"schema": 1, "sweep": "3fa9c1d2e4b0", "grid": "made-up", "seeds": [1, 2, 3]}
    found = trials(given.trials)
    studies = sorted({one.study for one in found})
    (given.folder / "sweep.json").write_text(json.dumps({**mark, "studies": studies, "trials": len(found), "stopping": True}))
    for one in found:
        write_record(given.folder, one)
    for what in ("mirrored", "mirrored again"):
        begun = time.monotonic()
        done = sync(given.folder)
        seconds = time.monotonic() - begun
        print(f"{len(found)} trials {what}: {seconds:.1f} s; {len(done.mirrored)} written, {len(done.failed)} failed")
    print(ui_command(given.folder, port=5071))


if __name__ == "__main__":
    main()
