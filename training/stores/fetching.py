"""Between a local store and what is behind it: phases, in-phase checkpoints and trunks, brought here and put there.

* What is brought is filled into a temporary folder and renamed, one process of a machine at a time: there whole or not at all.
* `.behind/<key>` notes that a phase is known to be behind, so that a machine asks for it once.
* Phases, checkpoints and trunks that are behind and were not used for an hour make room, longest unused first, where the disk
  has little left.
* A checkpoint or a trunk that can't be put behind is a line in the log: it is here, and elsewhere it costs time alone.
"""

from __future__ import annotations

import contextlib
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from training.errors import PhaseBusyError, StoreError
from training.files.storage import storage_errors
from training.stores.behind import CHECKPOINTS, PHASES, TRUNKS, Behind, DamagedBundleError, behind_of, forgive
from training.stores.claims import claim

OnDamage = Callable[[Path, str], None]
ROOMS = {".inflight": CHECKPOINTS, ".trunks": TRUNKS}
SPARE, IN_USE = 0.1, 3600.0
"""The share of the disk that stays free, and for how many seconds after its last use a phase stays in any case."""
REMOVING = ".removing-"
"""Beginning of the names of what is being removed from a store: out of the way by one rename, its bytes go afterwards."""


def bring_phase(behind: Behind, root: Path, key: str, on_damage: OnDamage) -> bool:
    """Bring a phase from behind into a store; whether it is here now. A damaged one is reported. Raises StoreError."""
    bundle = behind.peek(PHASES, key)
    if bundle is None:
        return False
    final = root / bundle.name
    if not bundle.name.endswith(f"--{key}") or final.parent != root:
        behind.set_aside(PHASES, key)
        on_damage(Path(key), f"{behind.objects.address} has it as another phase")
        return False
    make_room(root, sum(sent.size for sent in bundle.files.values()))
    with claim(root, f"fetch-{key}", poll=0.2):
        if not final.exists() and not _brought(behind, PHASES, key, final, on_damage):
            return False
    _note(root, key)
    return True


def bring_folder(behind: Behind, kind: str, key: str, final: Path, on_damage: OnDamage) -> bool:
    """Bring a bundle from behind to the folder `final`, which is not there; whether it was. Raises StoreError.

    For who holds the claim of `key`.
    """
    return _brought(behind, kind, key, final, on_damage)


def keep_behind(behind: Behind, root: Path, key: str, folder: Path, *, asked: bool = True) -> None:
    """See to it that a phase is behind, and note its use; with `asked` off, whatever is noted. Raises StoreError."""
    note = root / ".behind" / key
    if not (asked and note.exists()):
        with claim(root, f"fetch-{key}", poll=0.2):
            if not (asked and note.exists()) and behind.peek(PHASES, key) is None:
                behind.put(PHASES, key, {path.name: path for path in folder.iterdir() if path.is_file()}, name=folder.name)
    _note(root, key)


def make_room(root: Path, need: int) -> None:
    """Remove what is behind, longest unused first, until `need` bytes fit beside the spare share of the disk.

    Phases that were used within the hour stay, checkpoints and trunks that were written within it, and what somebody trains;
    what can't be removed is left.
    """
    kept = [path for room in ROOMS for path in (root / room).glob("*.safetensors")]
    for path in sorted([*(root / ".behind").glob("*"), *kept], key=_used):
        disk = shutil.disk_usage(root)
        if disk.free - need >= SPARE * disk.total or time.time() - _used(path) < IN_USE:
            return
        with contextlib.suppress(PhaseBusyError, StoreError, OSError):
            if path.parent.name in ROOMS:
                _remove_checkpoint(root, path)
            else:
                _remove_phase(root, path)


def _remove_phase(root: Path, note: Path) -> None:
    with ExitStack() as held:
        for name in (note.name, f"fetch-{note.name}"):
            held.enter_context(claim(root, name, poll=0.0, wait=False))
        for folder in root.glob(f"*--{note.name}"):
            shutil.rmtree(folder.rename(root / f"{REMOVING}{uuid.uuid4().hex[:12]}"), ignore_errors=True)
        note.unlink()


def _remove_checkpoint(root: Path, path: Path) -> None:
    """Remove a checkpoint or a trunk, if one that is no less far is behind; whoever reads it at this moment goes on."""
    from training.learning.checkpoint import peek_step  # not above: who only looks at a store needs no torch

    with claim(root, path.stem.partition("@")[0], poll=0.0, wait=False):
        step, behind = peek_step(path), step_behind(path)
        if step is not None and behind is not None and 0 <= step <= behind:
            path.unlink()


def _used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return float("inf")


def drop_behind(behind: Behind, kind: str, key: str) -> None:
    """Delete what is behind; where that can't be done it stays."""
    try:
        behind.drop(kind, key)
    except StoreError as error:
        forgive(f"{kind}/{key} was not deleted", error)


def step_behind(path: Path) -> int | None:
    """Steps of the checkpoint or the trunk behind that belongs at `path`; None where there is none. Raises StoreError."""
    behind = behind_of(path.parent.parent)
    bundle = behind.peek(ROOMS[path.parent.name], path.stem) if behind else None
    return bundle.step if bundle else None


def bring_checkpoint(path: Path, on_damage: OnDamage) -> bool:
    """Bring a checkpoint or a trunk from behind to `path`, over one that is there; whether it was. Raises StoreError."""
    behind = behind_of(path.parent.parent)
    return behind is not None and _brought(behind, ROOMS[path.parent.name], path.stem, path, on_damage)


def put_checkpoint(path: Path, step: int) -> None:
    """Put the checkpoint or the trunk at `path`, which has so many steps, behind; nothing where nothing is behind."""
    try:
        behind = behind_of(path.parent.parent)
        if behind is None:
            return
        kind = ROOMS[path.parent.name]
        if kind == CHECKPOINTS:
            behind.replace(kind, path.stem, {path.name: path}, step)
        elif behind.peek(kind, path.stem) is None:
            behind.put(kind, path.stem, {path.name: path}, step=step)
        make_room(path.parent.parent, 0)
    except StoreError as error:
        forgive(f"the checkpoint {path.name} is on this machine alone", error)


def _brought(behind: Behind, kind: str, key: str, final: Path, on_damage: OnDamage) -> bool:
    """Fill a bundle's files, or its only one, into `final`; False where there is none, or a damaged one was set aside."""
    with _temporary(final, f"fetch-{key}" if kind == PHASES else key) as folder:
        try:
            if behind.fetch(kind, key, folder) is None:
                return False
        except DamagedBundleError as error:
            on_damage(final, str(error).splitlines()[0])
            return False
        with storage_errors(final):
            (folder / final.name if final.parent.name in ROOMS else folder).replace(final)
    return True


@contextlib.contextmanager
def _temporary(final: Path, claimed: str) -> Iterator[Path]:
    """A folder beside `final`, gone at the end; its name tells whose claim its maker holds, should it be killed."""
    end = uuid.uuid4().hex[:8]
    single = final.parent.name in ROOMS
    folder = final.parent / (f".{final.name}.{end}.tmp" if single else f".writing-{claimed}-{end}")
    with storage_errors(final):
        folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _note(root: Path, key: str) -> None:
    with storage_errors(root):
        (root / ".behind").mkdir(exist_ok=True)
        (root / ".behind" / key).touch()
