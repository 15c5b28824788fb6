"""Ray's start on this machine: tried twice where the machine had no time for it, and told where that did not help."""

from __future__ import annotations

from typing import Any

import pytest
import ray

from sweep.launching.experiment import OVERLOADED, start_here
from training.errors import UserError


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[Exception | None]:
    """How the next starts of Ray end, first to last."""
    ends: list[Exception | None] = []

    def init(**words: Any) -> None:
        end = ends.pop(0)
        if end is not None:
            raise end

    monkeypatch.setattr(ray, "init", init)
    return ends


def test_start_that_took_too_long_is_tried_again(starts: list[Exception | None]) -> None:
    starts += [Exception(f"{OVERLOADED}. This could happen"), None]
    start_here()
    assert starts == []


def test_start_that_took_too_long_twice_is_told_with_what_to_do(starts: list[Exception | None]) -> None:
    starts += [Exception(f"{OVERLOADED}. This could happen")] * 2
    with pytest.raises(UserError, match="Ray did not start in its time") as told:
        start_here()
    assert starts == [] and OVERLOADED in str(told.value) and "give the same command again" in told.value.remedy


def test_other_fault_of_a_start_is_not_tried_again(starts: list[Exception | None]) -> None:
    starts += [ValueError("no such thing"), None]
    with pytest.raises(ValueError, match="no such thing"):
        start_here()
    assert starts == [None]
