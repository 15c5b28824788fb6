"""A process that has everything imported, and forks the drivers and workers of sweeps: a kill costs hundredths of a second.

Run as `python -m tests.crash.forging SOCKET`. A driver is a whole `sweep launch`: search, records, studies, tidying and table.
Only Ray's and MLflow's parts are played here: legs run in processes forked from this one, a lost leg is tried again as by Tune,
and the workers of a dead driver are killed as by a raylet. The tests with Ray itself are beside this one.
"""

from __future__ import annotations

import ctypes
import json
import os
import pickle
import select
import signal
import socket
import sys
import time
import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import outage
import torch._dynamo
import transformers.masking_utils
import transformers.models.xlm_roberta.modeling_xlm_roberta
import witness

import sweep.launch
import sweep.launching.experiment
import sweep.tracking
from sweep.cli import main as sweep_verbs
from sweep.launching.callbacks import Ears, StopWhenOver
from sweep.planning.plan import Plan
from sweep.search.board import Board
from sweep.search.searcher import PairSearcher
from sweep.trial import run_leg
from tests.crash.forge import PAUSE, Message, ask

AT_ONCE = 2
WARM = (torch._dynamo, transformers.masking_utils, transformers.models.xlm_roberta.modeling_xlm_roberta)
"""What a worker would import when it first trains."""
DIE_WITH_PARENT = 1
"""Linux's PR_SET_PDEATHSIG."""


class NoMirror:
    """In the place of MLflow's queue."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        pass

    def put(self, record: Any) -> None:
        pass

    def close(self, timeout: float) -> None:
        pass


class Forge:
    """Forks what it is asked for; `ended` of a process is a file with its exit code, below 0 where a signal killed it."""

    def __init__(self, address: str) -> None:
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.server.bind(f"{address}.new")
        self.server.listen(16)
        Path(f"{address}.new").rename(address)  # who finds it can connect
        self.ends: dict[int, Path] = {}
        self.drivers: dict[int, int] = {}

    def serve(self) -> None:
        """Until the process that started it is gone."""
        parent = os.getppid()
        while os.getppid() == parent:
            if select.select([self.server], [], [], PAUSE)[0]:
                connection, _ = self.server.accept()
                with connection:
                    wanted = json.loads(connection.recv(1 << 16))
                    connection.send(str(self._forked(wanted)).encode())
            self._reap()

    def _forked(self, wanted: Message) -> int:
        if wanted["driver"] and wanted["driver"] not in self.ends:
            return 0  # a driver that was killed while it asked
        pid = os.fork()
        if pid == 0:
            self._become(wanted)
        self.ends[pid], self.drivers[pid] = Path(wanted["ended"]), wanted["driver"]
        return pid

    def _become(self, wanted: Message) -> None:
        """The forked process: a driver (`words`) or a worker (`leg`); does not return."""
        self.server.close()
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
        log = os.open(wanted["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        witness.FOLDER, witness.LAUNCH = wanted["witness"], wanted["launch"]
        outage._STATE = os.path.join(wanted["witness"], "outage.json")  # noqa: PTH118
        code = 1
        try:
            code = _worker(wanted) if "leg" in wanted else _driver(wanted)
        except SystemExit as end:
            code = int(end.code or 0)
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        os._exit(code)

    def _reap(self) -> None:
        while self.ends:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            for other in [other for other, driver in self.drivers.items() if driver == pid]:
                os.kill(other, signal.SIGKILL)
            path = self.ends.pop(pid)
            del self.drivers[pid]
            beside = path.with_suffix(".beside")
            beside.write_text(str(os.waitstatus_to_exitcode(status)))
            beside.replace(path)


def _worker(wanted: Message) -> int:
    folder = Path(wanted["leg"])
    plan: Plan = pickle.loads((folder.parent / "plan").read_bytes())
    try:
        report = run_leg(plan, pickle.loads((folder / "config").read_bytes()))
    except Exception:
        (folder / "fault").write_text(traceback.format_exc())
        return 1
    (folder / "report").write_bytes(pickle.dumps(report))
    return 0


def _driver(wanted: Message) -> int:
    os.setsid()

    def run(plan: Plan, board: Board, ears: Ears, stopper: StopWhenOver) -> None:
        Experiment(wanted, plan, board, ears, stopper).run()

    sweep.launch.run_experiment = run
    sweep.tracking.open_tracker = lambda *arguments: None
    sweep.tracking.MirrorQueue = NoMirror
    sweep_verbs.main(wanted["words"], standalone_mode=True)
    return 0


class Experiment:
    """In the place of Tune: asks the search for legs, has them forked, and tells it how they ended."""

    def __init__(self, wanted: Message, plan: Plan, board: Board, ears: Ears, stopper: StopWhenOver) -> None:
        self.wanted, self.board, self.ears, self.stopper = wanted, board, ears, stopper
        self.searcher = PairSearcher(board)
        self.folder = Path(wanted["witness"]) / f"legs-{wanted['launch']}"
        self.folder.mkdir()
        (self.folder / "plan").write_bytes(pickle.dumps(plan))
        self.running: dict[str, Any] = {}
        self.begun = 0

    def run(self) -> None:
        """Until the search has nothing left, or the sweep is to end."""
        while not self.stopper.stop_all():
            self.ears.on_step_begin(0, [])
            more = self._start()
            for name in [name for name in self.running if (self.folder / name / "ended").exists()]:
                self._ended(name)
            if not more and not self.running:
                return
            time.sleep(PAUSE)

    def _start(self) -> bool:
        """Start what can be started; whether there may be more."""
        while len(self.running) < AT_ONCE:
            name = str(self.begun)
            config = self.searcher.suggest(name)
            if not isinstance(config, dict):
                return config is None
            self.begun += 1
            (self.folder / name).mkdir()
            (self.folder / name / "config").write_bytes(pickle.dumps(config))
            self.running[name] = SimpleNamespace(config=config, num_failures=0)
            self._fork(name)
        return True

    def _fork(self, name: str) -> None:
        folder = self.folder / name
        told = {key: self.wanted[key] for key in ("log", "witness", "launch", "address")}
        ask(self.wanted["address"], {**told, "driver": os.getpid(), "leg": str(folder), "ended": str(folder / "ended")})

    def _ended(self, name: str) -> None:
        trial, folder = self.running[name], self.folder / name
        (folder / "ended").unlink()
        if not (folder / "report").exists():  # lost, or a fault of ours: both are tried again
            trial.num_failures += 1
            self.ears.on_trial_recover(0, [], trial)
            self._fork(name)
            return
        del self.running[name]
        result = pickle.loads((folder / "report").read_bytes())
        self.stopper(name, result)
        self.searcher.on_trial_complete(name, result)
        self.ears.on_trial_complete(0, [], trial)


if __name__ == "__main__":
    Forge(sys.argv[1]).serve()
