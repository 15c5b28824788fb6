"""A run folder on its way to the laptop: what is newer than what the laptop has, in one stream that is checked as a whole.

The stream is a line (`sweep-bundle 1 <bytes> <sha256>`) and a compressed tar: `manifest.json` first, which names every file
that the run folder has and its stamp, then the files whose stamp the laptop does not know. Databases are copied as SQLite
copies them, so that they are whole while a sweep writes to them. Weights, checkpoints, locks and requests stay where they are.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import IO, Any

from sweep.runfolder import MARK, TRIAL_FILES, read_mark
from training.errors import StoreError, UserError

MAGIC = b"sweep-bundle 1 "
MANIFEST = "manifest.json"
FILES = ("*.json", "*.db", "*.csv", "*.md", "*.txt")
NOT = frozenset({"stop.json", "launch.json", MANIFEST})
MOST = 4 << 30
"""Bytes of the largest file that is taken: each is held in memory once."""
BUSY = 30.0
"""Seconds that a database has to let itself be copied."""


def listing(run: Path) -> dict[str, str]:
    """Every file that travels, by its name below the run folder, with a stamp that changes when the file does."""
    found: dict[str, str] = {}
    for path in _travelling(run):
        with contextlib.suppress(FileNotFoundError):
            found[path.relative_to(run).as_posix()] = _stamp(path)
    return found


def _travelling(run: Path) -> Iterator[Path]:
    patterns = [*FILES, *(f"{folder}/**/*{ending}" for folder, ending in TRIAL_FILES.items())]
    for pattern in patterns:
        for path in sorted(run.glob(pattern)):
            hidden = any(part.startswith(".") for part in path.relative_to(run).parts)
            if path.is_file() and not path.is_symlink() and not hidden and path.name not in NOT:
                yield path


def _stamp(path: Path) -> str:
    parts = [path]
    if path.suffix == ".db":
        parts += [each for each in [path.with_name(path.name + "-wal")] if each.exists()]
    return "+".join(f"{each.stat().st_size}-{each.stat().st_mtime_ns}" for each in parts)


def pack_to(run: Path, known: Path, out: IO[bytes]) -> None:
    """Write the bundle of a run folder; `known` is a file with the stamps that the laptop has. Leaves with 2 on a fault."""
    try:
        stamps = json.loads(known.read_bytes()) if known.is_file() else {}
        with tempfile.TemporaryFile() as stream:
            pack(run, stamps, stream)
            count = stream.tell()
            stream.seek(0)
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            stream.seek(0)
            out.write(b"\n" + MAGIC + f"{count} {digest}\n".encode())
            shutil.copyfileobj(stream, out)
            out.flush()
    except UserError as error:
        out.write(f"error: {error}\n".encode())
        out.flush()
        raise SystemExit(2) from error


def pack(run: Path, known: Mapping[str, str], stream: IO[bytes]) -> None:
    """Write the tar of what is not `known`; raises UserError when it is no run folder."""
    read_mark(run)
    stamps = listing(run)
    manifest = {"run": str(run.absolute()), "files": stamps}
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=6) as archive:
        _put(archive, MANIFEST, json.dumps(manifest).encode())
        for name in sorted(stamps, key=lambda name: (name == MARK, name)):
            if known.get(name) != stamps[name]:
                with contextlib.suppress(FileNotFoundError):  # set aside meanwhile: the next fetch does without it
                    _put(archive, name, _content(run / name))


def _content(path: Path) -> bytes:
    return _database(path) if path.suffix == ".db" else path.read_bytes()


def _database(path: Path) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.db"
        try:
            with (
                contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY)) as source,
                contextlib.closing(sqlite3.connect(copy)) as target,
            ):
                source.backup(target)
        except sqlite3.Error as error:
            raise StoreError(f"the database can't be copied: {error}", path, "fetch again in a moment") from error
        return copy.read_bytes()


def _put(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


def find_bundle(stream: IO[bytes]) -> IO[bytes]:
    """A job's output from where its bundle begins, checked; raises StoreError where there is none, or it is not whole."""
    stream.seek(0)
    broken = StoreError("what came from the cluster is not whole", "", "fetch again: what is here already stays")
    for line in stream:
        if line.startswith(MAGIC):
            count, digest = line[len(MAGIC) :].split()
            start = stream.tell()
            body = tempfile.TemporaryFile()
            shutil.copyfileobj(stream, body)
            body.truncate(int(count))
            body.seek(0)
            if stream.tell() - start < int(count) or hashlib.file_digest(body, "sha256").hexdigest() != digest.decode():
                raise broken
            body.seek(0)
            return body
    raise broken


def unpack(stream: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file of a tar, the manifest first.

    Raises StoreError on a name that a run folder has no use for, or that leads out of it, and on more than `MOST` bytes.
    """
    with tarfile.open(fileobj=stream, mode="r:gz") as archive:
        for member in archive:
            taken = archive.extractfile(member) if member.isreg() else None
            if taken is None or not is_ours(member.name):
                raise StoreError("the cluster sent what no run folder has", member.name[:200], "is it a cluster of yours?")
            if member.size > MOST:
                remedy = "bring it with the cluster's own rsync (`ray rsync-down`)"
                raise StoreError(f"{member.name} is too large to be fetched", f"{member.size:,} bytes", remedy)
            yield member.name, taken.read()


def is_ours(name: str) -> bool:
    """Whether a file of this name may travel: below one of its folders, or a file of the run folder itself."""
    path = PurePosixPath(name)
    parts = path.parts
    if path.is_absolute() or any(part.startswith(".") for part in parts) or "\\" in name or "\0" in name:
        return False
    if len(parts) == 1:
        return any(path.match(pattern) for pattern in FILES)
    return bool(parts) and TRIAL_FILES.get(parts[0]) == path.suffix


def manifest_of(content: bytes) -> tuple[str, dict[str, str]]:
    """The run folder on the cluster, and the stamps of all its files; raises StoreError on anything else."""
    try:
        found: Any = json.loads(content)
        files = {str(name): str(stamp) for name, stamp in found["files"].items()}
        run = str(found["run"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError("the cluster's list of files can't be read", error, "fetch again") from error
    return run, {name: stamp for name, stamp in files.items() if is_ours(name)}
