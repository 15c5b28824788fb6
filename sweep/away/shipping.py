"""What a job brings along: the project's code as it is here, uncommitted changes included, and a grid of the user's own.

The package is a zip of the four packages' files in a fixed order with fixed times, so equal files give equal bytes; Ray names
it by its digest and takes it once. Data, weights and run folders are no part of it. `shipped.json` in it says which code it is,
which is what records of its trials say (`sweep.provenance`).
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from search_spaces.own_tasks import PATTERN
from sweep.amounts import size
from sweep.provenance import SHIPPED, code_version
from training.errors import UserError

PACKAGES = ("sweep", "training", "reports", "search_spaces")
GRIDS = "shipped_grids"
MOST = 20_000_000
"""Bytes, before compression, that a package may have; code takes a tenth of it."""
LEFT_OUT = frozenset({"__pycache__"})
EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, kw_only=True)
class Package:
    """A package: its bytes, a digest of its files, the code they are, and the user's own grid in it (empty: a shipped one)."""

    content: bytes
    digest: str
    code: str
    grid: str

    def write(self, folder: Path, more: Mapping[str, bytes] | None = None) -> Path:
        """Write it into a folder, with more files in it; returns its file, whose name Ray replaces by a digest."""
        path = folder / "package.zip"
        path.write_bytes(self.content)
        with zipfile.ZipFile(path, "a") as archive:
            for name, content in sorted((more or {}).items()):
                _add(archive, name, content)
        return path


def package(grid: str = "", root: Path | None = None) -> Package:
    """The project's code, with the grid file at `grid` (a path, or empty) and the task files beside it.

    Raises UserError where it is larger than `MOST`.
    """
    root = root or Path(__file__).resolve().parents[2]
    files = {str(path.relative_to(root)): path for name in PACKAGES for path in _files(root / name)}
    own = Path(grid).expanduser()
    beside = {f"{GRIDS}/{path.name}": path for path in [own, *sorted(own.parent.glob(PATTERN))]} if grid else {}
    _refuse_large({**files, **beside})
    read = {name: path.read_bytes() for name, path in {**files, **beside}.items()}
    digest = _digest(read)
    code = _code(digest)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in sorted(read.items()):
            _add(archive, name, content)
        _add(archive, SHIPPED, json.dumps({"code": code}).encode())
    return Package(content=buffer.getvalue(), digest=digest, code=code, grid=f"{GRIDS}/{own.name}" if grid else "")


def _code(digest: str) -> str:
    """The commit here; with the digest of the files that go where they are not the commit's."""
    code = code_version()
    return f"{code}.{digest[:12]}" if code.endswith("+dirty") else code


def _digest(read: Mapping[str, bytes]) -> str:
    whole = hashlib.sha256()
    for name, content in sorted(read.items()):
        whole.update(f"{name}\0{len(content)}\0".encode() + content)
    return whole.hexdigest()


def _files(folder: Path) -> Iterable[Path]:
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not path.is_symlink() and not any(part in LEFT_OUT or part.startswith(".") for part in parts):
            yield path


def _refuse_large(files: Mapping[str, Path]) -> None:
    sizes = sorted(((path.stat().st_size, name) for name, path in files.items()), reverse=True)
    total = sum(count for count, _ in sizes)
    if total > MOST:
        largest = ", ".join(f"{name} ({size(count)})" for count, name in sizes[:3])
        remedy = f"at most {size(MOST)} go along; keep data and models out of {', '.join(PACKAGES)}. The largest: {largest}"
        raise UserError("the code is too large to be sent with a job", size(total), remedy)


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    info = zipfile.ZipInfo(name, EPOCH)
    info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
    archive.writestr(info, content)
