"""Steering a sweep from another shell: a request to stop, and the options to go on with.

* `stop.json` is the request: `sweep stop` writes it, the launch that it is meant for honours and removes it. It names the
  launch (`launch.json`), so a request that comes too late never stops the next one.
* `launch.json` holds the options of the latest launch but for the address it notifies, which may be a secret.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from sweep.options import LaunchOptions, store_folder
from sweep.runfolder import hold, is_held, read_mark
from training.errors import UserError
from training.files.storage import write_atomically
from training.stores.behind import address_behind

STOP, OPTIONS = "stop.json", "launch.json"
UNWRITTEN = frozenset({"notify", "retry_failed"})
"""Options that are never written down: a secret, and what is meant for one launch alone."""
LOOK = 1.0
"""Seconds between two looks at the request."""
GRACE = 60.0
"""Seconds that running trials have, after `sweep stop --now`, to write their checkpoints."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """A wish to stop; with `now` running trials are checkpointed instead of waited for. `launch` is whom it is meant for."""

    launch: str
    now: bool


def write_options(run: Path, options: LaunchOptions) -> str:
    """Write down with what this launch was made, and take back requests to stop an earlier one; returns the launch's id.

    Raises StoreError when it can't be written.
    """
    launch = uuid.uuid4().hex[:12]
    values = {item.name: _plain(getattr(options, item.name)) for item in fields(options) if item.name not in UNWRITTEN}
    if values["grid"].endswith(".yaml") or "/" in values["grid"]:
        values["grid"] = str(Path(options.grid).expanduser().absolute())
    values["run"] = str(run.absolute())
    values["store"] = values["store"] and (address_behind(Path(values["store"])) or values["store"])
    payload = {"launch": launch, "began": time.time(), "options": values}
    write_atomically(run / OPTIONS, json.dumps(payload, indent=1, sort_keys=True).encode() + b"\n")
    (run / STOP).unlink(missing_ok=True)
    return launch


def launched(run: Path) -> dict[str, Any]:
    """What `launch.json` says: `launch`, `began` (seconds since the epoch) and `options`; empty where it can't be read."""
    with contextlib.suppress(OSError, ValueError):
        payload = json.loads((run / OPTIONS).read_bytes())
        if isinstance(payload, dict) and isinstance(payload.get("options"), dict):
            return payload
    return {}


def options_to_resume(run: Path, notify: str | None = None) -> LaunchOptions:
    """The options of the latest launch, for another; a request to stop is taken back.

    Raises UserError when the folder is no run folder, is in use, or does not say how it was launched.
    """
    mark = read_mark(run)
    with hold(run):
        (run / STOP).unlink(missing_ok=True)
    values = launched(run).get("options")
    again = f"give the launch's own command: sweep launch --grid {mark.grid} --run {run}"
    if values is None:
        raise UserError("this run folder does not say how it was launched", run, again)
    known = {item.name: item for item in fields(LaunchOptions)}
    unknown = sorted(values.keys() - known.keys())
    if unknown or "grid" not in values:
        raise UserError("the options of the latest launch are another version's", ", ".join(unknown), again)
    try:
        typed = {name: _typed(str(known[name].type), value) for name, value in values.items()}
        options = LaunchOptions(**typed | {"store": store_folder(values["store"]) if values.get("store") else None})
    except TypeError as error:
        raise UserError("the options of the latest launch can't be read", error, again) from error
    return replace(options, run=run, notify=notify)


def _plain(value: object) -> Any:
    if isinstance(value, Path):
        return str(value.expanduser().absolute())
    return dict(value) if isinstance(value, Mapping) else value


def _typed(kind: str, value: Any) -> Any:
    return Path(value) if "Path" in kind and value is not None else value


def request_stop(run: Path, *, now: bool = False) -> str:
    """Ask the launch that holds a run folder to end; returns what to tell the user.

    Raises UserError when the folder is no run folder, or no launch is using it.
    """
    mark = read_mark(run)
    launch = launched(run).get("launch", "")
    if not is_held(run) or not launch:
        remedy = f"to go on with it: sweep resume --run {run}"
        raise UserError(f"the sweep {mark.grid} is not running", run, remedy)
    pending = read_request(run)
    if pending is not None and pending.launch == launch and pending.now >= now:
        return f"{mark.grid} is stopping already\n{_next(run)}"
    _write_request(run, Request(launch=launch, now=now))
    what = "writes its checkpoints and ends" if now else "starts nothing new and ends when its running trials have"
    return f"{mark.grid} {what}\n{_next(run)}"


def _next(run: Path) -> str:
    where = shlex.quote(str(run))
    return f"how far it is: sweep status --watch --run {where}\nto go on later: sweep resume --run {where}"


def _write_request(run: Path, request: Request) -> None:
    payload = {"launch": request.launch, "now": request.now, "at": time.time()}
    write_atomically(run / STOP, json.dumps(payload).encode() + b"\n")


def read_request(run: Path) -> Request | None:
    """The request that lies in a run folder, whomever it is meant for; None where there is none that can be read."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        payload = json.loads((run / STOP).read_bytes())
        return Request(launch=str(payload["launch"]), now=bool(payload["now"]))
    return None


def is_stopping(run: Path) -> bool:
    """Whether the launch that holds the run folder has been asked to end."""
    pending = read_request(run)
    return pending is not None and pending.launch == launched(run).get("launch")


class StopRequest:
    """The launching process's ear for `sweep stop`; a gate of the search, which starts nothing once it was asked to stop.

    The folder is looked at once a second at most, so that asking costs nothing. `interrupted` is set where the process itself
    was asked to end (Ctrl-C): a request to stop now, which running trials hear of as they hear of any other.
    """

    def __init__(self, run: Path, launch: str, clock: Callable[[], float] = time.monotonic) -> None:
        """`launch` is this launch's id (`write_options`); `clock` gives seconds."""
        self.run, self.launch, self.clock = run, launch, clock
        self._looked, self._asked_at = float("-inf"), 0.0
        self._request: Request | None = None
        self.interrupted = False

    @property
    def request(self) -> Request | None:
        """What was asked of this launch, None as long as nothing was."""
        if self.interrupted and not (self._request and self._request.now):
            self._request, self._asked_at = Request(launch=self.launch, now=True), self.clock()
            with contextlib.suppress(UserError):  # a full disk: running trials then end without a last checkpoint
                _write_request(self.run, self._request)
        if self.clock() - self._looked >= LOOK and not (self._request and self._request.now):
            self._looked = self.clock()
            found = read_request(self.run)
            if found is not None and found.launch == self.launch and found != self._request:
                self._request, self._asked_at = found, self.clock()
        return self._request

    def admits(self, ask: object = None) -> bool:
        """Whether something new may be started."""
        return self.request is None

    def started(self, ask: object) -> None:
        """A leg was handed out: nothing to note."""

    def ended(self, ask: object) -> None:
        """A leg is over: nothing to note."""

    def must_end(self, saved: Iterable[bool]) -> bool:
        """Whether to end running trials: asked to stop now, and each has its checkpoint (`saved`) or had its time for one.

        Never at once: what trials say of themselves may be as old as `LOOK`.
        """
        if self.request is None or not self.request.now:
            return False
        waited = self.clock() - self._asked_at
        return waited >= LOOK and (waited > GRACE or all(saved))

    def honoured(self) -> None:
        """The launch has ended: the request is done with."""
        if self.request is not None:
            (self.run / STOP).unlink(missing_ok=True)
