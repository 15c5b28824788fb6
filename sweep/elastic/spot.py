"""`python -m sweep.elastic.spot`: on each spot node, turns the cloud's notice into a drain of the node.

Ray's AWS provider does not do this. A drained node gets no new work, and what trains there writes a checkpoint at once
(`sweep.elastic.preemption`). It is to be started after `ray start`, and runs as long as the machine. It needs Ray alone.
"""

from __future__ import annotations

import argparse
import fcntl
import logging
import math
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from sweep.elastic.metadata import SERVICE, Cloud, Notice, Service, cloud_at

INTERVAL = 5.0
"""Seconds between two looks: what AWS recommends for its notices."""
DRAIN_SECONDS = 30.0
"""Seconds that one try to drain may take."""
REASON = "DRAIN_NODE_REASON_PREEMPTION"
Drain = Callable[[Notice], None]
"""Drains this node; raises OSError where that failed."""
log = logging.getLogger("sweep.spot")


class Spot:
    """Looks at the cloud's service again and again; says each change in one line, and never ends by itself."""

    def __init__(self, service: Service, drain: Drain, *, rebalance: bool = False) -> None:
        self.service, self.drain, self.rebalance = service, drain, rebalance
        self.cloud: Cloud | None = None
        self.drained = False
        self._said = ""

    def look(self) -> None:
        """Look once; whatever goes wrong is said once, and tried again at the next look."""
        try:
            self.cloud = self.cloud or cloud_at(self.service)
            if self.cloud is None:
                self._say("no cloud that is known answers; still looking")
                return
            notice = self.cloud.notice()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
            self._say(f"the metadata service does not answer ({type(fault).__name__}); still looking")
            return
        self._act(notice)

    def watch(self, over: threading.Event, interval: float = INTERVAL) -> None:
        """Look until `over`."""
        while not over.is_set():
            self.look()
            over.wait(interval)

    def _act(self, notice: Notice | None) -> None:
        if notice is None:
            self._say("the notice was taken back; the node stays drained" if self.drained else f"{self._whose}: no notice")
        elif self.drained:
            return
        elif not notice.sure and not self.rebalance:
            self._say(f"{notice.why}; nothing is done (--rebalance would drain the node)")
        else:
            try:
                self.drain(notice)
            except OSError as fault:
                self._say(f"{notice.why}, but the node could not be drained: {fault}; trying again")
                return
            self.drained = True
            self._say(f"{notice.why}: node drained, {max(0.0, notice.deadline - time.time()):.0f} s left")

    @property
    def _whose(self) -> str:
        return self.cloud.name if self.cloud else ""

    def _say(self, text: str) -> None:
        if text != self._said:
            self._said = text
            log.info("%s", text)


def drain_with_ray(address: str, node: str | None) -> Drain:
    """Drains a node (hexadecimal id; None: the one that runs here) of the cluster at `address` by Ray's own command."""

    def drain(notice: Notice) -> None:
        left = max(0, math.floor(notice.deadline - time.time()))
        words = [str(Path(sys.executable).with_name("ray")), "drain-node", f"--address={address}", f"--reason={REASON}"]
        words += [f"--reason-message={notice.why}", f"--deadline-remaining-seconds={left}"]
        words += [f"--node-id={node}"] if node else []
        try:
            done = subprocess.run(words, env=_with_token(), capture_output=True, text=True, timeout=DRAIN_SECONDS, check=False)
        except subprocess.TimeoutExpired as fault:
            raise OSError(f"Ray did not answer within {DRAIN_SECONDS:.0f} s") from fault
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise OSError(said[-1][:300] if said else f"ray drain-node left with {done.returncode}")

    return drain


def _with_token() -> dict[str, str]:
    """This process's environment, with Ray's token made use of where there is one: `ray drain-node` does not look for it."""
    here = dict(os.environ)
    if "RAY_AUTH_MODE" not in here and ("RAY_AUTH_TOKEN" in here or Path.home().joinpath(".ray", "auth_token").is_file()):
        here["RAY_AUTH_MODE"] = "token"
    return here


def main(words: Sequence[str] | None = None) -> int:
    """Watch until ended; returns 0, also where another watches already, and 2 where what was given is wrong."""
    parser = argparse.ArgumentParser(prog="python -m sweep.elastic.spot", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--address", default="auto", help="the cluster's address (default: the one that runs here)")
    parser.add_argument("--node-id", help="the node to drain, in hexadecimal (default: the one that runs here)")
    parser.add_argument("--metadata", default=SERVICE, help="the metadata service (default: %(default)s)")
    parser.add_argument("--interval", type=float, default=INTERVAL, help="seconds between two looks (default: %(default)s)")
    parser.add_argument("--rebalance", action="store_true", help="drain on AWS's rebalance recommendations, too")
    given = parser.parse_args(words)
    if not 0 < given.interval < math.inf:
        parser.error(f"--interval must be a number of seconds above 0, not {given.interval}")
    if given.node_id and not re.fullmatch("[0-9a-f]+", given.node_id):
        parser.error(f"--node-id must be hexadecimal, not {given.node_id!r}")
    try:
        service = Service(given.metadata)
    except ValueError as fault:
        parser.error(str(fault))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s spot: %(message)s", stream=sys.stderr)
    place = Path(tempfile.gettempdir(), f"sweep-spot-{os.getuid()}-{given.node_id or 'here'}.lock")
    with place.open("a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            log.info("another watcher runs here")
            return 0
        spot = Spot(service, drain_with_ray(given.address, given.node_id), rebalance=given.rebalance)
        try:
            spot.watch(threading.Event(), given.interval)
        except KeyboardInterrupt:
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
