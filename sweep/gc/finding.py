"""What lies in a phase store, and why each thing may be removed or has to stay."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sweep.gc.needs import Needs
from training.data.encoded_store import FEATURES
from training.stores.leftovers import REMOVING, half_written
from training.stores.store import PhaseStore


@dataclass(frozen=True, kw_only=True)
class Item:
    """One thing in a store: `kind` is phase, checkpoint, trunk, damaged, leftover or tokenised data.

    `frees` are the bytes that its removal frees (a file with another name elsewhere frees none). `why` says why it may go, or,
    with `stays`, why not. `key` is what its maker claims (empty: nobody does), below the folder `root`.
    """

    path: Path
    kind: str
    frees: int
    why: str
    root: Path
    stays: bool = False
    key: str = ""


def items_of(store: Path, needs: Needs) -> Iterator[Item]:
    """Everything in a store that somebody could want to remove."""
    yield from _phases(store, needs)
    yield from _in_phase(store, needs)
    yield from _trunks(store, needs)
    yield from _set_aside(store)
    yield from _leftovers(store)


def tokenised(cache: Path, days: float) -> Iterator[Item]:
    """Encoded splits of a cache that nobody has opened for so many days (as far as the file system notes it), and leftovers."""
    yield from _leftovers(cache)
    now = time.time()
    for folder in sorted(cache.glob("*--*")):
        try:
            read = (folder / FEATURES).stat()
        except OSError:
            read = folder.stat()
        idle = (now - max(read.st_atime, read.st_mtime)) / 86_400
        if idle >= days:
            key = folder.name.rpartition("--")[2]
            why = f"unused for {idle:.0f} days; it is made again when it is needed"
            yield Item(path=folder, kind="tokenised data", frees=freed(folder), why=why, root=cache, key=key)


def _phases(store: Path, needs: Needs) -> Iterator[Item]:
    for folder in sorted(store.glob("*--*")):
        key = folder.name.rpartition("--")[2]
        role, tasks = _identity(folder)
        kept = needs.why_kept(key, role, tasks)
        why, frees = kept or needs.why_goes(key), freed(folder)
        if not kept and not frees:
            why += " (its files are linked elsewhere too, so that no bytes are freed)"
        yield Item(path=folder, kind="phase", frees=frees, why=why, root=store, stays=bool(kept), key=key)


def _identity(folder: Path) -> tuple[str, list[str]]:
    """Role and tasks of a phase; empty where they can't be read, which is no role of a phase that may go early."""
    try:
        identity = json.loads((folder / "identity.json").read_bytes())
        return str(identity["role"]), [str(use["task"]) for use in identity["tasks"]]
    except (OSError, ValueError, KeyError, TypeError):
        return "", []


def _in_phase(store: Path, needs: Needs) -> Iterator[Item]:
    trained = {folder.name.rpartition("--")[2] for folder in store.glob("*--*")}
    for path in sorted((store / ".inflight").glob("*.safetensors")):
        kept = "" if path.stem in trained else needs.why_in_phase()
        why = kept or ("its phase is trained" if path.stem in trained else "its trial is settled")
        yield Item(path=path, kind="checkpoint", frees=freed(path), why=why, root=store, stays=bool(kept), key=path.stem)


def _trunks(store: Path, needs: Needs) -> Iterator[Item]:
    for path in sorted((store / ".trunks").glob("*.safetensors")):
        kept, key = needs.why_in_phase(), path.stem.partition("@")[0]
        why = kept or "every sweep that could branch off is settled"
        yield Item(path=path, kind="trunk", frees=freed(path), why=why, root=store, stays=bool(kept), key=key)


def _set_aside(store: Path) -> Iterator[Item]:
    places = [*store.glob("damaged/*"), *store.glob(".inflight/*.damaged"), *store.glob(".trunks/*.damaged")]
    for path in sorted(places):
        yield Item(path=path, kind="damaged", frees=freed(path), why="it was found damaged and set aside", root=store)


def _leftovers(store: Path) -> Iterator[Item]:
    """What dead processes were writing or removing."""
    for path in sorted(store.glob(f"{REMOVING}*")):
        yield Item(path=path, kind="leftover", frees=freed(path), why="its removal was cut short", root=store)
    for path, key in half_written(PhaseStore(store)):
        yield Item(path=path, kind="leftover", frees=freed(path), why="its writer was killed", root=store, key=key)


def freed(path: Path) -> int:
    """Bytes that removing a file or a folder frees."""
    total = 0
    for file in path.rglob("*") if path.is_dir() else [path]:
        try:
            found = file.lstat()
        except OSError:
            continue
        total += found.st_size if found.st_nlink == 1 and not file.is_dir() else 0
    return total
