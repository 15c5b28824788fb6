"""Object stores (s3://, gs://): files put and taken whole, under names below one address.

* Credentials come from the environment or the machine's role, never from the address. For S3 `AWS_ENDPOINT_URL_S3` (or
  `AWS_ENDPOINT_URL`) names another server, `AWS_REGION` (or `AWS_DEFAULT_REGION`) a region.
* A writer that is killed leaves nothing under its name. One that fails may leave a short object there (the library closes what
  it drops), so nothing may rely on a name before something written later says how long it is: `behind` does that.
* Fleeting faults are tried again, from the beginning of the object, for about a minute.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import os
import re
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from training.errors import StoreError, UserError
from training.files.storage import FLEETING, persevere

WAITS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 20.0)
"""Seconds before each further try: a service that is restarted, or asks for patience, is waited for."""
PART, AT_ONCE = 16 * 2**20, 8
"""Bytes that are read in one request, and how many requests are under way."""
STALLED = 20
"""Seconds without a byte after which a request is given up."""
SCHEMES = ("s3", "gs")
_ADDRESS = re.compile(r"(s3|gs)://([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])((?:/[A-Za-z0-9._=-]+)*)/?")
_REFUSED = ("ACCESS_DENIED", "INVALID_ACCESS_KEY", "SIGNATURE_DOES_NOT_MATCH", "EXPIRED_TOKEN", "HTTP status 403", "Forbidden")
_ABSENT = ("NO_SUCH_BUCKET", "NO_SUCH_KEY", "HTTP status 404")
_ASIDE = re.compile(r" \(Request ID:.*|; Details:.*", re.DOTALL)
T = TypeVar("T")


@dataclass(frozen=True)
class Sent:
    """What is known of an object: its name, its size in bytes, its sha256 in hex."""

    object: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Seen:
    """What a store tells of an object: its size in bytes, and when it was put there (nanoseconds of the store's clock)."""

    size: int
    changed: int


def is_address(text: str) -> bool:
    """Whether a text means an object store and no folder."""
    return text.partition("://")[0] in SCHEMES and "://" in text


def checked(address: str) -> str:
    """An address without a slash at its end; raises UserError where it has another form, without showing more of it."""
    found = _ADDRESS.fullmatch(address)
    if found is None or ".." in address:
        remedy = "s3://BUCKET/FOLDER or gs://BUCKET/FOLDER, and credentials in the environment"
        raise UserError("the address of an object store has another form", address.partition("://")[0] + "://", remedy)
    return address.rstrip("/")


class ObjectStore:
    """The objects below an address. Every method raises StoreError where the store refuses, or does not answer in a minute.

    `filesystem` is pyarrow's; `root` the bucket, and the folder in it.
    """

    def __init__(self, address: str, filesystem: Any, waits: tuple[float, ...] = WAITS) -> None:
        self.address, self.root, self._files, self._waits = address, address.partition("://")[2], filesystem, waits

    def impatient(self) -> ObjectStore:
        """The same, which gives up within seconds."""
        return ObjectStore(self.address, self._files, WAITS[:3])

    def put_file(self, path: Path, name: str) -> Sent:
        """Put a file; returns what was sent. Raises OSError where the file itself can't be read."""

        def once() -> Sent:
            whole, size = hashlib.sha256(), 0
            with path.open("rb") as source, self._asked(), self._files.open_output_stream(self._at(name)) as stream:
                while part := source.read(PART):
                    whole.update(part)
                    size += len(part)
                    stream.write(part)
            return Sent(name, size, whole.hexdigest())

        return self._persevere(once, f"{self.address}/{name} can't be written")

    def get_file(self, sent: Sent, path: Path) -> bool:
        """Take a file to `path`; whether it is there, and the same as what was sent."""

        def once() -> bool:
            whole, size = hashlib.sha256(), 0
            with path.open("wb") as target:
                for part in self._parts(sent):
                    whole.update(part)
                    size += len(part)
                    target.write(part)
                target.flush()
                os.fsync(target.fileno())
            return size == sent.size and whole.hexdigest() == sent.sha256

        try:
            return self._persevere(once, f"{self.address}/{sent.object} can't be read")
        except FileNotFoundError:
            return False

    def _parts(self, sent: Sent) -> Iterator[bytes]:
        """The content in order; several requests are under way."""
        with self._asked(), self._files.open_input_file(self._at(sent.object)) as stream:
            length = stream.size()
            with ThreadPoolExecutor(AT_ONCE if length > PART else 1) as pool:
                begun: deque[Future[bytes]] = deque()
                for place in range(0, length, PART):
                    begun.append(pool.submit(stream.read_at, min(PART, length - place), place))
                    if len(begun) == AT_ONCE:
                        yield begun.popleft().result()
                while begun:
                    yield begun.popleft().result()

    def write(self, name: str, content: bytes) -> None:
        """Write a small object: it is there whole or not at all, and another of this name is there until then."""

        def once() -> None:
            with self._asked(), self._files.open_output_stream(self._at(name)) as stream:
                stream.write(content)

        # An interrupt reaches the main thread alone; here it would have the library close, and so publish, a part of it.
        with ThreadPoolExecutor(1) as apart:
            apart.submit(self._persevere, once, f"{self.address}/{name} can't be written").result()

    def read(self, name: str) -> bytes | None:
        """The content of a small object; None where there is none."""

        def once() -> bytes:
            with self._asked(), self._files.open_input_stream(self._at(name)) as stream:
                return bytes(stream.read())

        try:
            return self._persevere(once, f"{self.address}/{name} can't be read")
        except FileNotFoundError:
            return None

    def names(self, folder: str) -> list[str]:
        """Names of the objects directly below a folder, without it; none where there is no such folder."""
        from pyarrow.fs import FileSelector

        def once() -> list[str]:
            with self._asked():
                found = self._files.get_file_info(FileSelector(self._at(folder), allow_not_found=True))
            return sorted(item.base_name for item in found if item.is_file)

        return self._persevere(once, f"{self.address}/{folder} can't be listed")

    def folders(self, folder: str) -> list[str]:
        """Names of the folders directly below a folder, without it."""
        from pyarrow.fs import FileSelector

        def once() -> list[str]:
            with self._asked():
                found = self._files.get_file_info(FileSelector(self._at(folder), allow_not_found=True))
            return sorted(item.base_name for item in found if not item.is_file)

        return self._persevere(once, f"{self.address}/{folder} can't be listed")

    def listing(self, folder: str) -> dict[str, Seen]:
        """Every object below a folder, by its name below the address."""
        from pyarrow.fs import FileSelector

        def once() -> dict[str, Seen]:
            with self._asked():
                found = self._files.get_file_info(FileSelector(self._at(folder), allow_not_found=True, recursive=True))
            cut = len(self.root) + 1
            return {item.path[cut:]: Seen(item.size, item.mtime_ns or 0) for item in found if item.is_file}

        return self._persevere(once, f"{self.address}/{folder} can't be listed")

    def look(self, name: str) -> Seen | None:
        """What can be seen of an object without reading it; None where there is none."""

        def once() -> Seen | None:
            with self._asked():
                item = self._files.get_file_info(self._at(name))
            return Seen(item.size, item.mtime_ns or 0) if item.is_file else None

        return self._persevere(once, f"{self.address}/{name} can't be read")

    def delete(self, name: str) -> None:
        """Delete an object, if it is there."""

        def once() -> None:
            with self._asked(), contextlib.suppress(FileNotFoundError):
                self._files.delete_file(self._at(name))

        self._persevere(once, f"{self.address}/{name} can't be deleted")

    def delete_folder(self, folder: str) -> None:
        """Delete everything below a folder, if there is such a thing."""

        def once() -> None:
            with self._asked(), contextlib.suppress(FileNotFoundError):
                self._files.delete_dir(self._at(folder))

        self._persevere(once, f"{self.address}/{folder} can't be deleted")

    def _at(self, name: str) -> str:
        return f"{self.root}/{name}".rstrip("/")

    def _persevere(self, action: Callable[[], T], cause: str) -> T:
        try:
            return persevere(action, self.address, self._waits)
        except FileNotFoundError:
            raise
        except _AnswerError as error:
            seen = _ASIDE.sub("", error.strerror or "")
            if error.errno == errno.EACCES:
                remedy = "check the credentials of this machine and what they allow: to read, write, list and delete below it"
            elif error.errno == errno.ENOENT:
                remedy = "check the name of the bucket; a bucket is never made here"
            else:
                remedy = "check the network and the service, then give the same command again: what is finished is kept"
            raise StoreError(cause, seen, remedy) from error

    @contextlib.contextmanager
    def _asked(self) -> Iterator[None]:
        """Give what the library raises a number that says whether it may pass; a file's own faults keep theirs."""
        try:
            yield
        except OSError as error:
            if error.errno is not None:
                raise
            raise _AnswerError(_number(str(error)), str(error)) from error


class _AnswerError(OSError):
    """What a store has answered, or that it has not."""


def _number(text: str) -> int:
    if any(word in text for word in _REFUSED):
        return errno.EACCES
    return errno.ENOENT if any(word in text for word in _ABSENT) else errno.EHOSTUNREACH


@functools.cache
def open_objects(address: str) -> ObjectStore:
    """The object store at a checked address, one a process; nothing is asked of it yet."""
    assert errno.EHOSTUNREACH in FLEETING
    return ObjectStore(address, _filesystem(address))


def _filesystem(address: str) -> Any:
    from pyarrow import fs

    if address.startswith("gs://"):
        return fs.GcsFileSystem(retry_time_limit=timedelta(seconds=10))
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not region and not endpoint:
        with contextlib.suppress(OSError):
            region = fs.resolve_s3_region(address.partition("://")[2].partition("/")[0])
    parts = urlsplit(endpoint if "://" in endpoint else f"https://{endpoint}")
    return fs.S3FileSystem(
        region=region,
        scheme=parts.scheme,
        endpoint_override=parts.netloc or None,
        connect_timeout=10,
        request_timeout=STALLED,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=2),
        allow_delayed_open=True,
    )
