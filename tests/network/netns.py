"""Machines that are network namespaces of this one: a switch, a cable to each, and a Ray over them."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.sweep.launches import OURS, Launch, eventually, processes

ROOT, BIN = Path(__file__).parents[2], Path(sys.executable).parent
HEAD, PORT = 1, 6379
QUICK = {
    "RAY_health_check_initial_delay_ms": "2000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
}
"""A head that gives a silent node up after some 8 s."""


def refusal() -> str:
    """Why namespaces can't be made here; empty where they can."""
    if not shutil.which("ip"):
        return "ip (iproute2) is not installed"
    name = f"p{secrets.token_hex(3)}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, timeout=240, check=False)
    try:
        tries = "mount --bind /mnt /mnt && ip tuntap add dev tap0 mode tap"
        inside = ["ip", "netns", "exec", name, "sh", "-c", tries]
        tried = subprocess.run(inside, capture_output=True, text=True, timeout=240, check=False)
        done = made.returncode == tried.returncode == 0
        return "" if done else f"not permitted: {(made.stderr + tried.stderr).strip()[:200]}"
    finally:
        subprocess.run(["ip", "netns", "del", name], capture_output=True, timeout=240, check=False)


def _do(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, timeout=240)


@dataclass
class Net:
    """Machines 1 to `count` at 10.77.0.N, each of which sees its own folder at `folder`; 1 is the head.

    `bad` is by how many seconds each cable delays what is sent, and which part of it is lost.
    """

    count: int
    name: str
    folder: Path
    environment: dict[str, str]
    quick: bool
    bad: tuple[float, ...]
    nodes: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    begun: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def space(self, number: int) -> str:
        """The namespace of a machine; 0 is the switch."""
        return f"{self.name}{number}"

    def lay(self) -> None:
        """Make the switch, the machines and their cables."""
        spaces = [self.space(number) for number in range(self.count + 1)]
        for space in spaces:
            _do("ip", "netns", "add", space)
        if self.bad:
            self._lay_bad_cables(spaces[1:])
        else:
            self._lay_cables()
        for number, space in enumerate(spaces[1:], 1):
            _do("ip", "-n", space, "addr", "add", f"10.77.0.{number}/24", "dev", "eth0")
            _do("ip", "-n", space, "link", "set", "lo", "up")
            _do("ip", "-n", space, "link", "set", "eth0", "up")
            _do("ip", "-n", space, "route", "add", "default", "dev", "eth0")  # else Ray takes the loopback for its address

    def _lay_cables(self) -> None:
        _do("ip", "-n", self.space(0), "link", "add", "br0", "type", "bridge")
        _do("ip", "-n", self.space(0), "link", "set", "br0", "up")
        for number in range(1, self.count + 1):
            far = ("peer", "name", f"v{number}", "netns", self.space(0))
            _do("ip", "-n", self.space(number), "link", "add", "eth0", "type", "veth", *far)
            _do("ip", "-n", self.space(0), "link", "set", f"v{number}", "master", "br0", "up")

    def _lay_bad_cables(self, spaces: Sequence[str]) -> None:
        delay, loss = self.bad
        log = Path(f"{self.folder}.wire")
        with log.open("wb") as stream:
            words = [sys.executable, "-m", "tests.network.wire", str(delay), str(loss), "1", *spaces]
            wire = subprocess.Popen(words, stdout=stream, stderr=subprocess.STDOUT, cwd=ROOT, start_new_session=True)
        self.begun.append(wire)
        eventually(lambda: b"ready" in log.read_bytes() or wire.poll() is not None, "the switch")
        assert wire.poll() is None, log.read_text()

    def carried(self, number: int) -> int:
        """Bytes that a machine has sent over its cable."""
        words = ["ip", "-n", self.space(number), "-s", "-j", "link", "show", "eth0"]
        told = subprocess.run(words, capture_output=True, timeout=240, check=True).stdout
        return int(json.loads(told)[0]["stats64"]["tx"]["bytes"])

    def cut(self, *numbers: int) -> None:
        """Pull the cables of machines out of the switch."""
        for number in numbers:
            _do("ip", "-n", self.space(0), "link", "set", f"v{number}", "down")

    def heal(self, *numbers: int) -> None:
        """Plug them in again."""
        for number in numbers:
            _do("ip", "-n", self.space(0), "link", "set", f"v{number}", "up")

    def start(self, number: int, words: Sequence[str], log: Path, **more: str) -> subprocess.Popen[bytes]:
        """Start a command on a machine, the leader of a session of its own."""
        own = Path(f"{self.folder}.{number}")
        own.mkdir(exist_ok=True)
        script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
        enter = ["ip", "netns", "exec", self.space(number), "sh", "-c", script, "sh", str(own), str(self.folder)]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        with log.open("ab") as stream:
            process = subprocess.Popen(
                [*enter, *map(str, words)],
                env=kept | self.environment | (QUICK if self.quick else {}) | more,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.begun.append(process)
        return process

    def join(self, number: int) -> None:
        """Start Ray on a machine: the head trains nothing, the others have a core for trials."""
        log = Path(f"{self.folder}.{number}.log")
        log.write_bytes(b"")
        words = [f"{BIN / 'ray'}", "start", "--block", f"--node-ip-address=10.77.0.{number}", "--disable-usage-stats"]
        words += ["--object-store-memory=100000000"]
        if number == HEAD:
            words += [
                "--head",
                f"--port={PORT}",
                "--num-cpus=0",
                '--resources={"trial_driver": 100}',
                "--include-dashboard=false",
            ]
            words += [f"--temp-dir={self.folder}"]
        else:
            words += [f"--address=10.77.0.1:{PORT}", "--num-cpus=1"]
        self.nodes[number] = self.start(number, words, log)
        process = self.nodes[number]
        eventually(lambda: b"Ray runtime started" in log.read_bytes() or process.poll() is not None, f"node {number}", 120)
        assert process.poll() is None, log.read_text()

    def launch(self, log: Path, *words: object) -> Launch:
        """Start `sweep WORDS...` on the head."""
        sweep = [str(BIN / "sweep"), *map(str, words)]
        return Launch(self.start(HEAD, sweep, log, RAY_ADDRESS=f"10.77.0.1:{PORT}", COLUMNS="200"), log)

    def told_dead(self, number: int) -> bool:
        """Whether the head has given a machine up."""
        logs = Path(f"{self.folder}.{HEAD}").glob("session_2*/logs/gcs_server*")
        return any(f"10.77.0.{number}" in line and "health check" in line.lower() for log in logs for line in _lines(log))

    def pause(self, seconds: float) -> None:
        """Let a disturbance last: the wire is what is tested, and it knows no other clock."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.nodes[HEAD].wait(seconds)
        assert self.nodes[HEAD].poll() is None, "the head ended"

    def close(self) -> None:
        """End everything that was started, then take the cables away."""
        sessions = {process.pid for process in self.begun}
        while left := [pid for pid, session, _ in processes() if session in sessions]:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for process in self.begun:
                process.poll()
        for process in self.begun:
            process.wait(240)
        for number in range(self.count + 1):
            subprocess.run(["ip", "netns", "del", self.space(number)], capture_output=True, timeout=240, check=False)
        for path in self.folder.parent.glob(f"{self.folder.name}*"):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()


def _lines(log: Path) -> list[str]:
    return log.read_text("utf-8", errors="replace").splitlines()


@contextlib.contextmanager
def machines(count: int, cache: Path, *, quick: bool = False, bad: tuple[float, ...] = ()) -> Iterator[Net]:
    """A head and `count - 1` workers, each in a namespace of its own, that let in who has their token."""
    folder = Path(tempfile.mkdtemp(prefix="n", dir="/tmp"))  # short, for the sockets in it
    (token := Path(f"{folder}.token")).write_text(secrets.token_hex(16))
    told = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token), "SWEEP_CACHE": str(cache)}
    told |= {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "eth0", "RAY_worker_niceness": "0"}
    net = Net(count, f"s{secrets.token_hex(3)}", folder, told, quick, bad)
    try:
        net.lay()
        for number in range(1, count + 1):
            net.join(number)
        yield net
    finally:
        net.close()
