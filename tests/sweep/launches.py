"""Launches in processes of their own: started, waited for, killed, and looked at from outside."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from reports.table import transfer_csv, transfer_json, transfer_markdown
from sweep.foreseen import tables_of
from sweep.watch.live import read_live
from training.record import TrialRecord, read_records

SWEEP = Path(sys.executable).with_name("sweep")
PATIENCE = 600.0
"""Seconds that anything may take before a test gives up; machines that run tests are often busy."""
OURS = ("SWEEP_", "MLFLOW_", "RAY_", "TUNE_")


@dataclass
class Launch:
    """A `sweep` command under way, the leader of a session that all its processes belong to."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def said(self) -> str:
        """What it has written so far."""
        return self.log.read_text("utf-8")

    def wait(self) -> int:
        """The exit code; kills the whole session and raises when it does not come."""
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            end_session(self)
            raise

    def interrupt(self) -> None:
        """Press Ctrl-C: every process of the foreground group hears it."""
        os.killpg(self.process.pid, signal.SIGINT)

    def family(self) -> dict[int, str]:
        """Its processes besides itself, and what each is called (`ray::...` for Ray's workers)."""
        return {pid: name for pid, session, name in processes() if session == self.process.pid and pid != self.process.pid}

    def workers(self) -> dict[int, str]:
        """Those of its processes that may hold a GPU, memory or a file of the run folder."""
        return {pid: name for pid, name in self.family().items() if not name.startswith(AGENTS)}


AGENTS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")
"""Ray's agents notice within a minute that their node is gone; they hold no accelerator and write nothing."""


def processes() -> Iterator[tuple[int, int, str]]:
    """(process id, session id, command line) of every process that is not a zombie."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            state, _, _, session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            name = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if state != "Z":
            yield int(folder.name), int(session), name


def end_session(launch: Launch) -> None:
    """Kill a launch and everything that belongs to it."""
    for pid in [launch.process.pid, *launch.family()]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    launch.process.wait()


def eventually(condition: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Wait until a condition holds; fails, saying `what`, when it never does."""
    until = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < until, f"gave up waiting for: {what}"
        time.sleep(0.02)


@contextlib.contextmanager
def frozen(launch: Launch, run: Path, steps: int = 1) -> Iterator[None]:
    """Once a trial has done so many steps of a phase, all that are under way stand still until the end of the block."""
    still: set[int] = set()

    def send(number: signal.Signals) -> None:
        for pid in still:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def stand_still() -> bool:
        found = read_live(run)
        if any(state.get("step", 0) >= steps for state in found):
            still.update(state["pid"] for state in found)
            send(signal.SIGSTOP)
            if any(state["pid"] in still for state in read_live(run)):
                return True
            send(signal.SIGCONT)  # they had just ended
            still.clear()
        return launch.process.poll() is not None

    eventually(stand_still, "a trial to train")
    try:
        assert launch.process.poll() is None, launch.said
        yield
    finally:
        send(signal.SIGCONT)


def _hear_interrupts() -> None:
    """A shell's background jobs, and so their children, are born deaf to Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def begin(cache: Path, log: Path, *words: object, **environment: str) -> Launch:
    """Start `sweep WORDS...` with its own cache and none of the caller's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [str(SWEEP), *map(str, words)],
            env={**kept, "SWEEP_CACHE": str(cache), "COLUMNS": "200", **environment},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_hear_interrupts,
        )
    return Launch(process, log)


def run_to_end(cache: Path, log: Path, *words: object, **environment: str) -> tuple[int, str]:
    """Run `sweep WORDS...`; returns its exit code and what it said. Nothing of it may be left."""
    launch = begin(cache, log, *words, **environment)
    code = launch.wait()
    eventually(lambda: not launch.family(), f"end of {launch.family()}")
    return code, launch.said


def tables(run: Path) -> tuple[str, str, str]:
    """The transfer tables of a run folder, in the forms that a program reads."""
    found = tables_of(run)
    return transfer_csv(found), transfer_json(found), transfer_markdown(found)


def weights(run: Path) -> dict[str, str]:
    """Folder name of each phase -> sha256 of its weights."""
    return {
        path.parent.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((run / "phases").glob("*--*/model.safetensors"))
    }


def scores(run: Path) -> dict[str, object]:
    """What the records say, without times, places and versions."""
    return {record.trial: _lasting(record) for record in read_records(run)}


def _lasting(record: TrialRecord) -> tuple[object, ...]:
    keys = tuple(phase.key for phase in record.phases)
    return record.status, record.hyperparameters, keys, record.selection, record.results, record.reason


def leftovers(run: Path) -> list[str]:
    """What a finished sweep has no use for."""
    patterns = ["**/.writing-*", "**/*.tmp", *(f"phases/{name}/*" for name in (".inflight", "damaged"))]
    patterns += [f"{name}/*" for name in ("live", "tune", "train")]
    return sorted(str(path.relative_to(run)) for pattern in patterns for path in run.glob(pattern))


def copy_run(run: Path, place: Path) -> Path:
    """A copy of a run folder, without its tracker (which names its place)."""
    shutil.copytree(run, place, ignore=shutil.ignore_patterns("mlflow*", ".mlflow.lock"))
    return place
