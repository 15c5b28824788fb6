"""The test's side of the process that forks drivers and workers (`tests.crash.forging`)."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.crash.disturbing import Alone
from tests.crash.orders import Witness
from tests.sweep.launches import OURS, Launch, eventually

PAUSE = 0.005
"""Seconds between two looks at what has ended."""
Message = dict[str, Any]


def ask(address: str, wanted: Message) -> int:
    """Have a process forked; returns its id."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.connect(address)
        connection.send(json.dumps(wanted).encode())
        return int(connection.recv(64))


class Forged:
    """A driver, to the test as a `subprocess.Popen` is."""

    def __init__(self, pid: int, ended: Path) -> None:
        self.pid, self.ended = pid, ended

    def poll(self) -> int | None:
        with contextlib.suppress(OSError, ValueError):
            return int(self.ended.read_text())
        return None

    def wait(self, timeout: float | None = None) -> int:
        until = time.monotonic() + (timeout or 600.0)
        while (code := self.poll()) is None:
            assert time.monotonic() < until, "the driver does not end"
            time.sleep(PAUSE)
        return code


class Forge(Alone):
    """A forge that is up, and the launches it makes."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.cache, self.address, self.log, self.begun = cache, str(folder / "forge"), folder / "forge.log", 0
        unused = Witness(folder / "no-witness")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        more = unused.environment("") | {"SWEEP_CACHE": str(cache), "COLUMNS": "200", "OMP_NUM_THREADS": "1"}
        with self.log.open("wb") as stream:
            words = [sys.executable, "-m", "tests.crash.forging", self.address]
            self.process = subprocess.Popen(words, env=kept | more, stdout=stream, stderr=subprocess.STDOUT)
        eventually(lambda: Path(self.address).exists() or self.process.poll() is not None, "the forge")
        assert self.process.poll() is None, self.log.read_text()

    def launch(self, cache: Path, log: Path, words: list[str], witness: Witness, number: str) -> Launch:
        """A driver that runs `sweep WORDS...`."""
        self.begun += 1
        log.touch()
        ended = log.with_suffix(f".{self.begun}.ended")
        told = {"log": str(log), "witness": str(witness.folder), "launch": number, "address": self.address}
        pid = ask(self.address, {**told, "driver": 0, "words": words, "ended": str(ended)})
        return Launch(Forged(pid, ended), log)

    def close(self) -> None:
        """End it; what it forked ends with it."""
        self.process.kill()
        self.process.wait()
