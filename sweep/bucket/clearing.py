"""`sweep gc --store s3://...`: what no sweep needs of a bucket, and its removal.

* Who uses a bucket is in it: every sweep keeps its run folder's files below `runs/`, and is asked through a copy of them as
  `sweep.gc.needs` asks run folders. MLflow's registry is asked where MLFLOW_TRACKING_URI names it; a registry in the run folder
  of some machine can't be, so without it the final weights of every trial stay.
* There are no claims in a bucket. So what was put within the last day stays whatever it is, nothing is removed that changed
  since it was listed, and a sweep that appears meanwhile ends the removal. What goes all the same while somebody begins to use
  it costs time: it is trained again.
* A manifest goes before its files, so that a removal that is killed leaves files that the next one finds.
"""

from __future__ import annotations

import functools
import json
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from sweep.bucket.files import RUNS
from sweep.bucket.users import users_behind
from sweep.gc.finding import Item
from sweep.gc.needs import Keep, Needs, needs_of
from sweep.gc.removal import Tidied
from sweep.gc.users import User
from training.errors import UserError
from training.stores.behind import CHECKPOINTS, ENCODED, MARK, PHASES, Behind, Bundle, read_bundle
from training.stores.objects import ObjectStore, Seen, checked, open_objects

DAY = 86_400.0
GUARD = DAY
"""Seconds after which something that was put may go: whoever was putting it, or about to use it, has ended or noted that."""
AT_ONCE = 16
YOUNG = "it was put within the last day"
CHANGED = "it changed while it was listed"


@dataclass
class Contents:
    """Every object of a bucket's store as it was listed, and what its manifests say."""

    objects: ObjectStore
    seen: dict[str, Seen]
    bundles: dict[str, Bundle | None] = field(default_factory=dict)

    @classmethod
    def read(cls, objects: ObjectStore) -> Contents:
        """List the store and read its manifests, damaged ones too."""
        found = cls(objects, objects.listing(""))
        names = [name for name in found.seen if name.startswith(("manifests/", "damaged/"))]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found.bundles = dict(zip(names, pool.map(lambda name: read_bundle(objects.read(name)), names), strict=True))
        return found

    @functools.cached_property
    def folders(self) -> dict[str, list[Seen]]:
        """Every put (files/<kind>/<key>/<put>) and what was put there."""
        found: dict[str, list[Seen]] = defaultdict(list)
        for name, seen in self.seen.items():
            if name.startswith("files/"):
                found[name.rpartition("/")[0]].append(seen)
        return found

    def files_of(self, manifest: str) -> set[str]:
        """The puts that a manifest names."""
        bundle = self.bundles.get(manifest)
        return {sent.object.rpartition("/")[0] for sent in bundle.files.values()} if bundle else set()

    def things(self) -> Iterator[Thing]:
        """Everything that could be removed: bundles, what was set aside, and puts that nothing names."""
        named: set[str] = set()
        for manifest in self.bundles:
            puts = self.files_of(manifest)
            named |= puts
            yield self._thing(manifest, puts)
        for put in sorted(self.folders.keys() - named):
            yield self._thing("", {put})

    def _thing(self, manifest: str, puts: set[str]) -> Thing:
        there = [seen for put in puts for seen in self.folders.get(put, ())]
        there += [self.seen[manifest]] if manifest else []
        room, kind, name = (manifest or min(puts)).split("/")[:3]
        size, changed = sum(seen.size for seen in there), max(seen.changed for seen in there) / 1e9
        return Thing(room, kind, name.removesuffix(".json"), manifest, frozenset(puts), size, changed)


@dataclass(frozen=True)
class Thing:
    """A manifest (or none) with its puts, their bytes in all, and when the last was put (seconds of the store's clock)."""

    room: str
    kind: str
    key: str
    manifest: str
    puts: frozenset[str]
    size: int
    changed: float


def tidy_bucket(
    address: str,
    *,
    keep: Keep = Keep.BEST,
    encoded_days: float | None = None,
    forget: str | None = None,
    delete: bool = False,
) -> Tidied:
    """Find what may go from the store at an address, and remove it with `delete`.

    `forget` names a sweep whose needs count for nothing this time; its records stay. Raises UserError when there is no store,
    or the sweep to forget is not known or runs, or another began meanwhile; OtherVersionError, StoreError.
    """
    objects = open_objects(checked(address))
    if objects.impatient().look(MARK) is None:
        raise UserError(
            "this is no store of a sweep", objects.address, "name the address that `sweep launch --store` was given"
        )
    users = users_behind(objects, forget)
    contents = Contents.read(objects)
    needs = needs_of(users, keep)
    found = Tidied(objects.address, users, [user for user in users if user.mark is None], deleted=delete)
    going: list[tuple[Thing, Item]] = []
    for thing in contents.things():
        item = _judged(contents, thing, needs, encoded_days)
        if item is None:
            continue
        item = replace(item, why=_spoken(item.why, objects, users))
        if item.stays:
            found.staying.append(item)
        else:
            going.append((thing, item))
    if delete and {user.sweep for user in users_behind(objects, forget)} != {user.sweep for user in users}:
        raise UserError("a sweep began to use the store while it was looked at", objects.address, "give the command again")
    for thing, item in going:
        if delete and not _removed(contents, thing):
            found.staying.append(replace(item, stays=True, why=CHANGED))
        else:
            found.going.append(item)
    return found


def _spoken(why: str, objects: ObjectStore, users: Iterable[User]) -> str:
    """A reason that names run folders where they lie, not the copies of them that were asked."""
    for user in users:
        if user.copied:
            why = why.replace(str(user.run), f"{objects.address}/{RUNS}/{user.run.name}")
    return why


def _judged(contents: Contents, thing: Thing, needs: Needs, encoded_days: float | None) -> Item | None:
    """Whether a thing goes or stays, and why; None for what nobody asked about."""
    if thing.kind == ENCODED and thing.room == "manifests" and encoded_days is None:
        return None
    kind, kept, why = _reasons(contents, thing, needs)
    age = time.time() - thing.changed
    if not kept and thing.kind == ENCODED and thing.room == "manifests":
        days = encoded_days or 0.0
        kept = "" if age >= days * DAY else f"it was put within {days:g} days"
    kept = kept or (YOUNG if age < GUARD else "")
    path = Path(thing.kind) / thing.key
    return Item(path=path, kind=kind, frees=thing.size, why=kept or why, root=path, stays=bool(kept), key=thing.key)


def _reasons(contents: Contents, thing: Thing, needs: Needs) -> tuple[str, str, str]:
    """(kind as it is called, why it has to stay, why it may go)."""
    if not thing.manifest:
        return "leftover", "", "its writer was killed, or it was replaced"
    if thing.room == "damaged" or contents.bundles[thing.manifest] is None:
        return "damaged", "", "it was found damaged and set aside"
    if thing.kind == PHASES:
        known = not needs.unsettled or thing.key in needs.keys  # then role and tasks decide nothing
        role, tasks = ("", []) if known else _identity(contents, thing.manifest)
        return "phase", needs.why_kept(thing.key, role, tasks), needs.why_goes(thing.key)
    if thing.kind == ENCODED:
        return "tokenised data", "", "it is made again when it is needed"
    trained = thing.kind == CHECKPOINTS and f"manifests/{PHASES}/{thing.key}.json" in contents.bundles
    kept = "" if trained else needs.why_in_phase()
    if thing.kind == CHECKPOINTS:
        return "checkpoint", kept, "its phase is trained" if trained else "its trial is settled"
    return "trunk", kept, "every sweep that could branch off is settled"


def _identity(contents: Contents, manifest: str) -> tuple[str, list[str]]:
    """Role and tasks of a phase; empty where they can't be read, which is no role of a phase that may go early."""
    bundle = contents.bundles[manifest]
    try:
        assert bundle is not None
        identity = json.loads(contents.objects.read(bundle.files["identity.json"].object) or b"")
        return str(identity["role"]), [str(use["task"]) for use in identity["tasks"]]
    except (ValueError, KeyError, TypeError):
        return "", []


def _removed(contents: Contents, thing: Thing) -> bool:
    """Remove a thing that is still as it was listed; whether it was."""
    objects = contents.objects
    if thing.manifest:
        if objects.look(thing.manifest) != contents.seen[thing.manifest]:
            return False
        objects.delete(thing.manifest)
    else:
        named = Behind(objects).peek(thing.kind, thing.key)
        if named and thing.puts & {sent.object.rpartition("/")[0] for sent in named.files.values()}:
            return False
    for put in thing.puts:
        objects.delete_folder(put)
    return True
