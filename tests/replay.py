"""Seeds of tests that draw: said at once, so that what failed can be run again."""

from __future__ import annotations

import os
import random

import pytest


def seed_of(variable: str, about: str, capsys: pytest.CaptureFixture[str]) -> int:
    """The seed that `variable` gives, else one drawn now."""
    seed = int(os.environ.get(variable) or random.SystemRandom().randrange(10**6))
    say(capsys, f"[{about}] replay with {variable}={seed}")
    return seed


def say(capsys: pytest.CaptureFixture[str], text: str) -> None:
    """A line among the tests' dots."""
    with capsys.disabled():
        print(f"\n{text}", end="")  # noqa: T201
