"""What a record says of the machine."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from sweep.provenance import device_model
from tests.sweep.conftest import Reference
from training.record import read_records


def test_cpu_is_called_by_its_model_or_its_kind() -> None:
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    known = [" ".join(line.partition(":")[2].split()) for line in lines if line.startswith("model name")]
    assert device_model("cpu") == (known[0] if known else platform.processor() or "cpu")


@pytest.mark.ray
def test_every_record_names_its_device(reference: Reference) -> None:
    assert {record.provenance["device"] for record in read_records(reference.run)} == {device_model("cpu")}
