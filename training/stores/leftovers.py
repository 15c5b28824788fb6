"""What processes that died leave in a phase store: found by its name, and removed under the claim of the phase it belongs to.

Others may be training into the store at the same moment: what somebody holds the claim of stays.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from training.errors import PhaseBusyError
from training.stores.fetching import REMOVING as REMOVING
from training.stores.store import PhaseStore


def half_written(store: PhaseStore) -> Iterator[tuple[Path, str]]:
    """(path, key of the phase or trunk) of what is being written to a store, or was by a process that died."""
    for path in sorted(store.root.glob(".writing-*-*")):
        yield path, path.name.removeprefix(".writing-").rpartition("-")[0]
    for room in (".inflight", ".trunks"):
        for path in sorted((store.root / room).glob(".*.tmp")):
            yield path, path.name[1:].partition(".")[0].partition("@")[0]


def clear_leftovers(store: PhaseStore) -> int:
    """Remove what was half-written or half-removed, and checkpoints of phases that are there; returns how many things.

    Safe while phases are trained. What can't be removed is left to the next call.
    """
    found = [*half_written(store), *((path, path.stem) for path in _outlived(store))]
    removed = sum(_remove_claimed(store, key, path) for path, key in found)
    return removed + sum(_removed(path) for path in store.root.glob(f"{REMOVING}*"))


def drop_checkpoint(store: PhaseStore, key: str) -> None:
    """Remove the checkpoint of a phase that will never be trained to its end (its trial was stopped early)."""
    _remove_claimed(store, key, store.checkpoint_path(key))


def _outlived(store: PhaseStore) -> list[Path]:
    """In-phase checkpoints whose phases are in the store: a kill came between the two."""
    trained = {folder.name.rpartition("--")[2] for folder in store.root.glob("*--*")}
    return [path for path in sorted(store.root.glob(".inflight/*.safetensors")) if path.stem in trained]


def _remove_claimed(store: PhaseStore, key: str, path: Path) -> bool:
    """Remove a file or a folder, unless another process holds the claim of its phase; whether it did."""
    with contextlib.suppress(PhaseBusyError, OSError), store.claim(key, poll=0.0, wait=False):
        return _removed(path)
    return False


def _removed(path: Path) -> bool:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
    return not path.exists()
