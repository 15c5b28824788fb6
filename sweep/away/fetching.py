"""`sweep fetch`: a run folder's records and databases come to this machine, only what changed, each file whole or not at all.

`.fetched.json` names what came, written last: what a fetch that was killed had brought comes again. Files that are
gone on the cluster (a failed record that was set aside) go here, too; what a user put there stays.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweep.away.bundle import MANIFEST, find_bundle, manifest_of, unpack
from sweep.away.cluster import PREAMBLE, Cluster
from sweep.away.errands import done
from sweep.away.words import KNOWN, PACK
from sweep.runfolder import MARK, hold
from training.errors import StoreError, UserError
from training.files.storage import replace_with, write_atomically

FETCHED = ".fetched.json"
Kept = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """What a fetch did: files and bytes that came, files that were here already, files that went."""

    came: int
    bytes: int
    already: int
    gone: int


def fetch(cluster: Cluster, run: str, folder: Path) -> Fetched:
    """Bring a run folder of the cluster to `folder`. Raises UserError on a folder that no fetch made, and on faults there."""
    refuse_other(folder)
    with hold(folder):
        if not (folder / FETCHED).is_file():  # so that one that is killed is known for a fetch
            _note(folder, run, {})
        kept = still_here(folder)
        known = json.dumps({name: entry["stamp"] for name, entry in kept.items()}).encode()
        with done(cluster, [PACK, run], {KNOWN: known}) as (job, output):
            if job.code:
                output.seek(0)
                said = PREAMBLE.sub(b"", output.read(), count=1).decode(errors="replace").strip()
                raise UserError(f"the cluster can't pack {run}", "", said.removeprefix("error: ")[-800:])
            with find_bundle(output) as stream:
                return _take(stream, folder, kept)


def refuse_other(folder: Path) -> None:
    """Raises UserError where a folder holds what no fetch brought."""
    if folder.exists() and not folder.is_dir():
        raise UserError("this is a file, not a folder", folder, "give another --to")
    there = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    if there and FETCHED not in there and (MARK in there or any(not name.startswith(".") for name in there)):
        raise UserError("the folder holds what no fetch brought", folder, "give a new folder with --to: nothing was touched")


def still_here(folder: Path) -> dict[str, Kept]:
    """What earlier fetches brought and nobody has changed since."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        files = json.loads((folder / FETCHED).read_bytes())["files"]
        return {str(name): entry for name, entry in files.items() if _local(folder / name) == entry["local"]}
    return {}


def _local(path: Path) -> str:
    try:
        seen = path.stat()
    except OSError:
        return ""
    return f"{seen.st_size}-{seen.st_mtime_ns}"


def _take(stream: Any, folder: Path, kept: Mapping[str, Kept]) -> Fetched:
    files = unpack(stream)
    name, content = next(files, ("", b""))
    if name != MANIFEST:
        raise StoreError("what came from the cluster has no list of files", name[:200], "fetch again")
    run, stamps = manifest_of(content)
    entries: dict[str, Kept] = {name: entry for name, entry in kept.items() if name in stamps}
    gone, came, count = _named(folder) - stamps.keys(), 0, 0
    for name, content in files:
        _write(folder / name, content)
        entries[name] = {"stamp": stamps.get(name, ""), "local": _local(folder / name)}
        came, count = came + 1, count + len(content)
    for name in gone:
        (folder / name).unlink(missing_ok=True)
    _note(folder, run, entries)
    return Fetched(came=came, bytes=count, already=len(entries) - came, gone=len(gone))


def _note(folder: Path, run: str, entries: Mapping[str, Kept]) -> None:
    payload = {"run": run, "files": dict(sorted(entries.items()))}
    write_atomically(folder / FETCHED, json.dumps(payload, indent=0).encode() + b"\n")


def _named(folder: Path) -> set[str]:
    """What the last fetch that ended had brought."""
    from sweep.away.bundle import is_ours

    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        return {name for name in json.loads((folder / FETCHED).read_bytes())["files"] if is_ours(name)}
    return set()


def _write(path: Path, content: bytes) -> None:
    def write(temporary: Path) -> None:
        temporary.write_bytes(content)

    replace_with(path, write)
