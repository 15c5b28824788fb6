"""A bucket, run folders of several machines, and short waits."""

from __future__ import annotations

import pytest

from sweep.bucket import keeping, lease
from tests.training.bucket import bucket, server

__all__ = ["bucket", "server"]


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes seconds between machines takes tenths here."""
    monkeypatch.setattr(lease, "INTERVAL", 0.1)
    monkeypatch.setattr(lease, "SILENT", 1.0)
    monkeypatch.setattr(lease, "SETTLED", 0.05)
    monkeypatch.setattr(keeping, "LOOK", 0.05)
    monkeypatch.setattr(keeping, "SHARE", 1.0)
    monkeypatch.setattr(keeping, "EAR", 0.1)
    monkeypatch.setattr(keeping, "AGAIN", 0.1)
