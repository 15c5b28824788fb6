"""A sweep whose workers, drivers, storage and databases are struck again and again ends as one that was left alone.

`SWEEP_CRASH_SEED` replays a run: the same seed draws the same strokes, at the same counts of the same events.
`SWEEP_CRASH_KILLS` multiplies their number.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.crash.disturbing import Alone
from tests.crash.servers import Head, Rented
from tests.crash.surviving import survive
from tests.crash.undisturbed import Undisturbed
from tests.faults.postgres import Server

TIMES = int(os.environ.get("SWEEP_CRASH_KILLS") or 1)
STROKES = {"worker": 2 * TIMES, "driver": TIMES, "store": TIMES, "database": TIMES}
SERVED = {"head": TIMES, "server": 2 * TIMES, "worker": TIMES, "driver": TIMES}

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(600 + 300 * TIMES)]


@pytest.mark.cluster  # takes minutes; `test_forked` deals more of the same strokes without Ray
def test_sweep_struck_at_random_ends_as_one_that_ran_through(
    undisturbed: Undisturbed, crash_seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    survive(STROKES, undisturbed, crash_seed, tmp_path, capsys, lambda witness: Alone())


def test_sweep_whose_head_and_database_server_are_killed_ends_as_one_that_ran_through(
    undisturbed: Undisturbed,
    crash_seed: int,
    head: Head,
    database: Server | None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    strokes = {victim: number for victim, number in SERVED.items() if database or victim != "server"}
    survive(strokes, undisturbed, crash_seed, tmp_path, capsys, lambda witness: Rented(head, witness, database))
