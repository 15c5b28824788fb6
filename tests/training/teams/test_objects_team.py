"""A worker of a team on a machine with an empty cache takes encoded data from the bucket."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.training.bench import INTERMEDIATE, Bench
from tests.training.bucket import ADDRESS, Server, bucket, machine, server
from tests.training.data.test_encode_mapped import reads
from tests.training.learning.test_rungs import tagging
from training.data import corpus
from training.data.corpus import EncodedCache
from training.job import Order
from training.teams.assist import material_of

__all__ = ["bucket", "reads", "server"]


@pytest.mark.parametrize("address", [ADDRESS, ""])
def test_assistant_reads_what_its_leader_has_encoded(
    dropout_folder: Path,
    root: Path,
    tmp_path: Path,
    bucket: Server,
    reads: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    address: str,
) -> None:
    bench = Bench(dropout_folder, root, machine(tmp_path / "leader"))
    chain = tagging(bench, INTERMEDIATE)
    leader = replace(bench.job(chain), encoded=tmp_path / "leader-encoded")
    monkeypatch.setattr(corpus, "CACHE", EncodedCache())  # each process has its own
    here = material_of(Order(leader, 0, leader.runtime, behind=ADDRESS))
    made = len(reads)
    job = replace(leader, store=tmp_path / "empty", encoded=tmp_path / "assistant-encoded")
    monkeypatch.setattr(corpus, "CACHE", EncodedCache())
    there = material_of(Order(job, 0, job.runtime, behind=address))
    assert made > 0 and (len(reads) == made) == bool(address)
    assert [len(data.features) for data in there.data] == [len(data.features) for data in here.data]
