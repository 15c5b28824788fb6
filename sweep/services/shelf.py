"""Where backups are kept: an object store, or a folder that outlives the head."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Protocol

from training.files.storage import replacing, storage_errors, write_atomically
from training.stores.objects import Sent, is_address, open_objects


class Shelf(Protocol):
    """Objects by name, each there whole or not at all. Every method raises StoreError where the store refuses."""

    def put_file(self, path: Path, name: str) -> Sent:
        """Put a file; returns what was sent."""

    def get_file(self, sent: Sent, path: Path) -> bool:
        """Take a file to `path`; whether it is there, and the same as what was sent."""

    def write(self, name: str, content: bytes) -> None:
        """Write a small object."""

    def read(self, name: str) -> bytes | None:
        """The content of a small object; None where there is none."""

    def names(self, folder: str) -> list[str]:
        """Names of the objects directly below a folder, in order."""

    def delete(self, name: str) -> None:
        """Delete an object, if it is there."""


class FolderShelf:
    """A folder as a shelf."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put_file(self, path: Path, name: str) -> Sent:
        """Copy a file into the folder."""
        with replacing(self.folder / name) as temporary:
            shutil.copyfile(path, temporary)
            return Sent(name, temporary.stat().st_size, _sha256(temporary))

    def get_file(self, sent: Sent, path: Path) -> bool:
        """Copy a file out of the folder, and compare it."""
        try:
            shutil.copyfile(self.folder / sent.object, path)
        except FileNotFoundError:
            return False
        return path.stat().st_size == sent.size and _sha256(path) == sent.sha256

    def write(self, name: str, content: bytes) -> None:
        """Write a small file."""
        write_atomically(self.folder / name, content)

    def read(self, name: str) -> bytes | None:
        """The content of a small file; None where there is none."""
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def names(self, folder: str) -> list[str]:
        """Names of the files in a folder, without those that are being written."""
        try:
            return sorted(path.name for path in (self.folder / folder).iterdir() if path.name[0] != ".")
        except FileNotFoundError:
            return []

    def delete(self, name: str) -> None:
        """Remove a file, if it is there."""
        with storage_errors(self.folder / name):
            (self.folder / name).unlink(missing_ok=True)


def shelf_of(store: str) -> Shelf:
    """The shelf of a checked address or folder; nothing is asked of it yet."""
    return open_objects(store) if is_address(store) else FolderShelf(Path(store))


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
