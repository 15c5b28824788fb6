"""A switch in user space: cables to machines that are network namespaces, each of which delays frames and loses some.

The kernel has an emulator of bad networks (netem), but not every kernel comes with it; this needs a TUN device alone.

    python -m tests.network.wire SECONDS LOSS SEED NAMESPACE...
"""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import sys
import time
from collections.abc import Sequence
from pathlib import Path

TUNSETIFF, TAP, BARE = 0x400454CA, 0x0002, 0x1000
EVERYBODY = 1
"""The bit of a frame's first byte that says it is for more than one machine."""


def plug(namespace: str) -> int:
    """The end of a new cable `eth0` of a namespace, as a file descriptor whose reads and writes are Ethernet frames."""
    space = os.open(Path("/run/netns") / namespace, os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).setns(space, 0):
        raise OSError(ctypes.get_errno(), f"no way into {namespace}")
    os.close(space)
    cable = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(cable, TUNSETIFF, struct.pack("16sH", b"eth0", TAP | BARE))
    return cable


class Switch:
    """Hands frames on, `delay` seconds late; each is lost with the probability `loss`, drawn from `seed`."""

    def __init__(self, cables: Sequence[int], delay: float, loss: float, seed: int) -> None:
        self.cables, self.delay, self.loss = list(cables), delay, loss
        self.dice = random.Random(seed)
        self.where: dict[bytes, int] = {}
        self.late: list[tuple[float, int, bytes, int]] = []
        self.count = 0

    def take(self, cable: int) -> None:
        """Read a frame, and note when it is to arrive."""
        frame = os.read(cable, 65536)
        self.where[frame[6:12]] = cable
        if self.dice.random() >= self.loss:
            self.count += 1
            heapq.heappush(self.late, (time.monotonic() + self.delay, self.count, frame, cable))

    def deliver(self) -> float | None:
        """Write the frames that are due; returns the seconds until the next one is, None where none is under way."""
        while self.late:
            due = self.late[0][0] - time.monotonic()
            if due > 0:
                return due
            _, _, frame, source = heapq.heappop(self.late)
            known = None if frame[0] & EVERYBODY else self.where.get(frame[:6])
            for cable in self.cables if known is None else [known]:
                if cable != source:
                    self._write(cable, frame)
        return None

    def _write(self, cable: int, frame: bytes) -> None:
        try:
            os.write(cable, frame)
        except OSError:  # its machine is not up: a switch drops what nobody takes
            return

    def run(self) -> None:
        """Hand on for ever."""
        while True:
            ready, _, _ = select.select(self.cables, [], [], self.deliver())
            for cable in ready:
                self.take(cable)


def main(words: Sequence[str]) -> None:
    delay, loss, seed, *namespaces = words
    switch = Switch([plug(name) for name in namespaces], float(delay), float(loss), int(seed))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    switch.run()


if __name__ == "__main__":
    main(sys.argv[1:])
