"""Notices that this machine is about to be taken away: a training process then writes a checkpoint at once.

Two signs are looked for: the cluster drains this node (`ray drain-node`, an autoscaler or a cloud's agent has told Ray so), and
the process is asked to end (SIGTERM), in which case the training thread has a moment to reach its checkpoint.
"""

from __future__ import annotations

import atexit
import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping

INTERVAL = 2.0
"""Seconds between two looks at the cluster; a spot machine's notice is 30 to 120 s long."""
GRACE = 10.0
"""Seconds for which a process that is asked to end waits for its checkpoint, at most."""
STEP = 0.05
Draining = Callable[[], Mapping[str, int]]
"""Gives the nodes that are drained: node id -> deadline in milliseconds since the epoch, 0 where there is none."""


def draining_nodes() -> Mapping[str, int]:
    """The cluster's nodes that are drained now (Ray's own table, a private interface that a test holds)."""
    import ray._private.state

    found: Mapping[str, int] = ray._private.state.state.get_draining_nodes()
    return found or {}


class Notice:
    """Whether this process is about to be taken away; `given` is asked between training steps, and costs nothing."""

    def __init__(self, node: str = "", draining: Draining = draining_nodes, interval: float = INTERVAL) -> None:
        self.node, self.deadline = node, 0.0
        self._draining, self._interval = draining, interval
        self._given, self._closed, self._heard = threading.Event(), threading.Event(), threading.Event()
        self._training = threading.Event()

    def given(self) -> bool:
        """Whether there is a notice. Who asks after it came has heard it, and will have acted on it when it asks again."""
        if not self._given.is_set():
            return False
        if self._heard.is_set():
            self._training.clear()  # the checkpoint of the first answer is written by now
        self._heard.set()
        return True

    @property
    def taken(self) -> bool:
        """Whether a notice has come; unlike `given`, asking changes nothing."""
        return self._given.is_set()

    @contextlib.contextmanager
    def training(self) -> Iterator[Notice]:
        """While something is trained: an end of the process waits until it is saved, or done."""
        self._training.set()
        try:
            yield self
        finally:
            self._training.clear()

    def give(self, deadline: float = 0.0) -> None:
        """Give notice; `deadline` is in seconds since the epoch, 0 where it is unknown."""
        self.deadline = deadline
        self._given.set()

    def look(self) -> None:
        """Look at the cluster once; one that does not answer gives no notice."""
        with contextlib.suppress(Exception):
            found = self._draining()
            if self.node in found:
                self.give(found[self.node] / 1000)

    def before_exit(self) -> None:
        """Give notice and wait until what is trained is saved; for a process that was asked to end."""
        if self._training.is_set():
            self.give()
            until = time.monotonic() + GRACE
            while self._training.is_set() and time.monotonic() < until:
                time.sleep(STEP)

    def close(self) -> None:
        """Stop looking."""
        self._closed.set()

    def watch(self) -> None:
        """Look until a notice comes or `close` is called."""
        while not self._given.is_set() and not self._closed.wait(self._interval):
            self.look()


@contextlib.contextmanager
def noticing(notice: Notice) -> Iterator[Notice]:
    """Watch for notices in a thread of its own, and at the end of the process.

    Ray ends a worker that gets SIGTERM through Python's own end, while other threads still run: there the last checkpoint is
    written.
    """
    atexit.register(notice.before_exit)
    thread = threading.Thread(target=notice.watch, name="preemption", daemon=True)
    thread.start()
    try:
        yield notice
    finally:
        notice.close()
        atexit.unregister(notice.before_exit)


def this_node() -> str:
    """The id of the node that this process is on."""
    import ray

    return str(ray.get_runtime_context().get_node_id())
