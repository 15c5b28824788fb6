"""A small phase to be stored."""

from __future__ import annotations

from pathlib import Path

import torch

from tests.training import toy
from training.files.tensorfile import write_tensors
from training.identity import PhaseIdentity, phase_key
from training.record import CarryReport, PhaseTrace
from training.stores.store import WEIGHTS, PhaseStore, StoredPhase

IDENTITY = toy.phase(toy.NLI)
KEY = phase_key("parent", IDENTITY)


def trace(key: str = KEY, identity: PhaseIdentity = IDENTITY) -> PhaseTrace:
    return PhaseTrace(
        key=key,
        identity=identity,
        outcome="trained",
        seconds=1.0,
        steps=2,
        tokens=3,
        curve=((1, 0.5),),
        carry=CarryReport(carried=1),
    )


def weights(folder: Path) -> None:
    write_tensors(folder / WEIGHTS, {"a": torch.arange(64.0)}, {})


def published(store: PhaseStore, key: str = KEY) -> StoredPhase:
    return store.publish(key, IDENTITY, trace(key), weights)


class Reports(list[tuple[str, str]]):
    def __call__(self, folder: Path, cause: str) -> None:
        self.append((folder.name, cause))
