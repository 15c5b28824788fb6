"""Writes down what every process of a sweep does, and strikes where the test has ordered it.

An event is one line of the file `events`. An order (`order.json`) names an event, how many of it are still to come, and what
then happens, in the very process and at the very line where the event is: so a run is replayed by counts, not by seconds.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import outage

FOLDER = os.environ["SWEEP_CRASH_WITNESS"]
LAUNCH = os.environ.get("SWEEP_CRASH_LAUNCH", "")
Order = dict[str, Any]


def note(event: str, **what: Any) -> None:
    """Write an event down; where it is the one that an order waits for, the order is carried out."""
    order = None
    with _alone():
        _write({"event": event, "at": round(time.monotonic(), 3), "pid": os.getpid(), **what})
        found = _order()
        if found is not None and found["event"] == event and _concerns(found):
            found["after"] -= 1
            if found["after"] <= 0:
                order = found
                Path(FOLDER, "order.json").unlink()
                _write({"event": "struck", "pid": os.getpid(), "order": order})
            else:
                _keep(found)
    if order is not None:
        _strike(order)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """One process at a time writes events and counts down."""
    with open(os.path.join(FOLDER, ".lock"), "a") as stream:  # noqa: PTH118, PTH123
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _write(line: dict[str, Any]) -> None:
    with open(os.path.join(FOLDER, "events"), "ab", buffering=0) as stream:  # noqa: PTH118, PTH123
        stream.write(json.dumps(line).encode() + b"\n")


def _order() -> Order | None:
    try:
        found: Order = json.loads(Path(FOLDER, "order.json").read_bytes())
    except FileNotFoundError:
        return None
    return found


def _keep(order: Order) -> None:
    beside = Path(FOLDER, ".order")
    beside.write_text(json.dumps(order))
    beside.replace(Path(FOLDER, "order.json"))


def _concerns(order: Order) -> bool:
    """Processes that a killed launch has left behind are no victims, and a worker's kill is no driver's."""
    if LAUNCH and order["launch"] and LAUNCH != order["launch"]:
        return False
    return order["victim"] != "worker" or os.getpid() not in order["driver"]


def _strike(order: Order) -> None:
    """What an order says: kill this process or others, have the storage fail, or remove files."""
    if order["victim"] == "worker":
        os.kill(os.getpid(), signal.SIGKILL)
    for pid in order.get("kill", ()):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for path in order.get("remove", ()):
        Path(path).unlink(missing_ok=True)
    if "outage" in order:
        outage.begin(order["outage"])


def _around(owner: Any, name: str, before: str, after: str, says: Callable[..., dict[str, Any]]) -> None:
    """Have a function note an event before and after it (an empty name: none); `says` tells what its arguments are about."""
    real = getattr(owner, name)

    def noted(*arguments: Any, **named: Any) -> Any:
        said = says(*arguments, **named)
        if before:
            note(before, **said)
        found = real(*arguments, **named)
        if after:
            note(after, **said)
        return found

    setattr(owner, name, noted)


def _nothing(*arguments: Any, **named: Any) -> dict[str, Any]:
    return {}


_KEY = ""
"""The phase that this process trains."""


def _begun(*arguments: Any, checkpoint: Path | None = None, **named: Any) -> dict[str, Any]:
    global _KEY
    _KEY = checkpoint.stem if checkpoint else ""
    return {"key": _KEY}


def _of_step(steps: Any, draw: Any, step: int, rate: float) -> dict[str, Any]:
    return {"key": _KEY, "step": step + 1}


def _of_checkpoint(snapshot: Any, path: Path) -> dict[str, Any]:
    return {"key": path.stem, "step": snapshot.position.step}


def _of_record(folder: Path, record: Any) -> dict[str, Any]:
    return {"trial": record.trial, "status": str(record.status)}


def _phase(module: ModuleType) -> None:
    _around(module, "train_phase", "begun", "trained", _begun)


def _steps(module: ModuleType) -> None:
    _around(module.Steps, "step", "", "step", _of_step)


def _checkpoint(module: ModuleType) -> None:
    _around(module.Snapshot, "write", "saving", "saved", _of_checkpoint)


def _tensorfile(module: ModuleType) -> None:
    _around(module, "write_tensors", "", "tensors", _nothing)


def _store(module: ModuleType) -> None:
    _around(module, "_write_manifest", "manifest", "", _nothing)
    _around(module.PhaseStore, "publish", "publishing", "published", lambda store, key, *rest: {"key": key})


def _record(module: ModuleType) -> None:
    _around(module, "write_record", "recording", "recorded", _of_record)
    _around(module, "write_paused", "pausing", "paused", _of_record)


def _evaluate(module: ModuleType) -> None:
    _around(module.Evaluator, "evaluate_all", "", "scored", _nothing)


def _searcher(module: ModuleType) -> None:
    real = module.PairSearcher.suggest

    def suggest(searcher: Any, trial_id: str) -> Any:
        found = real(searcher, trial_id)
        if isinstance(found, dict):
            note("asked", leg=found["leg"])
        return found

    module.PairSearcher.suggest = suggest
    _around(module.PairSearcher, "on_trial_complete", "telling", "told", _nothing)


CHANGES: dict[str, Callable[[ModuleType], None]] = {
    "training.phase": _phase,
    "training.learning.steps": _steps,
    "training.learning.checkpoint": _checkpoint,
    "training.files.tensorfile": _tensorfile,
    "training.stores.store": _store,
    "training.record": _record,
    "training.evaluate": _evaluate,
    "sweep.search.searcher": _searcher,
}
"""Modules whose functions note what they do."""
