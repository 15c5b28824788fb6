"""`sweep gc`: lists what no sweep needs, and removes it when told to.

A thing is removed under the store's lock and its own claim, by one rename; the bytes go afterwards. A removal that is killed
half-way leaves a folder that the next one, or the next launch, takes away.
"""

from __future__ import annotations

import contextlib
import shutil
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sweep.amounts import several, size
from sweep.gc.finding import Item, items_of, tokenised
from sweep.gc.needs import Keep, needs_of
from sweep.gc.users import User, forget_user, store_lock, users_of
from sweep.options import encoded_folder
from sweep.runfolder import is_held, store_of
from training.errors import PhaseBusyError, UserError
from training.files.storage import storage_errors
from training.stores.claims import claim, is_claimed
from training.stores.leftovers import REMOVING

BUSY = "it is being trained or written right now"
COUNTED = {"damaged": "damaged thing", "tokenised data": "tokenised split"}
"""Kinds of things as they are counted, where that is not their own name."""
MOST_SHOWN = 200
"""Lines of a list for a person."""


@dataclass
class Tidied:
    """What was found: `going` may be removed, or was (`deleted`), `staying` may not; `missing` users can't be asked."""

    store: Path | str
    users: list[User]
    missing: list[User]
    going: list[Item] = field(default_factory=list)
    staying: list[Item] = field(default_factory=list)
    deleted: bool = False

    def sort(self, item: Item) -> Path | None:
        """Put a thing where it belongs, out of the way with `deleted`; returns where it is then, None if it stays."""
        moved = None if item.stays else _moved(item) if self.deleted else _looked(item)
        if moved is not None:
            self.going.append(item)
        else:
            self.staying.append(item if item.stays else replace(item, why=BUSY, stays=True))
        return moved

    @property
    def frees(self) -> int:
        """Bytes in all."""
        return sum(item.frees for item in self.going)

    def payload(self) -> dict[str, Any]:
        """For a program to read."""
        return {
            "store": str(self.store),
            "users": [_user(user) for user in self.users],
            "missing": [_user(user) for user in self.missing],
            "deleted": self.deleted,
            "frees_bytes": self.frees,
            "going": [_payload(item) for item in self.going],
            "staying": [_payload(item) for item in self.staying],
        }


def _user(user: User) -> dict[str, str]:
    return {"sweep": user.sweep, "run": str(user.run), "grid": user.grid}


def _payload(item: Item) -> dict[str, Any]:
    return {"path": str(item.path), "kind": item.kind, "bytes": item.frees, "why": item.why}


def tidy_store(
    run: Path | None,
    store: Path | None = None,
    *,
    keep: Keep = Keep.BEST,
    encoded_days: float | None = None,
    forget: str | None = None,
    delete: bool = False,
) -> Tidied:
    """Find what may go from the store of a run folder (or from `store`), and remove it with `delete`.

    `encoded_days` adds tokenised data that was not used for so long. `forget` names a sweep that needs nothing any more.

    Raises UserError when there is no such store, when the sweep to forget is not known or is running, OtherVersionError when a
    record is another version's, StoreError when something can't be removed.
    """
    place = store.expanduser().absolute() if store is not None else store_of(run) if run is not None else None
    if place is None or not place.is_dir() or not users_of(place, run):
        remedy = "name the folder that `sweep launch --store` was given, or a run folder"
        raise UserError("this is no phase store of a sweep", place or "", remedy)
    with store_lock(place):
        users = _without(users_of(place, run), forget)
        found = Tidied(place, users, [user for user in users if user.mark is None], deleted=delete)
        listed = list(items_of(place, needs_of(users, keep)))
        if encoded_days is not None:
            listed += tokenised(encoded_folder(), encoded_days)
        places = [found.sort(item) for item in listed]
        if delete and forget is not None:
            forget_user(place, forget)
    for path in places if delete else ():
        _remove(path)
    return found


def _without(users: list[User], sweep: str | None) -> list[User]:
    if sweep is None:
        return users
    named = [user for user in users if user.sweep == sweep]
    if not named:
        known = ", ".join(user.sweep for user in users) or "none"
        raise UserError("no sweep of this id uses the store", sweep, f"the sweeps that use it: {known}")
    if named[0].mark is not None and is_held(named[0].run):
        raise UserError("the sweep to forget is running", sweep, f"stop it first: sweep stop --run {named[0].run}")
    return [user for user in users if user.sweep != sweep]


def _looked(item: Item) -> Path | None:
    """Where a thing is, unless somebody holds its claim."""
    return None if item.key and is_claimed(item.root, item.key) else item.path


def _moved(item: Item) -> Path | None:
    """Put a thing out of the way, under its claim; None when somebody holds that."""
    aside = item.root / f"{REMOVING}{uuid.uuid4().hex[:12]}"
    try:
        with _claimed(item), storage_errors(item.path), contextlib.suppress(FileNotFoundError):
            item.path.rename(aside)
    except PhaseBusyError:
        return None
    return aside


def _claimed(item: Item) -> contextlib.AbstractContextManager[None]:
    return claim(item.root, item.key, poll=0.0, wait=False) if item.key else contextlib.nullcontext()


def _remove(path: Path | None) -> None:
    if path is None:
        return
    with storage_errors(path), contextlib.suppress(FileNotFoundError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def render(found: Tidied) -> str:
    """For a person: what goes and why, what stays and why in sums, and the next command."""
    lines = [f"store {found.store}, used by {_named(found.users)}"]
    lines += [
        f"can't ask sweep {user.sweep} ({user.grid}): {user.run} is gone, so phases stay; if it is gone for good: "
        f"sweep gc --store {found.store} --forget {user.sweep}"
        for user in found.missing
    ]
    for item in found.going[:MOST_SHOWN]:
        lines.append(f"  {size(item.frees):>8}  {item.kind}  {item.path.name}: {item.why}")
    if len(found.going) > MOST_SHOWN:
        lines.append(f"  and {len(found.going) - MOST_SHOWN} others")
    for (kind, why), count in _reasons(found.staying):
        lines.append(f"{'stays' if count == 1 else 'stay'}: {several(count, COUNTED.get(kind, kind))}, {why}")
    lines.append(_sum(found))
    return "\n".join(lines)


def _named(users: list[User]) -> str:
    return ", ".join(f"{user.sweep} ({user.run})" for user in users) or "no sweep"


def _reasons(items: Iterable[Item]) -> list[tuple[tuple[str, str], int]]:
    return Counter((item.kind, item.why) for item in items).most_common(20)


def _sum(found: Tidied) -> str:
    things = several(len(found.going), "thing")
    if found.deleted:
        return f"removed {things}, {size(found.frees)}"
    if not found.going:
        return "nothing to remove"
    return f"{things}, {size(found.frees)}, could go: the same command with --delete removes them"
