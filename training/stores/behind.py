"""What lies behind a local store: an object store that every machine of a cluster reaches.

* A *bundle* is a set of files under (kind, key): a phase, an in-phase checkpoint, a trunk, an encoded split. Its files go to
  `files/<kind>/<key>/<a name of this put>/`, and last `manifests/<kind>/<key>.json` names them with size and sha256. So it is
  there whole or not at all, whoever is killed when; of two writers the last manifest stands, and its files are its own.
* Every file is compared with its manifest when it is taken. What differs is set aside: its manifest goes to `damaged/`.
* The file `BEHIND` in a local store's folder holds the address of what is behind it. Without one the store is local alone.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from training.errors import Faults, StoreError
from training.files.codec import canonical, from_payload
from training.files.storage import storage_errors, write_atomically
from training.stores.objects import ObjectStore, Sent, checked, open_objects

BEHIND, MARK = "BEHIND", "STORE.json"
PHASES, CHECKPOINTS, TRUNKS, ENCODED = "phases", "checkpoints", "trunks", "encoded"
SCHEMA = 1
_READS = 3
"""How often a bundle is read whose files went away meanwhile, as those of a checkpoint do when the next is there."""


@dataclass(frozen=True)
class Bundle:
    """What a manifest says: the files by name, the name of the folder they are from, the steps of a checkpoint."""

    files: Mapping[str, Sent]
    name: str = ""
    step: int = 0


class DamagedBundleError(StoreError):
    """A bundle is not what its manifest says; it was set aside."""


@dataclass(frozen=True)
class Behind:
    """Bundles in an object store; every method raises StoreError where that refuses or does not answer."""

    objects: ObjectStore

    def put(self, kind: str, key: str, files: Mapping[str, Path], name: str = "", step: int = 0) -> None:
        """Put a bundle, in the place of another with its key; its files must stay as they are meanwhile."""
        folder = f"files/{kind}/{key}/{uuid.uuid4().hex[:12]}"
        with storage_errors(next(iter(files.values())).parent):
            sent = {file: self.objects.put_file(path, f"{folder}/{file}") for file, path in sorted(files.items())}
        self.objects.write(_manifest(kind, key), canonical(Bundle(sent, name, step)))

    def replace(self, kind: str, key: str, files: Mapping[str, Path], step: int) -> None:
        """Put a bundle that nobody needs the one before of, whose files go."""
        before = self.objects.read(_manifest(kind, key))
        self.put(kind, key, files, step=step)
        for folder in _folders(before):
            self.objects.delete_folder(folder)

    def peek(self, kind: str, key: str) -> Bundle | None:
        """What the manifest says; None where there is none that can be read."""
        return read_bundle(self.objects.read(_manifest(kind, key)))

    def fetch(self, kind: str, key: str, folder: Path) -> Bundle | None:
        """Take a bundle's files into an empty folder; None where there is none.

        Raises DamagedBundleError where it is damaged, which sets it aside.
        """
        content = None
        for _ in range(_READS):
            before, content = content, self.objects.read(_manifest(kind, key))
            if content is None:
                return None
            wrong = self._take(content, folder)
            if not wrong:
                return read_bundle(content)
            if content == before:
                break
        self.set_aside(kind, key)
        raise DamagedBundleError(f"{self.objects.address}/{_manifest(kind, key)} is not what is there", wrong)

    def _take(self, content: bytes, folder: Path) -> str:
        """Take what a manifest names; the name of the first file that is not as it says, empty where all are."""
        bundle = read_bundle(content)
        if bundle is None:
            return "the manifest can't be read"
        with storage_errors(folder):
            for file, sent in bundle.files.items():
                if Path(file).name != file or not self.objects.get_file(sent, folder / file):
                    return file
        return ""

    def keys(self, kind: str) -> frozenset[str]:
        """The keys of all bundles of a kind; gives up within seconds."""
        return frozenset(name.removesuffix(".json") for name in self.objects.impatient().names(f"manifests/{kind}"))

    def drop(self, kind: str, key: str) -> None:
        """Delete a bundle, the manifest first, and what writers of it that were killed have left."""
        self.objects.delete(_manifest(kind, key))
        self.objects.delete_folder(f"files/{kind}/{key}")

    def set_aside(self, kind: str, key: str) -> None:
        """Take a damaged bundle out of the way; its files stay."""
        content = self.objects.read(_manifest(kind, key))
        if content is not None:
            self.objects.write(f"damaged/{kind}/{key}.{uuid.uuid4().hex[:6]}.json", content)
            self.objects.delete(_manifest(kind, key))


def _manifest(kind: str, key: str) -> str:
    return f"manifests/{kind}/{key}.json"


def read_bundle(content: bytes | None) -> Bundle | None:
    """What a manifest's content says; None where it makes no sense."""
    try:
        return None if content is None else from_payload(Bundle, json.loads(content), "a bundle")
    except (ValueError, Faults):
        return None


def _folders(content: bytes | None) -> set[str]:
    """Where the files of a manifest lie."""
    bundle = read_bundle(content)
    return {sent.object.rpartition("/")[0] for sent in bundle.files.values()} if bundle else set()


def address_behind(root: Path) -> str:
    """The address of what is behind a local store; empty where nothing is. Raises StoreError."""
    path = root / BEHIND
    with storage_errors(path):
        try:
            return path.read_text().strip()
        except (FileNotFoundError, NotADirectoryError):
            return ""


def behind_of(root: Path) -> Behind | None:
    """What is behind a local store, or None; nothing is asked of it. Raises StoreError."""
    address = address_behind(root)
    return behind_at(address) if address else None


@functools.cache
def behind_at(address: str) -> Behind:
    """What is at an address; nothing is asked of it. Raises UserError where the address has another form."""
    return Behind(open_objects(checked(address)))


@functools.cache
def local_store(cache: Path, address: str) -> Path:
    """The local store below a cache folder that has an address behind it; made, and told so, where it is not there."""
    name = address.partition("://")[2].replace("/", "-")[:60]
    root = cache / "stores" / f"{name}-{hashlib.sha256(address.encode()).hexdigest()[:8]}"
    if address_behind(root) != address:
        write_atomically(root / BEHIND, address.encode() + b"\n")
    return root


def forgive(action: str, error: StoreError) -> None:
    """Say that something was not put behind, or taken from there, which costs time and nothing else."""
    logging.getLogger(__name__).warning("%s: %s; going on without", action, str(error).splitlines()[0])


def check_behind(root: Path | None) -> None:
    """Raises StoreError, within seconds, where what is behind a local store can't be listed, written and read."""
    behind = behind_of(root) if root else None
    if behind is None:
        return
    objects = behind.objects.impatient()
    objects.names(f"manifests/{PHASES}")
    if objects.read(MARK) is None:
        objects.write(MARK, json.dumps({"schema": SCHEMA}).encode() + b"\n")
    content = objects.read(MARK)
    if content is None or not content.lstrip().startswith(b"{"):
        seen = (content or b"").decode(errors="replace")[:40]
        remedy = "delete it; a server that knows no trailing checksums needs AWS_REQUEST_CHECKSUM_CALCULATION=when_required"
        raise StoreError(f"{objects.address}/{MARK} is not what was put there", seen, remedy)
    if content != json.dumps({"schema": SCHEMA}).encode() + b"\n":
        raise StoreError(f"{objects.address} is another version's store", (content or b"").decode(), "give another --store")
