"""Two processes that run a function as a team: each call has a process group of its own, so no fault spoils the next."""

from __future__ import annotations

import multiprocessing
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

LONGEST = 280.0
"""Seconds that a call may take; a team that waits for itself takes for ever."""


class Pair:
    """Calls a function of a module in both processes, as `function(team, *arguments)`."""

    def __init__(self, folder: Path) -> None:
        self.folder, context = folder, multiprocessing.get_context("spawn")
        pipes = [context.Pipe() for _ in range(2)]
        self.ends = [ours for ours, _ in pipes]
        self.workers = [context.Process(target=_serve, args=(rank, pipes[rank][1]), daemon=True) for rank in range(2)]
        for worker in self.workers:
            worker.start()

    def __call__(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> tuple[Any, Any]:
        """What the leader and its assistant returned; an exception is returned as its text."""
        meeting = self.folder / uuid.uuid4().hex
        for end in self.ends:
            end.send((function, arguments, named, str(meeting)))
        found = []
        for end in self.ends:
            assert end.poll(LONGEST), "the team does not come to an end"
            found.append(end.recv())
        return found[0], found[1]

    def close(self) -> None:
        """End both."""
        for worker in self.workers:
            worker.kill()
            worker.join()


@contextmanager
def paired(folder: Path) -> Iterator[Pair]:
    """Two processes, ended at the end."""
    pair = Pair(folder)
    try:
        yield pair
    finally:
        pair.close()


def _serve(rank: int, end: Any) -> None:
    import torch
    import torch.distributed as dist

    from training.teams.team import form

    torch.set_num_threads(1)
    while True:
        function, arguments, named, meeting = end.recv()
        dist.init_process_group(
            "gloo", init_method=f"file://{meeting}", rank=rank, world_size=2, timeout=timedelta(seconds=240)
        )
        try:
            found = function(form(), *arguments, **named)
        except Exception as error:
            found = f"{type(error).__name__}: {error}"
        dist.destroy_process_group()
        end.send(found)
