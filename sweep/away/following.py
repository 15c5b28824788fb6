"""What a job writes, shown here as it comes: through lost connections, until it ends or the user looks away."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Mapping

from sweep.away.cluster import Cluster, Job, OutOfReachError
from sweep.away.place import JOB_VARIABLE
from training.errors import UserError

SILENT = 20.0
"""Seconds without a word after which the job is asked about: a connection may have died unheard."""
PATIENCE = 600.0
"""Seconds that a cluster may be out of reach before following is given up."""
AGAIN = 2.0
BEGIN = re.compile(r"^Running entrypoint for job [^\n]*\n", re.MULTILINE)
"""Ray's last line before a job's own."""


class Shown:
    """What was shown of a job's output: text that comes again after a lost connection is passed over."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self.write = write
        self.past, self.begun, self._waiting = 0, False, ""
        self._seen = 0

    def restart(self) -> None:
        """The text comes from its beginning again."""
        self._seen = 0

    def take(self, text: str) -> None:
        """Show what of a text was not shown; what Ray writes before the job's own first line is left out."""
        before = self._seen
        self._seen += len(text)
        new = text[max(0, self.past - before) :]
        self.past = max(self.past, self._seen)
        if self.begun:
            self.write(new)
            return
        self._waiting += new
        if found := BEGIN.search(self._waiting):
            self.begun = True
            self.write(self._waiting[found.end() :])
            self._waiting = ""


def follow(cluster: Cluster, name: str, write: Callable[[str], object] | None = None) -> Job:
    """Show a job's output until it ends; returns how it ended. Ctrl-C passes through, the job goes on.

    Raises UserError when the cluster is out of reach for `PATIENCE` seconds, or does not know the job.
    """
    from aiohttp import ClientError

    shown, lost = Shown(write or _to_terminal), 0.0
    while True:
        try:
            job = cluster.job(name)
            if job.state != "PENDING":
                asyncio.run(_listen(cluster, name, shown))
                job = cluster.job(name)
            lost = 0.0
            if not job.going:
                return job
        except (
            OutOfReachError,
            ClientError,
            ConnectionError,
            RuntimeError,
        ) as error:  # RuntimeError: Ray's of a lost connection
            lost = lost or time.monotonic()
            if time.monotonic() - lost > PATIENCE:
                raise _as_user_error(error, cluster) from error
        shown.restart()
        time.sleep(AGAIN if lost else 0.5)


def _as_user_error(error: Exception, cluster: Cluster) -> UserError:
    if isinstance(error, UserError):
        return error
    return UserError("the connection to the cluster was lost", cluster.address, "the job goes on; look again with sweep logs")


async def _listen(cluster: Cluster, name: str, shown: Shown) -> None:
    """Hear a job out; returns when it has ended, or when nothing was heard for a while."""
    words = cluster.tail(name)
    try:
        while True:
            shown.take(await asyncio.wait_for(anext(words), SILENT))
    except (StopAsyncIteration, TimeoutError):
        return
    finally:
        close = getattr(words, "aclose", None)
        if close is not None:
            await close()


def _to_terminal(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read has seen enough, and what is still buffered has nowhere to go
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None


def surroundings(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What a job is told of the terminal that shows it; nothing that could be a secret."""
    columns = environment.get("COLUMNS") or str(shutil.get_terminal_size((120, 24)).columns)
    return {"COLUMNS": columns, "PYTHONUNBUFFERED": "1", JOB_VARIABLE: "1"}
