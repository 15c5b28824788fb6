"""A run folder's files in a bucket: what has to be there so that the same command goes on where the folder itself is gone.

* Below `<address of the store>/runs/<name of the run folder>/` lie its mark, grid, options, ending, signals of `sweep rank`,
  records, and the trials that wait at a rung, each under its own name. Databases are not there: a launch makes them again.
* `.behind.json` in the run folder notes, of each file, what it was here and there when both were the same. So what has changed
  since, and on which side, is known without reading either.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from reports.ranking.keeping import FILE as RANKINGS
from sweep.ending import ENDING
from sweep.runfolder import MARK, SNAPSHOT, TRIAL_FILES
from sweep.steering.requests import OPTIONS
from training.files.storage import read_bytes, storage_errors, write_atomically
from training.record import RECORDS
from training.stores.objects import ObjectStore, Seen, open_objects

RUNS, NOTE = "runs", ".behind.json"
FILES = (MARK, SNAPSHOT, OPTIONS, ENDING, RANKINGS)
AT_ONCE = 16
"""Files that are brought at the same time."""


def address_of(store: str, run: Path) -> str:
    """Where the files of a run folder lie below the address of a store."""
    name = re.sub(r"[^A-Za-z0-9_=-]", "_", run.name)
    if name != run.name:  # two names must not become one
        name += f"-{hashlib.sha256(run.name.encode()).hexdigest()[:6]}"
    return f"{store}/{RUNS}/{name}"


def objects_of(store: str, run: Path) -> ObjectStore:
    """The files of a run folder behind a store; nothing is asked of it yet."""
    return open_objects(address_of(store, run))


def travels(name: str) -> bool:
    """Whether a file of this name below a run folder belongs into the bucket."""
    path = PurePosixPath(name)
    if name in FILES:
        return True
    known = len(path.parts) == 2 and TRIAL_FILES.get(path.parts[0]) == path.suffix
    return known and not path.name.startswith(".")


def in_order(names: Iterable[str]) -> list[str]:
    """The mark first, so that half of a run folder is known for one; evidence before records, and they before their rungs."""
    return sorted(names, key=lambda name: (name != MARK, name))


def stamps(run: Path) -> dict[str, str]:
    """Every file of a run folder that belongs into the bucket, with a stamp that changes when it does. Raises StoreError."""
    found: dict[str, str] = {}
    with storage_errors(run):
        for folder in ("", *TRIAL_FILES):
            with contextlib.suppress(FileNotFoundError), os.scandir(run / folder) as entries:
                for entry in entries:
                    name = f"{folder}/{entry.name}" if folder else entry.name
                    with contextlib.suppress(FileNotFoundError):
                        if travels(name) and entry.is_file(follow_symlinks=False):
                            seen = entry.stat()
                            found[name] = f"{seen.st_size}-{seen.st_mtime_ns}"
    return found


def stamp_there(seen: Seen | None) -> str:
    """A stamp of an object; empty where there is none."""
    return f"{seen.size}-{seen.changed}" if seen else ""


@dataclass
class Note:
    """What each file was (here, there) when both were the same."""

    run: Path
    address: str
    files: dict[str, tuple[str, str]] = field(default_factory=dict)

    @classmethod
    def read(cls, run: Path, address: str) -> Note:
        """The note of a run folder; an empty one where there is none, or that of another address."""
        note = cls(run, address)
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            payload = json.loads((run / NOTE).read_bytes())
            if payload["address"] == address:
                note.files = {str(name): (str(here), str(there)) for name, (here, there) in payload["files"].items()}
        return note

    def here(self, name: str) -> str:
        """What a file was here; empty where it was not."""
        return self.files.get(name, ("", ""))[0]

    def there(self, name: str) -> str:
        """What a file was there; empty where it was not."""
        return self.files.get(name, ("", ""))[1]

    def write(self) -> None:
        """Keep it; raises StoreError."""
        payload = {"address": self.address, "files": dict(sorted(self.files.items()))}
        write_atomically(self.run / NOTE, json.dumps(payload, indent=0).encode() + b"\n")


def take_up(objects: ObjectStore, run: Path) -> int:
    """Bring what has changed in the bucket since this run folder was last the same as it; returns how many records came.

    What another machine has put there goes before what was here; what was written here and never came there stays, to be put
    there. A file that is gone there goes here, unless it was written since. Raises StoreError.
    """
    note = Note.read(run, objects.address)
    there = {name: stamp_there(seen) for name, seen in objects.listing("").items() if travels(name)}
    here = stamps(run)
    changed = [name for name in in_order(there.keys() | note.files.keys()) if there.get(name, "") != note.there(name)]
    coming = [name for name in changed if name in there]
    for name in changed:
        if name not in there:
            if here.get(name, "") == note.here(name):
                with storage_errors(run):
                    (run / name).unlink(missing_ok=True)
            note.files.pop(name, None)
    if coming:
        note.write()
    for part in (coming[:1], coming[1:]):
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda name: _bring(objects, run, name), part))
    now = stamps(run)
    for name in coming:
        note.files[name] = (now.get(name, ""), there[name])
    note.write()
    return sum(name.startswith(f"{RECORDS}/") for name in coming)


def bring_rankings(objects: ObjectStore, run: Path) -> None:
    """Bring the signals of `sweep rank` to a run folder without any: a plan needs them before the rest is taken up.

    Raises StoreError.
    """
    if not (run / RANKINGS).is_file():
        _bring(objects, run, RANKINGS)


def _bring(objects: ObjectStore, run: Path, name: str) -> None:
    content = objects.read(name)
    if content is not None:
        write_atomically(run / name, content)


def put_changed(objects: ObjectStore, note: Note) -> int:
    """Put what has changed here into the bucket, and delete there what is gone here; returns how many files were put.

    Records are put before what they replace is deleted. Raises StoreError, after which the note says what was done.
    """
    here = stamps(note.run)
    if MARK not in here:  # the folder is out of reach, or gone: that must not empty the bucket
        return 0
    put = 0
    try:
        for name in in_order(here):
            if here[name] != note.here(name) and _put(objects, note, name, here[name]):
                put += 1
        for name in [name for name in note.files if name not in here]:
            objects.delete(name)
            del note.files[name]
            put += 1
    finally:
        if put:
            note.write()
    return put


def _put(objects: ObjectStore, note: Note, name: str, stamp: str) -> bool:
    try:
        content = read_bytes(note.run / name)  # newer than its stamp at worst: the next pass puts it again
    except FileNotFoundError:
        return False
    objects.write(name, content)
    note.files[name] = (stamp, stamp_there(objects.look(name)))
    return True


def behindhand(note: Note) -> list[str]:
    """Files that are not in the bucket as they are here."""
    here = stamps(note.run)
    return in_order(name for name in here.keys() | note.files.keys() if here.get(name, "") != note.here(name))
