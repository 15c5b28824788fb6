"""Encoded splits on disk: each is tokenised once, whatever the number of processes that ask for it.

* `<task>-<split>-<language>--<key>/` holds features.safetensors and, written last, MANIFEST.json. A folder appears by one
  rename, so it is there whole or not at all.
* The key is a digest of everything that features depend on (`EncodingIdentity`): another tokenizer, length, stride, file or
  version of the row has another folder, so none can be taken for it.
* A folder is verified when it is opened. A damaged one is moved to `damaged/`, reported, and made again.
* One process at a time makes a folder; the claim of a process that dies is gone with it (the kernel's lock).
* With an object store behind it (`training.stores.behind`) what is not here is brought from there, and what was made is put
  there. Where that can't be done, it is made here: nothing is lost but time.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.data.columns import Columns
from training.data.mapped import ColumnsWriter, read_columns
from training.errors import Faults, StorageFullError, StoreError
from training.files.codec import canonical, digest, from_payload
from training.files.storage import storage_errors
from training.stores.behind import ENCODED, Behind, forgive
from training.stores.claims import claim, set_aside
from training.stores.fetching import bring_folder
from training.tasks.row import TaskRow

if TYPE_CHECKING:  # with the tokenizers' library, which takes a second to load
    from training.data.encode import Block

ENCODING_VERSION = 1
"""Raised when a change of code (readers included) changes the features of the same data."""
MANIFEST = "MANIFEST.json"
FEATURES = "features.safetensors"
NOT_FEATURES = frozenset(
    "files languages metric head train_on train_first train_languages counts scored_on encoding intermediate target synthetic "
    "licence source citation".split()
)
"""Fields of a row that features do not depend on, or that `EncodingIdentity` names in another way; any other is in the key."""


@dataclass(frozen=True, kw_only=True)
class EncodingIdentity:
    """What the features of one split depend on; `row` is a digest of the parts of its row that matter.

    `data` is the digest of the data and `tokenizer` that of the tokenizer's files, which `library` reads.
    """

    task: str
    split: str
    language: str
    row: str
    data: str
    tokenizer: str
    library: str
    max_length: int
    stride: int
    version: int = ENCODING_VERSION

    @property
    def key(self) -> str:
        """Digest of all fields."""
        return digest(self)

    @property
    def subject(self) -> str:
        """What is encoded, as a person calls it: `xnli test sw`."""
        return f"{self.task} {self.split} {self.language}"

    @property
    def folder(self) -> str:
        """Name of the folder: readable, then the key."""
        name = re.sub(r"[^A-Za-z0-9._-]", "_", f"{self.task}-{self.split}-{self.language}")
        return f"{name[:100]}--{self.key}"


def row_digest(row: TaskRow) -> str:
    """Digest of what features depend on in a row and its parts."""
    return digest(_row_payload(row))


def library_of(tokenizer: Any) -> str:
    """The code that runs a tokenizer: its class and the versions of its libraries."""
    import tokenizers
    import transformers

    return f"{type(tokenizer).__name__}, tokenizers {tokenizers.__version__}, transformers {transformers.__version__}"


def _row_payload(row: TaskRow) -> dict[str, Any]:
    kept = {item.name: getattr(row, item.name) for item in fields(row) if item.name not in NOT_FEATURES}
    return kept | {"parts": [_row_payload(part) for part in row.parts]}


@dataclass(frozen=True)
class EncodedManifest:
    """What the manifest says: whose features these are, how many examples gave them, and the file's size and sha256."""

    identity: EncodingIdentity
    examples: int
    group: int
    size: int
    sha256: str


@dataclass(frozen=True)
class StoredSplit:
    """An encoded split, mapped: its columns, the number of examples that gave them, and the features of a training unit."""

    columns: Columns
    examples: int
    group: int


@dataclass(frozen=True)
class EncodedStore:
    """Encoded splits below `root`. `on_damage` is told of each damaged folder that was set aside (folder, cause)."""

    root: Path
    on_damage: Callable[[Path, str], None] = lambda folder, cause: None
    behind: Behind | None = None

    def get(self, identity: EncodingIdentity, make: Callable[[], Iterable[Block]]) -> StoredSplit:
        """The split of this identity; made from the blocks of `make` where it is not there.

        Raises what `make` raises, StoreError when it can't be written, and StorageFullError on a full disk; nothing
        half-written stays.
        """
        found = self.find(identity)
        if found is None:
            with claim(self.root, identity.key, poll=0.1):
                found = self.find(identity) or self._brought(identity)
                if found is None:
                    self._publish(identity, make())
                    found = self.find(identity)
                    self._put(identity)
        if found is None:
            remedy = "check the disk: what was just written reads differently"
            raise StoreError(f"{identity.folder} can't be read back", self.root, remedy)
        return found

    def find(self, identity: EncodingIdentity) -> StoredSplit | None:
        """The split of this identity, verified; a damaged one is set aside and reported, and None returned."""
        folder = self.root / identity.folder
        if not folder.is_dir():
            return None
        try:
            return _verified(folder, identity)
        except (OSError, ValueError, StoreError, Faults) as error:
            self._set_aside(folder, str(error).splitlines()[0])
            return None

    def _brought(self, identity: EncodingIdentity) -> StoredSplit | None:
        """The split from behind; None where it is not there, or can't be had."""
        if self.behind is None:
            return None
        try:
            if bring_folder(self.behind, ENCODED, identity.key, self.root / identity.folder, self.on_damage):
                found = self.find(identity)
                if found is None:  # whoever put it there had it so
                    self.behind.set_aside(ENCODED, identity.key)
                return found
        except StorageFullError:
            raise
        except StoreError as error:
            forgive(f"{identity.subject} is encoded here", error)
        return None

    def _put(self, identity: EncodingIdentity) -> None:
        folder = self.root / identity.folder
        try:
            if self.behind is not None and self.behind.peek(ENCODED, identity.key) is None:
                files = {name: folder / name for name in (FEATURES, MANIFEST)}
                self.behind.put(ENCODED, identity.key, files, name=identity.folder)
        except StoreError as error:
            forgive(f"{identity.subject} was encoded for this machine alone", error)

    def _set_aside(self, folder: Path, cause: str) -> None:
        set_aside(self.root, folder)
        self.on_damage(folder, cause)

    def _publish(self, identity: EncodingIdentity, blocks: Iterable[Block]) -> None:
        final = self.root / identity.folder
        for leftover in self.root.glob(f".writing-{identity.key}-*"):  # the claim is held: its writer is dead
            shutil.rmtree(leftover, ignore_errors=True)
        temporary = self.root / f".writing-{identity.key}-{uuid.uuid4().hex[:8]}"
        try:
            with storage_errors(final):
                temporary.mkdir(parents=True)
            manifest = _write(temporary / FEATURES, identity, blocks)
            with storage_errors(final):
                with (temporary / MANIFEST).open("wb") as stream:
                    stream.write(canonical(manifest))
                    stream.flush()
                    os.fsync(stream.fileno())
                temporary.rename(final)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _write(path: Path, identity: EncodingIdentity, blocks: Iterable[Block]) -> EncodedManifest:
    examples, group = 0, 1
    with ColumnsWriter(path) as writer:
        for block in blocks:
            with storage_errors(path):
                writer.add(block.columns, examples)
            examples, group = examples + block.examples, block.group
        with storage_errors(path):
            sha256 = writer.finish()
            return EncodedManifest(identity, examples, group, path.stat().st_size, sha256)


def _verified(folder: Path, identity: EncodingIdentity) -> StoredSplit:
    """Open a folder; raises StoreError naming what is not as the manifest says."""
    path = folder / FEATURES
    manifest = from_payload(EncodedManifest, json.loads((folder / MANIFEST).read_bytes()), MANIFEST)
    if manifest.identity != identity:
        raise StoreError(f"{folder.name} holds the features of something else", manifest.identity.key)
    with path.open("rb") as stream:
        if path.stat().st_size != manifest.size or hashlib.file_digest(stream, "sha256").hexdigest() != manifest.sha256:
            raise StoreError(f"{folder.name} has a damaged file", FEATURES)
    columns = read_columns(path)
    if manifest.group < 1 or len(columns["example"]) % manifest.group:
        raise StoreError(f"{folder.name} has units of {manifest.group} features, which do not divide their number")
    return StoredSplit(columns, manifest.examples, manifest.group)
