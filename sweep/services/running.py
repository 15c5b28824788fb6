"""The programs that supervisord starts: `python -m sweep.services.running NAME` becomes PostgreSQL, MLflow or the minder.

They end with supervisord, whatever ended it, so that the next start finds nothing that nobody looks after.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import sys
from typing import NoReturn

from sweep.services.place import MLFLOW, Place, Settings, place_here, read_settings
from sweep.services.postgres import environment, server_user, server_words
from training.errors import UserError
from training.stores.objects import is_address

QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
"""MLflow's own queue of background jobs, which nothing here uses, would be several processes more."""
_PR_SET_PDEATHSIG = 1


def mlflow_words(settings: Settings) -> list[str]:
    """The command of the tracking server: on the loopback, with files in the store, served by it."""
    files = settings.store if is_address(settings.store) else f"file://{settings.store}"
    words = ["-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(settings.port), "--workers", "1"]
    return [sys.executable, *words, "--serve-artifacts", "--artifacts-destination", f"{files}/artifacts"]


def _end_with_parent(number: signal.Signals) -> None:
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number.value)
    if os.getppid() != parent:
        raise SystemExit(0)


def _postgres(place: Place) -> NoReturn:
    user = server_user()
    if user:
        known = pwd.getpwnam(user)
        os.setgroups([])
        os.setgid(known.pw_gid)
        os.setuid(known.pw_uid)
    _end_with_parent(signal.SIGINT)
    words = server_words(place, place.data)
    os.chdir("/")
    os.execve(words[0], words, environment(place))


def _mlflow(place: Place, settings: Settings) -> NoReturn:
    _end_with_parent(signal.SIGTERM)
    words = mlflow_words(settings)
    os.execve(words[0], words, {**os.environ, **QUIET, "MLFLOW_BACKEND_STORE_URI": place.url(MLFLOW)})


def main(name: str) -> None:
    """Become a program of the services; leaves with 2 on a fault of the user's."""
    try:
        place = place_here()
        settings = read_settings(place)
        if settings is None:
            raise UserError("the services were never started here", place.folder, "sweep services start")
        if name == "postgres":
            _postgres(place)
        elif name == "mlflow":
            _mlflow(place, settings)
        else:
            from sweep.services.minding import mind

            _end_with_parent(signal.SIGTERM)
            mind(place, settings)
    except UserError as fault:
        print(f"error: {fault}", file=sys.stderr)  # noqa: T201
        raise SystemExit(2) from fault


if __name__ == "__main__":
    main(sys.argv[1])
