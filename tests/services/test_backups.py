"""Which backups are kept, and which count; what PostgreSQL's programs do is stood in for."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sweep.services import backups
from sweep.services.backups import DUMPS, FORMAT, MANIFESTS, bring_back_newest, kept, make_backup, names, read_backup
from sweep.services.place import DATABASES, Place
from sweep.services.postgres import DatabaseError
from sweep.services.shelf import FolderShelf
from training.errors import StoreError, UserError
from training.stores.objects import Sent

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)


def name(age: timedelta, now: datetime = NOW) -> str:
    return (now - age).strftime(FORMAT)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A place whose databases dump as their names."""

    def tool(place: Place, tool: str, *words: object, **_: object) -> str:
        files = [Path(str(word).removeprefix("--file=")) for word in words if str(word).startswith("--file=")]
        for file in files:
            file.write_text(str(words[-1]))
        return ""

    monkeypatch.setattr(backups, "run_tool", tool)
    (tmp_path / "head").mkdir()
    return Place(tmp_path / "head")


@pytest.fixture
def shelf(tmp_path: Path) -> FolderShelf:
    return FolderShelf(tmp_path / "kept")


def put(shelf: FolderShelf, named: str, manifest: bool = True) -> None:
    for database in DATABASES:
        shelf.write(f"{DUMPS}/{named}.{database}.dump", b"")
    if manifest:
        shelf.write(f"{MANIFESTS}/{named}.json", b"{}")


def test_backup_is_whole_and_names_what_it_holds(place: Place, shelf: FolderShelf) -> None:
    made = make_backup(place, shelf)
    assert names(shelf) == [made.name] and read_backup(shelf, made.name) == made
    for database, sent in made.dumps.items():
        assert (shelf.folder / sent.object).read_text() == database
    assert {path.name for path in place.folder.iterdir()} == {".backup.lock"}


def test_backup_that_fails_leaves_the_earlier_ones(place: Place, shelf: FolderShelf, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_backup(place, shelf)
    monkeypatch.setattr(backups, "run_tool", _refuse(DatabaseError("pg_dump failed", "No space left on device")))
    with pytest.raises(DatabaseError, match="pg_dump failed"):
        make_backup(place, shelf)
    assert names(shelf) == [made.name] and not list(place.folder.glob("backup-*"))


def test_rotation_keeps_the_newest_and_one_a_day() -> None:
    listed = [name(timedelta(minutes=15 * number)) for number in range(4 * 24 * 12)]
    stay = kept(listed)
    assert set(listed[:24]) <= stay
    days = {one[:8] for one in stay}
    assert len(days) == 7 and len(stay) == 24 + 6
    assert kept(listed[:3]) == set(listed[:3])


def test_backup_removes_what_rotation_leaves_out_and_dumps_of_killed_writers(place: Place, shelf: FolderShelf) -> None:
    now = datetime.now(UTC)
    noon = now.replace(hour=12, minute=0)  # so that all of them are of one day
    old = [name(timedelta(days=20, minutes=number), noon) for number in range(40)]
    for one in old:
        put(shelf, one)
    put(shelf, name(timedelta(days=2), now), manifest=False)
    fresh = name(timedelta(minutes=1), now)
    put(shelf, fresh, manifest=False)
    made = make_backup(place, shelf)
    assert names(shelf) == [made.name, *old[:23]]
    dumped = {dump.partition("Z.")[0] + "Z" for dump in shelf.names(DUMPS)}
    assert dumped == {made.name, *old[:23], fresh}


@pytest.mark.parametrize("content", [b"", b"{", b'{"schema": 1}', b'{"schema": 9, "dumps": {}}', b"[]"])
def test_damaged_manifest_is_the_users_fault(shelf: FolderShelf, content: bytes) -> None:
    shelf.write(f"{MANIFESTS}/x.json", content)
    with pytest.raises(UserError, match=r"damaged|another version"):
        read_backup(shelf, "x")


def test_names_are_of_backups_alone(shelf: FolderShelf) -> None:
    put(shelf, name(timedelta(0)))
    put(shelf, "notes")
    assert names(shelf) == [name(timedelta(0))]
    assert names(FolderShelf(shelf.folder / "none")) == []


def test_damaged_newest_backup_is_said_and_the_one_before_it_taken(
    place: Place, shelf: FolderShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newest = make_backup(place, shelf), make_backup(place, shelf)
    shelf.write(newest.dumps["mlflow"].object, b"torn")
    monkeypatch.setattr(backups, "connected", _Anything)
    said: list[str] = []
    assert bring_back_newest(place, place.data, shelf, names(shelf), said.append) == older.name
    assert len(said) == 1 and newest.name in said[0] and "damaged" in said[0]


def test_no_good_backup_is_refused_with_the_way_on(place: Place, shelf: FolderShelf) -> None:
    put(shelf, name(timedelta(0)))
    with pytest.raises(UserError, match="none of 1 backups") as caught:
        bring_back_newest(place, place.data, shelf, names(shelf), lambda line: None)
    assert "--empty" in caught.value.remedy


def test_store_that_does_not_answer_is_no_damaged_backup(
    place: Place, shelf: FolderShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_backup(place, shelf)
    monkeypatch.setattr(shelf, "get_file", _refuse(StoreError("the store can't be read", "timed out")))
    with pytest.raises(StoreError, match="can't be read"):
        bring_back_newest(place, place.data, shelf, names(shelf), lambda line: None)


def test_folder_gives_back_only_what_was_put(shelf: FolderShelf, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"content")
    sent = shelf.put_file(tmp_path / "in", "a/b")
    assert sent == Sent("a/b", 7, sent.sha256) and shelf.get_file(sent, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"content"
    assert not shelf.get_file(Sent("a/c", 7, sent.sha256), tmp_path / "out")
    shelf.write("a/b", b"Content")
    assert not shelf.get_file(sent, tmp_path / "out")
    shelf.delete("a/b")
    shelf.delete("a/b")
    assert shelf.read("a/b") is None and shelf.names("a") == []


def test_manifest_holds_no_password(place: Place, shelf: FolderShelf) -> None:
    place.secret.write_text("*:*:*:sweep:the-secret\n")
    made = make_backup(place, shelf)
    manifest = json.loads(shelf.read(f"{MANIFESTS}/{made.name}.json") or b"")
    assert set(manifest) == {"schema", "dumps", "head"} and "the-secret" not in json.dumps(manifest)


class _Anything:
    """A connection to a server that takes everything."""

    def __init__(self, *_: object) -> None:
        pass

    def __enter__(self) -> _Anything:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, _: str) -> None:
        pass


def _refuse(error: Exception) -> Callable[..., None]:
    def refuse(*_: object, **__: object) -> None:
        raise error

    return refuse
