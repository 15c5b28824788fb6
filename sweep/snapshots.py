"""The resolved grid that a launch leaves in its run folder, and reading it; nothing here loads a library that trains."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sweep.runfolder import SNAPSHOT
from training.errors import UserError
from training.files.codec import from_payload
from training.files.storage import read_bytes

SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A resolved grid: every field by its dotted name, and digests of the tasks' rows, the models and the data.

    `numerics` is the version of how phases are trained (0: unknown).
    """

    schema: int
    fields: Mapping[str, Any]
    tasks: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    numerics: int = 0

    def members(self, kind: str) -> dict[str, dict[str, Any]]:
        """Fields of each of the grid's `models` or `intermediates`, by its name."""
        found: dict[str, dict[str, Any]] = {}
        for name, value in self.fields.items():
            place, _, rest = name.partition(".")
            member, _, field_name = rest.partition(".")
            if place == kind and member:
                found.setdefault(member, {})[field_name] = value
        return found


def read_snapshot(run: Path) -> Snapshot | None:
    """The grid of the latest launch; None where there is none that can be read, which costs nothing but the comparison."""
    try:
        found = from_payload(Snapshot, json.loads(read_bytes(run / SNAPSHOT)), SNAPSHOT)
    except (OSError, ValueError, UserError):
        return None
    return found if found.schema == SCHEMA else None


def model_sources(run: Path) -> Mapping[str, str]:
    """Model to what the latest launch's grid says it is made from; empty where that can't be read."""
    snapshot = read_snapshot(run)
    models = snapshot.members("models") if snapshot is not None else {}
    return {name: str(said["source"]) for name, said in models.items() if "source" in said}
