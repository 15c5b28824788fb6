"""Encoded splits with an object store behind them: made once, for all machines."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.training import toy
from tests.training.bucket import NAME, Server, bucket, machine, server
from tests.training.data.test_encode_mapped import corpus, folders, reads
from tests.training.data.test_mapped import same
from tests.training.stored import Reports
from training.data.encoded_store import FEATURES
from training.data.features import Encoded
from training.stores.behind import ENCODED, Behind, behind_of

__all__ = ["bucket", "reads", "server"]
Reads = list[tuple[str, str]]


@pytest.fixture
def behind(bucket: Server, tmp_path: Path) -> Behind:
    found = behind_of(machine(tmp_path / "stores"))
    assert found is not None
    return found


def encoded(root: Path, tokenizer: Any, folder: Path, behind: Behind, **more: Any) -> Encoded:
    return corpus(root, tokenizer, folder, toy.NLI, behind=behind, **more).encoded("nli", "train", "en", "d")


def test_split_encoded_on_one_machine_is_brought_to_another(
    root: Path, tokenizer: Any, tmp_path: Path, behind: Behind, reads: Reads
) -> None:
    here = encoded(root, tokenizer, tmp_path / "here", behind)
    made = len(reads)
    there = encoded(root, tokenizer, tmp_path / "there", behind)
    assert len(reads) == made > 0 and folders(tmp_path / "here") == folders(tmp_path / "there")
    assert here.group == there.group and len(here.examples) == len(there.examples)
    for one, other in zip(here.features, there.features, strict=True):
        assert same(one, other)


def test_split_damaged_behind_is_reported_and_made_and_put_anew(
    root: Path, tokenizer: Any, tmp_path: Path, behind: Behind, bucket: Server, reads: Reads
) -> None:
    encoded(root, tokenizer, tmp_path / "here", behind)
    name = next(name for name in bucket.names() if name.endswith(FEATURES))
    bucket.client().put_object(Bucket=NAME, Key=name, Body=b"x")
    made, reports = len(reads), Reports()
    encoded(root, tokenizer, tmp_path / "there", behind, on_damage=reports)
    assert len(reports) == 1 and len(reads) == 2 * made
    encoded(root, tokenizer, tmp_path / "third", behind, on_damage=reports)
    assert len(reports) == 1 and len(reads) == 2 * made and len(behind.keys(ENCODED)) == 1


def test_split_is_encoded_where_what_is_behind_is_away(
    root: Path, tokenizer: Any, tmp_path: Path, behind: Behind, bucket: Server, reads: Reads, caplog: pytest.LogCaptureFixture
) -> None:
    away = Behind(behind.objects.impatient())
    bucket.stop()
    try:
        with caplog.at_level(logging.WARNING):
            here = encoded(root, tokenizer, tmp_path / "here", away)
    finally:
        bucket.start()
    assert reads and "is encoded here" in caplog.text and "for this machine alone" in caplog.text
    shutil.rmtree(tmp_path / "here")
    there = encoded(root, tokenizer, tmp_path / "here", behind)
    assert len(there.features) == len(here.features) and len(behind.keys(ENCODED)) == 1
