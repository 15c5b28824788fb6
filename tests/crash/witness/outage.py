"""A storage folder that fails: every call on a path below it ends with an error until so many calls of all processes have."""

from __future__ import annotations

import builtins
import fcntl
import io
import json
import os
from collections.abc import Callable
from typing import Any

_STATE = os.path.join(os.environ.get("SWEEP_CRASH_WITNESS", ""), "outage.json")  # noqa: PTH118
_real_stat, _real_open = os.stat, io.open
CALLS = ("stat", "scandir", "listdir", "mkdir", "replace", "rename", "unlink", "rmdir", "open")


def _lasts() -> bool:
    try:
        _real_stat(_STATE)
    except OSError:
        return False
    return True


def begin(order: dict[str, Any]) -> None:
    """The storage below `root` fails with `errno` from now on, for `calls` calls."""
    with _real_open(_STATE, "w") as stream:
        json.dump(order, stream)


def install() -> None:
    """Have this process's calls fail while an outage lasts."""
    for name in CALLS:
        setattr(os, name, _failing(getattr(os, name)))
    io.open = builtins.open = _failing(_real_open)


def _failing(real: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **named: Any) -> Any:
        if arguments and isinstance(arguments[0], (str, os.PathLike)) and _lasts():
            _count(os.fspath(arguments[0]))
        return real(*arguments, **named)

    return call


def _count(path: str) -> None:
    """Fail, and count the failure; the last one ends the outage."""
    try:
        with _real_open(_STATE, "r+") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            order = json.load(stream)
            if order["calls"] <= 0 or not path.startswith(order["root"]):
                return
            order["calls"] -= 1
            stream.seek(0)
            stream.truncate()
            json.dump(order, stream)
    except (FileNotFoundError, ValueError):
        return
    raise OSError(order["errno"], os.strerror(order["errno"]), path)
