"""An S3 server on this machine, and a way to it that kills a writer after so many bytes."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from training.stores import behind, objects
from training.stores.behind import local_store

HOST, NAME = "127.0.0.1", "phases"
ADDRESS = f"s3://{NAME}/study"
VARIABLES = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass
class Server:
    """A server that can be stopped and started again at its port, with what it holds."""

    port: int = 0
    _running: Any = None

    def start(self) -> None:
        self._wait_for_port()
        self._running = ThreadedMotoServer(ip_address=HOST, port=self.port, verbose=False)
        self._running.start()
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
        self.port = self._running.get_host_and_port()[1]

    def stop(self) -> None:
        if self._running is not None:
            self._running.stop()
        self._running = None
        for thread in threading.enumerate():  # else what is still being answered could land in the next test's bucket
            if "process_request_thread" in thread.name:
                thread.join(10)

    def _wait_for_port(self) -> None:
        """A server whose port another process has just taken would wait for it without a word."""
        until = time.monotonic() + 60
        while self.port:
            with socket.socket() as trial:
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    trial.bind((HOST, self.port))
                    return
                except OSError:
                    assert time.monotonic() < until, f"another process has port {self.port}"
            time.sleep(0.2)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def client(self) -> Any:
        import boto3

        return boto3.client("s3", endpoint_url=self.url)

    def names(self) -> list[str]:
        """Every object that is no folder's mark."""
        found = self.client().list_objects_v2(Bucket=NAME).get("Contents", [])
        return sorted(item["Key"] for item in found if not item["Key"].endswith("/"))


@dataclass
class Way:
    """A port that passes bytes on to a server; `then` is called once, when `after` bytes have gone that way."""

    target: int
    after: int
    then: Callable[[], None]
    passed: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Way:
        self._socket = socket.create_server((HOST, 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *args: object) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes who waits in accept(), which closing does not
        self._socket.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._socket.accept()
                try:
                    far = socket.create_connection((HOST, self.target))
                except OSError:  # the server is down: whoever came is sent away, and the next one may find it up
                    near.close()
                    continue
                threading.Thread(target=self._join, args=(near, far), daemon=True).start()

    def _join(self, near: socket.socket, far: socket.socket) -> None:
        with near, far:
            back = threading.Thread(target=self._pump, args=(far, near, False), daemon=True)
            back.start()
            self._pump(near, far, True)
            back.join()

    def _pump(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        with contextlib.suppress(OSError):
            while content := source.recv(4096):
                if counted and self._reached(len(content)):
                    content = _cut(content, max(0, len(content) - (self.passed - self.after)))
                    sink.sendall(content)
                    self.then()
                    break
                sink.sendall(content)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _reached(self, count: int) -> bool:
        with self._lock:
            before, self.passed = self.passed, self.passed + count
            return before < self.after <= self.passed


def _cut(content: bytes, count: int) -> bytes:
    """The first bytes, without half of a request's head, which Python's server takes for a whole one."""
    begun = content.startswith((b"PUT ", b"POST ", b"DELETE "))
    return b"" if begun and b"\r\n\r\n" not in content[:count] else content[:count]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in VARIABLES.items():
            patch.setenv(name, value)
        found = Server()
        found.start()
        patch.setenv("AWS_ENDPOINT_URL_S3", found.url)
        yield found
        found.stop()


@pytest.fixture
def bucket(server: Server) -> Iterator[Server]:
    """The server with an empty bucket; who opened it before knows nothing of this one."""
    client = server.client()
    client.create_bucket(Bucket=NAME)
    forget()
    yield server
    _remove(client)


def _remove(client: Any, tries: int = 20) -> None:
    """Empty the bucket and delete it; a server that was stopped may still carry out what it was asked just before."""
    for left in reversed(range(tries)):
        for item in client.list_objects_v2(Bucket=NAME).get("Contents", []):
            client.delete_object(Bucket=NAME, Key=item["Key"])
        try:
            client.delete_bucket(Bucket=NAME)
            return
        except client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "BucketNotEmpty" or not left:
                raise
            time.sleep(0.1)


def forget() -> None:
    """Have addresses opened anew."""
    for known in (objects.open_objects, behind.behind_at, behind.local_store):
        known.cache_clear()


def machine(folder: Path, address: str = ADDRESS) -> Path:
    """The local store of another machine."""
    return local_store(folder, address)


def environment(port: int) -> dict[str, str]:
    """Variables of a process that goes a way of its own to the server."""
    return {**os.environ, **VARIABLES, "AWS_ENDPOINT_URL_S3": f"http://{HOST}:{port}"}


def killed_on_the_way(processes: Any, target: Callable[[Path, int], None], folder: Path, server: Server, after: int) -> bool:
    """Run `target` of a folder and a port in a process until so many bytes went to the server; whether it was killed then."""
    victims: list[Any] = []
    begun = threading.Event()

    def kill() -> None:
        begun.wait(60)
        os.kill(victims[0].pid, signal.SIGKILL)

    with Way(server.port, after, kill) as way:
        victims.append(processes.Process(target=target, args=(folder, way.port), daemon=True))
        victims[0].start()
        begun.set()
        victims[0].join(240)
    code = victims[0].exitcode
    assert code in (0, -signal.SIGKILL)
    victims[0].close()  # else its pipes stay open
    return bool(code)
