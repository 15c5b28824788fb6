"""What the launches of these tests share: a cache with the mini world in it, and one uninterrupted sweep to compare with."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sweep.runfolder import is_held
from sweep.watch.status import status_of
from tests.sweep.launches import begin, eventually, run_to_end


@dataclass
class Reference:
    """An uninterrupted launch of `tiny`, and what was seen beside it while it ran."""

    run: Path
    code: int
    said: str
    second: tuple[int, str]
    statuses: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that made data is kept in."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Reference:
    """`sweep launch --grid tiny`, with a second launch into its folder and looks at its status while it runs."""
    place = tmp_path_factory.mktemp("reference")
    run, statuses = place / "run", []
    launch = begin(cache, place / "first.log", "launch", "--grid", "tiny", "--run", run)
    eventually(lambda: is_held(run) or launch.process.poll() is not None, "the first launch to take its folder")
    second = run_to_end(cache, place / "second.log", "launch", "--grid", "tiny", "--run", run)

    def looked() -> bool:
        if (run / "sweep.json").is_file() and launch.process.poll() is None:
            statuses.append(status_of(run))
        return launch.process.poll() is not None

    eventually(looked, "the end of the first launch")
    eventually(lambda: not launch.family(), "the end of Ray's processes")
    return Reference(run, launch.wait(), launch.said, second, statuses)
