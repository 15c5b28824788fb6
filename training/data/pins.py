"""The commits that hub data sets are pinned to: `<data>/prepared/revisions.json`, by task.

The first `sweep data prepare` of a task whose row names no revision writes the commit it found; later ones take the same. A
user changes a pin knowingly, with `--revision TASK=COMMIT`. A pin for another repository than the row's is not used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from training.data.manifest import PREPARED
from training.errors import DataError, Faults
from training.files.codec import canonical, from_payload
from training.files.storage import write_atomically
from training.tasks.row import TaskRow

REVISIONS = "revisions.json"


@dataclass(frozen=True, kw_only=True)
class Pin:
    """A data set of the hub at a commit."""

    repository: str
    revision: str


@dataclass(frozen=True, kw_only=True)
class Pins:
    """Every pin of a data folder, by task."""

    tasks: Mapping[str, Pin] = field(default_factory=dict)

    def of(self, row: TaskRow) -> str:
        """The commit a task is pinned to: by the file, else by its row, else empty."""
        if row.hub is None:
            return ""
        pin = self.tasks.get(row.name)
        return pin.revision if pin and pin.repository == row.hub.repository else row.hub.revision

    def having(self, row: TaskRow, revision: str) -> Pins:
        """These pins with another one."""
        assert row.hub is not None
        return Pins(tasks={**self.tasks, row.name: Pin(repository=row.hub.repository, revision=revision)})


def read_pins(data: Path) -> Pins:
    """The pins of a data folder; raises DataError when the file does not read."""
    path = data / PREPARED / REVISIONS
    try:
        return from_payload(Pins, json.loads(path.read_bytes()), str(path))
    except FileNotFoundError:
        return Pins()
    except (OSError, ValueError, Faults) as error:
        cause = f"{path}: does not read as a list of revisions"
        raise DataError(cause, str(error), "mend it, or delete it to pin what the hub has now") from error


def write_pins(data: Path, pins: Pins) -> None:
    """Put the pins in place; raises StoreError when they can't be written."""
    write_atomically(data / PREPARED / REVISIONS, canonical(pins))
