from __future__ import annotations

import errno
import io
import logging
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.training.bucket import ADDRESS, NAME, Server, bucket, forget, machine, server
from training.errors import StorageFullError, StoreError, UserError
from training.stores.behind import BEHIND, MARK, address_behind, behind_of, check_behind
from training.stores.objects import PART, ObjectStore, Sent, _number, checked, is_address, open_objects

__all__ = ["bucket", "server"]


def test_object_that_is_put_is_taken_as_it_was(bucket: Server, tmp_path: Path) -> None:
    store = open_objects(ADDRESS)
    for size in (0, 1, PART, 2 * PART + 7):
        (tmp_path / "here").write_bytes(bytes(range(251)) * (size // 251) + b"z" * (size % 251))
        sent = store.put_file(tmp_path / "here", f"folder/{size}")
        assert sent.size == size and store.get_file(sent, tmp_path / "there")
        assert (tmp_path / "there").read_bytes() == (tmp_path / "here").read_bytes()
    assert bucket.names() == sorted(f"study/folder/{size}" for size in (0, 1, PART, 2 * PART + 7))


def test_object_that_is_another_or_short_is_not_taken_for_it(bucket: Server, tmp_path: Path) -> None:
    store, client = open_objects(ADDRESS), bucket.client()
    (tmp_path / "here").write_bytes(b"abcdef")
    sent = store.put_file(tmp_path / "here", "one")
    for content in (b"abcdeX", b"abcde", b"abcdefg", b""):
        client.put_object(Bucket=NAME, Key="study/one", Body=content)
        assert not store.get_file(sent, tmp_path / "there")
    client.delete_object(Bucket=NAME, Key="study/one")
    assert not store.get_file(sent, tmp_path / "there")


def test_small_object_is_read_listed_and_deleted(bucket: Server) -> None:
    store = open_objects(ADDRESS)
    assert store.read("a/one") is None and store.names("a") == []
    store.write("a/one", b"1")
    store.write("a/one", b"2")
    store.write("a/b/two", b"3")
    assert store.read("a/one") == b"2" and store.names("a") == ["one"]
    store.delete("a/one")
    store.delete("a/one")
    store.delete_folder("a/b")
    store.delete_folder("a/b")
    assert bucket.names() == []


def test_bucket_that_is_not_there_is_said_with_what_to_do(bucket: Server, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="NO_SUCH_BUCKET") as caught:
        check_behind(machine(tmp_path, "s3://another-bucket/x"))
    assert "check the name of the bucket" in str(caught.value) and "Request ID" not in str(caught.value)


def test_store_that_can_be_used_passes_its_check(bucket: Server, tmp_path: Path) -> None:
    check_behind(None)
    check_behind(tmp_path)
    check_behind(machine(tmp_path))
    assert bucket.names() == [f"study/{MARK}"]


def test_store_of_another_version_is_refused(bucket: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.stores.behind.SCHEMA", 2)
    check_behind(machine(tmp_path))
    monkeypatch.undo()
    with pytest.raises(StoreError, match="another version's"):
        check_behind(machine(tmp_path))


def test_server_that_is_away_is_waited_for(
    bucket: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It comes back in the first wait."""
    waited: list[float] = []

    def wait(seconds: float) -> None:
        if not waited:
            bucket.start()
        waited.append(seconds)

    store = open_objects(ADDRESS)
    store.write("one", b"1")
    bucket.stop()
    monkeypatch.setattr("training.files.storage.time", SimpleNamespace(sleep=wait))
    try:
        with caplog.at_level(logging.WARNING):
            assert store.read("one") == b"1"
    finally:
        if not waited:
            bucket.start()
    assert waited and "tried again" in caplog.text


def test_server_that_stays_away_is_said_with_what_to_do(bucket: Server) -> None:
    bucket.stop()
    try:
        with pytest.raises(StoreError, match="NETWORK_CONNECTION") as caught:
            open_objects(ADDRESS).impatient().read("one")
        assert "check the network" in caught.value.remedy
    finally:
        bucket.start()


class Refusing:
    """A file system of pyarrow's whose every call fails."""

    def __init__(self, text: str) -> None:
        self.text, self.calls = text, 0

    def __getattr__(self, name: str) -> Any:
        def fail(*args: object, **more: object) -> Any:
            self.calls += 1
            raise OSError(self.text)

        return fail


def test_refusal_is_not_tried_again_and_names_the_credentials() -> None:
    files = Refusing("When reading: AWS Error ACCESS_DENIED during GetObject operation: no (Request ID: abc)")
    with pytest.raises(StoreError, match="ACCESS_DENIED") as caught:
        ObjectStore(ADDRESS, files).read("one")
    assert "credentials" in caught.value.remedy and files.calls == 1


def test_fault_of_the_service_is_tried_again() -> None:
    files = Refusing("AWS Error SLOW_DOWN during PutObject operation: please")
    with pytest.raises(StoreError, match="SLOW_DOWN"):
        ObjectStore(ADDRESS, files, waits=(0.0, 0.0)).write("one", b"")
    assert files.calls == 3 and _number(files.text) == errno.EHOSTUNREACH


class Interrupting(io.BytesIO):
    """What is written to one object, during which somebody presses Ctrl-C."""

    said = b""

    def open_output_stream(self, name: str) -> Interrupting:
        signal.raise_signal(signal.SIGINT)
        return self

    def close(self) -> None:
        self.said = self.getvalue()


def test_small_object_is_whole_though_its_writer_is_interrupted(request: pytest.FixtureRequest) -> None:
    files = Interrupting()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background has none
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    with pytest.raises(KeyboardInterrupt):
        ObjectStore(ADDRESS, files).write("one", b"content")
    assert files.said == b"content"


def test_full_disk_while_an_object_is_taken_is_no_fault_of_the_store(
    bucket: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind = behind_of(machine(tmp_path / "one"))
    assert behind is not None
    (tmp_path / "file").write_bytes(b"abc")
    behind.put("phases", "key", {"file": tmp_path / "file"})
    (tmp_path / "room").mkdir()

    def full(self: ObjectStore, sent: Sent, path: Path) -> bool:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ObjectStore, "get_file", full)
    with pytest.raises(StorageFullError):
        behind.fetch("phases", "key", tmp_path / "room")
    assert behind.peek("phases", "key") is not None


@pytest.mark.parametrize("address", ["s3://b00", "s3://my.bucket/a/b-c_d=1", "gs://bucket/x/"])
def test_address_of_an_object_store_is_known(address: str) -> None:
    assert is_address(address) and checked(address) == address.rstrip("/")


@pytest.mark.parametrize(
    "address",
    [
        "s3://",
        "s3://key:secret@bucket/a",
        "s3://bucket/a?token=secret",
        "s3://bucket/../a",
        "s3://bucket//a",
        "s3://b/\n",
        "gs://B",
    ],
)
def test_address_of_another_form_is_refused_without_being_shown(address: str) -> None:
    assert is_address(address)
    with pytest.raises(UserError, match="another form") as caught:
        checked(address)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("place", ["/a/folder", "s3:/bucket", "folder", "http://x/y", ""])
def test_folder_is_no_address(place: str) -> None:
    assert not is_address(place)


def test_local_store_says_what_is_behind_it(tmp_path: Path) -> None:
    forget()
    here, there = machine(tmp_path, "s3://bucket/a/b"), machine(tmp_path, "s3://bucket/a-b")
    assert here != there and here == machine(tmp_path, "s3://bucket/a/b")
    assert address_behind(here) == "s3://bucket/a/b" and (here / BEHIND).is_file()
    assert address_behind(tmp_path) == "" and behind_of(tmp_path / "none") is None
