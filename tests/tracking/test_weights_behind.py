"""Weights that lie in a bucket are linked there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sweep.tracking import open_tracker
from tests.reports.builders import record
from tests.tracking.test_mirror import models_of, phase_files
from tests.training.bucket import ADDRESS, Server, bucket, machine, server
from training.errors import StoreError
from training.record import TrialRecord
from training.stores.behind import PHASES, behind_at

__all__ = ["bucket", "server"]


@pytest.fixture
def trial(bucket: Server, run_folder: Path, tmp_path: Path) -> TrialRecord:
    """A trial whose phase another machine has put into the bucket."""
    trial = record("mnli", {"xnli": 71.0})
    mark = json.loads((run_folder / "sweep.json").read_text())
    (run_folder / "sweep.json").write_text(json.dumps({**mark, "store": str(machine(tmp_path / "cache"))}))
    folder = phase_files(run_folder, trial, size=2_000_000)
    behind_at(ADDRESS).put(PHASES, trial.phases[-1].key, {path.name: path for path in folder.iterdir()}, name=folder.name)
    return trial


def test_weights_that_only_the_bucket_has_are_linked_there(trial: TrialRecord, run_folder: Path, bucket: Server) -> None:
    open_tracker(run_folder).mirror(trial)
    (model,) = models_of(run_folder)
    place = model.tags["sweep.weights"].removeprefix("s3://phases/")
    assert f"{place}/MANIFEST.json" in bucket.names() and model.tags["mlflow.model.isExternal"] == "true"


def test_large_weights_here_and_in_the_bucket_are_linked_where_they_stay(
    trial: TrialRecord, run_folder: Path, tmp_path: Path
) -> None:
    (folder,) = (run_folder / "phases").glob("*--*")
    folder.rename(machine(tmp_path / "cache") / folder.name)
    open_tracker(run_folder, copy_models_below_mb=1.0).mirror(trial)
    assert models_of(run_folder)[0].tags["sweep.weights"].startswith(f"{ADDRESS}/files/phases/")


def test_bucket_that_does_not_answer_leaves_the_trial_for_later(
    trial: TrialRecord, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*words: object) -> None:
        raise StoreError("refused")

    with monkeypatch.context() as patch, pytest.raises(StoreError):
        patch.setattr("training.stores.behind.Behind.peek", refused)
        open_tracker(run_folder).mirror(trial)
    assert open_tracker(run_folder).mirror(trial) and len(models_of(run_folder)) == 1
