"""A sweep in a bucket is submitted from a machine that has nothing of it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from reports.submission.agreement import EQUAL
from sweep.bucket.files import address_of, objects_of, stamps
from sweep.bucket.reading import brought
from sweep.options import LaunchOptions
from sweep.steering.requests import write_options
from tests.submission.conftest import World, submitted
from tests.training.bucket import ADDRESS, Server, bucket, server
from training.record import read_records
from training.stores.behind import local_store
from training.stores.store import PhaseStore
from training.tasks.benchmarks import XTREME

__all__ = ["bucket", "server"]


def test_submission_brings_the_chosen_weights_from_the_bucket(
    world: World, bucket: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = local_store(tmp_path / "head", ADDRESS)
    for phase in (world.run / "phases").glob("*--*"):
        shutil.copytree(phase, head / phase.name)
        assert PhaseStore(head).find(phase.name.rpartition("--")[2])  # which puts it behind
    run = Path(shutil.copytree(world.run, tmp_path / "whole", ignore=shutil.ignore_patterns("phases")))
    write_options(run, LaunchOptions(grid="whole", store=head))
    for name in stamps(run):
        objects_of(ADDRESS, run).write(name, (run / name).read_bytes())
    few = replace(XTREME, tasks={name: XTREME.tasks[name] for name in ("pawsx", "tydiqa")}, groups={})
    monkeypatch.setattr("sweep.submission.submitting.BENCHMARKS", {"xtreme": few})
    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path / "laptop"))
    shutil.rmtree(tmp_path / "head")

    done = submitted(world, tmp_path / "out", run=brought(address_of(ADDRESS, run)))
    assert {entry.record for entry in done.manifest.tasks.values()} == {EQUAL}
    here = {path.name.rpartition("--")[2] for path in (tmp_path / "laptop" / "stores").glob("*/*--*")}
    assert here == {entry.weights for entry in done.manifest.tasks.values()}
    assert len(here) == 2 < len({record.phases[-1].key for record in read_records(run) if record.phases})
