"""The phase store: trained weights on storage, one folder a phase, named by the digest of its identity.

* `<name>--<key>/` holds model.safetensors, config.json, the tokenizer, identity.json, report.json and, written last,
  MANIFEST.json with each file's size and sha256. A folder appears by one rename, so it is there whole or not at all.
* A phase is verified each time it is read. A damaged one is moved to `damaged/`, reported, and trained again.
* `claim` lets one process at a time train a phase; the claim of a process that dies is gone with it (the kernel's lock).
* `.inflight/` has the checkpoints of unfinished phases. `.trunks/` has what wsd phases share when they differ in epochs alone:
  `<trunk key>@<E>` is the trunk as far as a phase of E epochs follows it. Such a name is a key, too, for `has` and `claimed`.
* With an object store behind it (`training.stores.behind`) a phase that is not here is brought from there, and one is put there
  before it counts as published.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from training.errors import Faults, PhaseBusyError, StoreError
from training.files.codec import canonical, from_payload
from training.files.storage import is_unreachable, persevere, read_bytes, storage_errors
from training.identity import PhaseIdentity
from training.record import PhaseTrace
from training.stores.behind import CHECKPOINTS, PHASES, TRUNKS, Behind, behind_of
from training.stores.claims import claim, is_claimed, set_aside
from training.stores.fetching import bring_phase, drop_behind, keep_behind, make_room

MANIFEST = "MANIFEST.json"
WEIGHTS = "model.safetensors"
REPORT = "report.json"
TAKEN = {errno.ENOTEMPTY, errno.EEXIST}
_NAME_LENGTH = 120
"""Most characters of a phase's name in its folder's: a phase of many tasks would exceed what file systems take."""


@dataclass(frozen=True)
class FileEntry:
    """What the manifest says of a file: its size in bytes and its sha256 in hex."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Manifest:
    """Every other file of a phase's folder, by name."""

    files: Mapping[str, FileEntry]


@dataclass(frozen=True)
class StoredPhase:
    """A verified phase: its folder, and how its training went."""

    folder: Path
    trace: PhaseTrace

    @property
    def weights(self) -> Path:
        """The weights file."""
        return self.folder / WEIGHTS


@dataclass(frozen=True)
class PhaseStore:
    """Phases below `root`. `on_damage` is told of each damaged phase that was set aside (folder, cause)."""

    root: Path
    on_damage: Callable[[Path, str], None] = lambda folder, cause: None

    def folder_of(self, key: str) -> Path | None:
        """Folder of a phase, found by its key; None when there is none."""
        found = persevere(lambda: sorted(self.root.glob(f"*--{key}")), self.root)
        return found[0] if found else None

    @property
    def behind(self) -> Behind | None:
        """The object store behind this one, or None."""
        return behind_of(self.root)

    def has(self, key: str) -> bool:
        """Whether a phase, or the trunk of a key with @ in it, is there (not verified), or behind."""
        trunk, _, epochs = key.partition("@")
        here = self.has_trunk(trunk, int(epochs)) if epochs else self.folder_of(key) is not None
        behind = None if here else self.behind
        return here or (behind is not None and behind.peek(TRUNKS if epochs else PHASES, key) is not None)

    def find(self, key: str) -> StoredPhase | None:
        """The phase of this key, verified; a damaged one is set aside and reported, and None returned.

        One that is behind is brought here; one that is here is put behind, where a kill came between the two. Raises StoreError
        where the storage is out of reach, since nothing is known of the phase then.
        """
        stored, behind = self._found(key), self.behind
        if behind is None:
            return stored
        if stored is None and bring_phase(behind, self.root, key, self.on_damage):
            stored = self._found(key)
            if stored is None:  # whoever put it there had it so
                behind.set_aside(PHASES, key)
        if stored is not None:
            keep_behind(behind, self.root, key, stored.folder)
        return stored

    def _found(self, key: str) -> StoredPhase | None:
        folder = self.folder_of(key)
        if folder is None:
            return None
        try:
            verify(folder)
            payload = json.loads(read_bytes(folder / REPORT))
            trace = from_payload(PhaseTrace, payload, f"the report of phase {folder.name}")
            if trace.key != key:
                raise StoreError(f"the phase {folder.name} is another's, copied or renamed", trace.key)
            return StoredPhase(folder, trace)
        except (OSError, ValueError, StoreError, Faults) as error:
            if is_unreachable(error):
                remedy = "check the disk and the network, then give the same command again"
                raise StoreError(f"the phase {folder.name} can't be read", error, remedy) from error
            self._set_aside(folder, str(error).splitlines()[0])
            return None

    def _set_aside(self, folder: Path, cause: str) -> None:
        if set_aside(self.root, folder):  # else another process was first, and reports it
            self.on_damage(folder, cause)

    @contextlib.contextmanager
    def claim(self, key: str, poll: float = 0.2, *, wait: bool = True) -> Iterator[None]:
        """Hold the right to train a phase or a trunk; waits while another process does (who may have finished it then).

        With `wait` off, raises PhaseBusyError (its value is the key) instead of waiting. A trunk has one claim for all epochs.
        """
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(claim(self.root, key.partition("@")[0], poll, wait=wait))
            except PhaseBusyError as error:
                raise PhaseBusyError("another process trains the phase", key, error.remedy) from None
            yield

    def claimed(self, key: str) -> bool:
        """Whether another holds the claim of a phase or a trunk now; leaves no trace."""
        return is_claimed(self.root, key.partition("@")[0])

    def checkpoint_path(self, key: str) -> Path:
        """Where the in-phase checkpoint of an unfinished phase lives."""
        return self.root / ".inflight" / f"{key}.safetensors"

    def trunk_path(self, trunk: str, epochs: int) -> Path:
        """Where a trunk is kept as far as a phase of `epochs` epochs follows it: a checkpoint, as an unfinished phase's."""
        return self.root / ".trunks" / f"{trunk}@{epochs}.safetensors"

    def has_trunk(self, trunk: str, epochs: int) -> bool:
        """Whether a trunk is kept here that far (not verified)."""
        return self.trunk_path(trunk, epochs).is_file()

    def publish(self, key: str, identity: PhaseIdentity, trace: PhaseTrace, write: Callable[[Path], None]) -> StoredPhase:
        """Write a phase: `write` fills a temporary folder, which is then renamed into place; the in-phase checkpoint goes.

        Fleeting faults of the storage are tried again, from the beginning. It is put behind before this returns.

        Raises StoreError, or StorageFullError on a full disk; nothing half-written stays.
        """
        behind = self.behind
        if behind is not None:
            make_room(self.root, 0)
        final = self.root / f"{identity.name[:_NAME_LENGTH]}--{key}"

        def once() -> None:
            temporary = self.root / f".writing-{key}-{uuid.uuid4().hex[:8]}"
            try:
                temporary.mkdir(parents=True)
                write(temporary)
                (temporary / "identity.json").write_bytes(canonical(identity))
                (temporary / REPORT).write_bytes(canonical(trace))
                _write_manifest(temporary)
                temporary.rename(final)
            except OSError as error:
                if behind is None or error.errno not in TAKEN:  # else another machine was first, and it was brought here
                    raise
            finally:
                shutil.rmtree(temporary, ignore_errors=True)

        with storage_errors(final):
            persevere(once, final)
        if behind is not None:
            keep_behind(behind, self.root, key, final, asked=False)
        self.checkpoint_path(key).unlink(missing_ok=True)
        if behind is not None:
            drop_behind(behind, CHECKPOINTS, key)
        return StoredPhase(final, trace)


def _write_manifest(folder: Path) -> None:
    files = {path.name: FileEntry(_sha256(path), path.stat().st_size) for path in sorted(folder.iterdir())}
    with (folder / MANIFEST).open("wb") as stream:
        stream.write(canonical(Manifest(files)))
        stream.flush()
        os.fsync(stream.fileno())


def verify(folder: Path) -> None:
    """Compare a phase's files with its manifest; raises StoreError naming the first that differs."""
    try:
        manifest = from_payload(Manifest, json.loads(read_bytes(folder / MANIFEST)), MANIFEST)
    except (OSError, ValueError, Faults) as error:
        raise StoreError(f"the phase {folder.name} has no readable manifest", str(error)) from error
    for name in (WEIGHTS, REPORT):
        if name not in manifest.files:
            raise StoreError(f"the manifest of phase {folder.name} lacks a file", name)
    for name, expected in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise StoreError(f"the phase {folder.name} lacks a file", name)
        if path.stat().st_size != expected.size or _sha256(path) != expected.sha256:
            raise StoreError(f"the phase {folder.name} has a damaged file", name)


def _sha256(path: Path) -> str:
    def digested() -> str:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    return persevere(digested, path)
