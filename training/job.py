"""What a chain is given to run on this machine, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from training.data.loading import DataSource
from training.evidence import Evidence
from training.identity import ChainIdentity, Role, Runtime
from training.record import PhaseTrace, RungScore, Selection, TargetResult


@dataclass(frozen=True, kw_only=True)
class ChainJob:
    """A chain with everything needed to run it here: the model's folder, the data, the store, and how to run.

    `pretrain_threads` are the CPU threads of a pretraining phase (0: as every other); `encoded` is where tokenised data is kept
    for other chains (None: in memory alone). `until` below 1 stops the chain after that share of the last phase's steps, where
    it leaves an in-phase checkpoint and its English dev score. `branches` are the epochs, by role, that other wsd phases of the
    grid may have: the trunk is kept where they branch off. With `wait` off, a phase that another process trains raises
    PhaseBusyError (its value the key) instead of being waited for. In the folder `notes` it is kept what fitted into memory.
    """

    identity: ChainIdentity
    model_folder: Path
    store: Path
    sources: Mapping[str, DataSource]
    runtime: Runtime
    pretrain_threads: int = 0
    encoded: Path | None = None
    until: float = 1.0
    branches: Mapping[Role, tuple[int, ...]] = field(default_factory=dict)
    wait: bool = True
    notes: Path | None = None

    def __post_init__(self) -> None:
        if not 0 < self.until <= 1:
            raise ValueError(f"a chain can't stop after {self.until} of its last phase")


@dataclass(frozen=True)
class Order:
    """What the leader of a team asks the others to take part in: the phase of this number of a chain, and how it runs.

    `behind` is the address of what is behind the store (empty: nothing), which another machine may not know yet.
    """

    job: ChainJob
    number: int
    runtime: Runtime
    behind: str = ""


@dataclass(frozen=True, kw_only=True)
class ChainOutcome:
    """What came of a chain: traces of its phases, the number it is chosen by, scores, and times in seconds.

    `rung` is set, its number left 0, where the chain stopped before its end; there are no results then. `damaged` names the
    phases and checkpoints that were found damaged, set aside and trained again. `evidence` goes with `results`.
    """

    phases: tuple[PhaseTrace, ...]
    selection: Selection | None
    results: tuple[TargetResult, ...]
    timing: Mapping[str, float]
    damaged: tuple[str, ...] = ()
    rung: RungScore | None = None
    evidence: tuple[Evidence, ...] = ()
