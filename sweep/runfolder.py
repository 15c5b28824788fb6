"""The run folder: everything one sweep leaves behind, marked as ours, held by one launch at a time.

`sweep.json` names the sweep, its grid and the studies of its latest launch. It is what tells a run folder from a foreign one.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from sweep.heartbeat import HEARTBEAT, beating, refuse_beating
from training.errors import UserError
from training.files.codec import canonical, from_payload
from training.files.storage import storage_errors, write_atomically
from training.record import EVIDENCE, RECORDS, RUNGS

MARK, SNAPSHOT = "sweep.json", "grid.json"
"""What a run folder is, and the grid of its last launch."""
TRIAL_FILES = {RECORDS: ".json", RUNGS: ".json", EVIDENCE: ".safetensors"}
"""Folders of what trials leave, and the ending of its files: they go where a copy of the run folder goes."""
LOCK = ".lock"
ELSEWHERE = ".elsewhere"
"""In a copy of a run folder: a launch on another machine went on with it when it was copied."""
BELIEVED = 600.0
"""Seconds for which that is believed."""
FIRST_TRACES = (LOCK, HEARTBEAT, ELSEWHERE, ".behind.json", "rankings.json")
SCHEMA = 1
PATIENCE, TRIES = 0.5, 10
"""Seconds for which a run folder that is held is tried again, and how often."""


@dataclass(frozen=True, kw_only=True)
class PairMark:
    """A pair that the grid foresees, and how many settings it is tuned with (0: it is left out)."""

    model: str
    intermediate: str
    target: str
    settings: int


@dataclass(frozen=True, kw_only=True)
class RunMark:
    """What `sweep.json` says of the latest launch.

    `studies` are the labels of the grid's studies, `trials` how many trials they have at most, `budgets` the settings of each
    study by its label. `chained` names the tasks that another target's chain goes on from. `store` is the folder of a phase
    store that sweeps share (empty: the run folder's own), `resources` what a trial holds (`gpu`, `cpu`), `shares` the GPUs of
    a trial by its study where studies have different ones, `stopping` whether settings may be stopped early. `left_out` are the
    pairs that the grid's `rank` leaves out.
    """

    schema: int
    sweep: str
    grid: str
    studies: tuple[str, ...] = ()
    trials: int = 0
    seeds: tuple[int, ...] = ()
    pairs: tuple[PairMark, ...] = ()
    budgets: Mapping[str, int] = field(default_factory=dict)
    chained: tuple[str, ...] = ()
    store: str = ""
    resources: Mapping[str, float] = field(default_factory=dict)
    stopping: bool = False
    shares: Mapping[str, float] = field(default_factory=dict)
    left_out: tuple[PairMark, ...] = ()

    @property
    def unit(self) -> str:
        """What a trial's hours are counted in: GPU-hours, or CPU-hours where it holds no GPU."""
        return "GPU-hours" if self.resources.get("gpu") else "CPU-hours"

    def share_of(self, study: str) -> float:
        """GPUs (or CPU cores, where it holds no GPU) of a trial of the study with this label."""
        return self.shares.get(study) or self.resources.get("gpu") or self.resources.get("cpu") or 1.0


def store_of(run: Path, mark: RunMark | None = None) -> Path:
    """The phase store of a run folder: its own, or one that sweeps share; raises UserError when it is no run folder."""
    named = (mark or read_mark(run)).store
    return Path(named) if named else run / "phases"


def read_mark(run: Path) -> RunMark:
    """The mark of a run folder; raises UserError when there is none or it does not fit."""
    try:
        payload = json.loads((run / MARK).read_bytes())
    except (OSError, ValueError) as error:
        remedy = "give the run folder of an earlier `sweep launch`, or a new one"
        raise UserError(f"this is not a run folder: its {MARK} can't be read", run, remedy) from error
    return from_payload(RunMark, payload, str(run / MARK))


def refuse_foreign(run: Path, grid: str) -> None:
    """Raises UserError when the folder is a file, another grid's run folder, or holds what no sweep made; touches nothing."""
    if run.exists() and not run.is_dir():
        raise UserError("the run folder is a file", run, "give another --run")
    if (run / MARK).is_file():
        mark = read_mark(run)
        if mark.grid != grid:
            raise UserError(f"the run folder belongs to grid {mark.grid}, not {grid}", run, "give another --run for this grid")
        return
    strangers = [path.name for path in run.iterdir() if not _is_first_trace(path.name)] if run.is_dir() else []
    if strangers:
        remedy = "give an empty or new folder with --run: nothing in this one was touched"
        raise UserError(f"the folder {run} holds files that no sweep made", ", ".join(sorted(strangers)[:5]), remedy)


def _is_first_trace(name: str) -> bool:
    """Whether a launch that is killed before it has marked its folder leaves this."""
    return name in FIRST_TRACES or (name.startswith(f".{MARK}.") and name.endswith(".tmp"))


def open_run(run: Path, grid: str) -> RunMark:
    """Take a run folder for a grid: a new or empty one is marked, our own is taken up; raises UserError on a foreign one."""
    refuse_foreign(run, grid)
    if (run / MARK).is_file():
        return read_mark(run)
    mark = RunMark(schema=SCHEMA, sweep=uuid.uuid4().hex[:12], grid=grid)
    write_mark(run, mark)
    return mark


def write_mark(run: Path, mark: RunMark) -> None:
    """Write `sweep.json` atomically."""
    write_atomically(run / MARK, canonical(mark) + b"\n")


@contextlib.contextmanager
def hold(run: Path) -> Iterator[None]:
    """Hold the run folder for this launch; raises UserError naming the holder while another launch has it.

    The kernel drops the lock when its process dies, so a killed launch leaves nothing to clean. Where locks are one machine's
    own, `sweep.heartbeat` tells of a launch on another; where there are none, the folder is refused.
    """
    with storage_errors(run):
        run.mkdir(parents=True, exist_ok=True)
        stream = (run / LOCK).open("a+", encoding="utf-8")
    with stream:
        if not _taken(stream):
            stream.seek(0)
            holder = stream.read().strip() or "unknown"
            remedy = "wait for it, stop it, or give another --run; `sweep status` shows how far it is"
            raise UserError(f"another launch is using the run folder {run}", holder, remedy)
        refuse_beating(run)
        holder = f"process {os.getpid()} on {socket.gethostname()} since {time.strftime('%Y-%m-%d %H:%M:%S')}"
        stream.truncate(0)
        stream.write(holder)
        stream.flush()
        with beating(run, holder):
            yield


def _taken(stream: IO[str]) -> bool:
    """Take the lock; tries for a moment, in which a `sweep status` that has only looked at it is through."""
    for _ in range(TRIES):
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(PATIENCE / TRIES)
        except OSError as error:
            remedy = "mount it with locks (Lustre: -o flock), or give a --run on another file system"
            raise UserError("the run folder's file system has no locks", error.strerror or error, remedy) from error
        else:
            return True
    return False


def runs_elsewhere(run: Path) -> bool:
    """Whether this is a copy of a run folder with which a launch on another machine goes on."""
    try:
        return time.time() - (run / ELSEWHERE).stat().st_mtime < BELIEVED
    except OSError:
        return False


def is_held(run: Path) -> bool:
    """Whether a launch is using the run folder now, or what it is a copy of."""
    if runs_elsewhere(run):
        return True
    try:
        with (run / LOCK).open(encoding="utf-8") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
