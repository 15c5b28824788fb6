"""Reading the records of a large sweep, and making its tables: ten thousand trials of 12 intermediates on 9 targets.

    python benchmarks/records.py [--rounds 5]

The arms read the same parsed JSON in turn: straight on (what `read_record` does), and going through every field so that faults
can be named (what it does where something does not fit). Ratio of medians; all seconds are of CPU time.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from reports.frame import transfer_tables
from tests.reports.builders import record
from training.files.building import builder
from training.files.codec import _build, canonical
from training.record import Status, TrialRecord, read_records, write_record

INTERMEDIATES = ["none", *(f"task{number}" for number in range(11))]
TARGETS = [f"target{number}" for number in range(9)]
SETTINGS = 93


def trials() -> list[TrialRecord]:
    """Records as early stopping leaves them: two of three stopped at the first rung."""
    dice = random.Random(0)
    return [
        record(
            intermediate,
            {target: 50 * dice.random()},
            number=number,
            status=Status.STOPPED if number % 3 else Status.FINISHED,
            rungs=[(10, 40.0)],
        )
        for intermediate in INTERMEDIATES
        for target in TARGETS
        for number in range(SETTINGS)
    ]


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds that a piece of work takes."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def main() -> None:
    """Print both arms, and what a launch pays in all."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    rounds = options.parse_args().rounds
    found = trials()
    payloads = [json.loads(canonical(trial)) for trial in found[:1000]]
    quick, thorough = builder(TrialRecord), list[float]()
    straight: list[float] = []
    for _ in range(rounds):
        straight.append(seconds(lambda: [quick(payload) for payload in payloads]))
        thorough.append(seconds(lambda: [_build(TrialRecord, payload, "", []) for payload in payloads]))
    fast, slow = statistics.median(straight), statistics.median(thorough)
    print(f"1,000 parsed records: straight on {fast:.3f} s, field by field {slow:.3f} s, ratio {slow / fast:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        for trial in found:
            write_record(Path(folder), trial)
        print(f"{len(found)} records read from files: {seconds(lambda: read_records(Path(folder))):.2f} s")
    print(f"{len(found)} records to their table: {seconds(lambda: transfer_tables(found)):.2f} s")


if __name__ == "__main__":
    main()
