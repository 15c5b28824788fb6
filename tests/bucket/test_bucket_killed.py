"""A launch is killed at random bytes on its way to the bucket, and gone on with on machines that have nothing but the bucket.

`SWEEP_KILL_SEED` replays the numbers of a run.
"""

from __future__ import annotations

import multiprocessing
import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sweep.bucket import keeping, lease
from sweep.bucket.files import Note, address_of, behindhand
from sweep.bucket.keeping import kept_behind
from sweep.records import readable_records
from sweep.runfolder import hold
from tests.bucket.machines import BELOW, recorded, take
from tests.replay import seed_of
from tests.sweep.conftest import Reference as Undisturbed
from tests.sweep.conftest import cache, reference
from tests.sweep.launches import begin, end_session, eventually, scores, tables
from tests.training.bucket import ADDRESS, NAME, VARIABLES, Server, Way, killed_on_the_way
from training.record import read_records

__all__ = ["cache", "reference"]
pytestmark = pytest.mark.timeout(1800)
SEED_VARIABLE = "SWEEP_KILL_SEED"
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.bucket.test_bucket_killed"])


@pytest.fixture
def versions(bucket: Server) -> Iterator[Server]:
    """A bucket that forgets nothing: every put and every deletion can be counted afterwards."""
    client = bucket.client()
    client.put_bucket_versioning(Bucket=NAME, VersioningConfiguration={"Status": "Enabled"})
    yield bucket
    for item in every(bucket, "Versions") + every(bucket, "DeleteMarkers"):
        client.delete_object(Bucket=NAME, Key=item["Key"], VersionId=item["VersionId"])


def keep(run: Path, port: int) -> None:
    """Another machine's launch: bring what is there, leave records in the run folder, and keep it in the bucket."""
    os.environ.update(VARIABLES, AWS_ENDPOINT_URL_S3=f"http://127.0.0.1:{port}")
    keeping.LOOK, keeping.SHARE, lease.SETTLED = 0.01, 0.0, 0.0
    with hold(run), kept_behind(ADDRESS, run, lambda line: None):
        for number in range(4):
            recorded(run, number)
            eventually(lambda: not behindhand(Note.read(run, address_of(ADDRESS, run))), "the record in the bucket", 60)
            (run.parent / "noted").write_text(str(number + 1))


@pytest.mark.slow
def test_keeper_killed_at_any_byte_leaves_whole_records_and_all_that_it_knew_to_be_there(
    bucket: Server, tmp_path: Path, dice: random.Random
) -> None:
    kills = known = 0
    for number in range(5):
        run = tmp_path / str(number) / "all"
        kills += killed_on_the_way(PROCESSES, keep, run, bucket, dice.randrange(100, 30_000))
        bucket.client().delete_object(Bucket=NAME, Key=f"{BELOW}/lease.json")
        noted = run.parent / "noted"
        known = max(known, int(noted.read_text()) if noted.exists() else 0)
        look = tmp_path / f"look-{number}" / "all"
        take(look)
        found, damaged = readable_records(look, set_aside=False)
        assert damaged == [] and len(found) >= known
    assert kills


def every(server: Server, kind: str) -> list[dict[str, Any]]:
    pages = server.client().get_paginator("list_object_versions").paginate(Bucket=NAME)
    return [item for page in pages for item in page.get(kind, [])]


def puts(server: Server, below: str) -> Counter[str]:
    """How often each object below a folder was put."""
    return Counter(item["Key"] for item in every(server, "Versions") if item["Key"].startswith(below))


def killed(server: Server, place: Path, after: int) -> bool:
    """Launch on a new machine until so many bytes went to the bucket; whether it was killed then."""
    victims: list[Any] = []
    with Way(server.port, after, lambda: end_session(victims[0])) as way:
        place.mkdir(parents=True)
        words = ("launch", "--grid", "tiny", "--run", place / "all", "--store", ADDRESS)
        settings = VARIABLES | {"AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{way.port}"}
        victims.append(begin(place / "cache", place / "log", *words, **settings))
        code = victims[0].wait()
        if code >= 0:
            eventually(lambda: not victims[0].family(), "the end of Ray's processes", 60)
    assert code in (0, -9), victims[0].said
    return bool(code)


def kill_and_go_on(server: Server, folder: Path, undisturbed: Undisturbed, kills: int, dice: random.Random) -> None:
    for number in range(kills):
        if not killed(server, folder / str(number), dice.randrange(10_000, 6_000_000)):
            break
        if number:  # the first time it is waited until the launch is known to be dead
            server.client().delete_object(Bucket=NAME, Key=f"{BELOW}/lease.json")
    last = folder / "last"
    assert not killed(server, last, 10**15)
    run = last / "all"
    assert tables(run) == tables(undisturbed.run) and scores(run) == scores(undisturbed.run)
    assert all(count == 1 for count in puts(server, "study/manifests/phases/").values())
    assert len(puts(server, "study/manifests/phases/")) == 6
    lost = [item["Key"] for item in every(server, "DeleteMarkers") if item["Key"].startswith(f"{BELOW}/records/")]
    assert lost == []
    trained = Counter(phase.key for record in read_records(run) for phase in record.phases if phase.outcome == "trained")
    assert max(trained.values()) == 1


@pytest.fixture
def dice(capsys: pytest.CaptureFixture[str]) -> random.Random:
    return random.Random(seed_of(SEED_VARIABLE, "kill", capsys))


@pytest.mark.cluster
@pytest.mark.ray
def test_launch_killed_again_and_again_ends_on_a_new_machine_as_one_that_was_not(
    versions: Server, tmp_path: Path, reference: Undisturbed, dice: random.Random
) -> None:
    kill_and_go_on(versions, tmp_path, reference, 6, dice)
