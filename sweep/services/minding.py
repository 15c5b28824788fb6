"""The minder: restarts a server that is up and does not answer, and makes a backup every so often.

supervisord restarts what has ended. What runs and does not work it can't see, and what failed ten times in a row it leaves
alone; both are seen here, by asking.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from sweep.services.backups import make_backup
from sweep.services.place import Place, Settings
from sweep.services.probes import Answer, ask_mlflow, ask_postgres
from sweep.services.shelf import shelf_of
from sweep.services.supervising import Supervisor
from training.errors import UserError

MISSES = 3
"""How many times in a row a server may not answer before it is restarted."""
GRACE = 180.0
"""Seconds after its start for which a server need not answer, if it has not done so yet."""
AGAIN = 60.0
"""Seconds after which a program that supervisord gave up is tried again, and a backup that failed."""
_log = logging.getLogger(__name__)


class Minder:
    """One look after the other at both servers."""

    def __init__(self, supervisor: Supervisor, ask: Callable[[], list[Answer]], clock: Callable[[], float]) -> None:
        """`ask` gives the answers, those first that others depend on; `clock` counts seconds."""
        self._supervisor, self._ask, self._clock = supervisor, ask, clock
        self._misses: dict[str, int] = {}
        self._tried: dict[str, float] = {}
        self._answered: dict[str, int] = {}

    def look(self) -> bool:
        """Ask both servers, and restart what has to be; returns whether both work."""
        states = self._supervisor.states()
        good = True
        for answer in self._ask():
            held = states[answer.name]
            if held["statename"] in ("FATAL", "EXITED"):
                self._try_again(answer.name)
            if answer.good:
                self._answered[answer.name] = held["pid"]
            began = held["now"] - held["start"] >= GRACE or self._answered.get(answer.name) == held["pid"]
            young = held["statename"] != "RUNNING" or not began
            # Who depends on a server that does not work can't be judged.
            counts = not answer.good and good and not young
            self._misses[answer.name] = self._misses.get(answer.name, 0) + 1 if counts else 0
            good = good and answer.good
            if self._misses[answer.name] >= MISSES:
                self._restart(answer)
        return good

    def _try_again(self, name: str) -> None:
        now = self._clock()
        if now - self._tried.get(name, -AGAIN) >= AGAIN:
            self._tried[name] = now
            _log.warning("%s had ended for good; starting it again", name)
            self._supervisor.start(name)

    def _restart(self, answer: Answer) -> None:
        _log.warning("%s is up and does not answer (%s); restarting it", answer.name, answer.fault)
        self._misses[answer.name] = 0
        self._supervisor.stop(answer.name)
        self._supervisor.start(answer.name)


def mind(place: Place, settings: Settings) -> None:
    """Look after the services for ever."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", force=True)
    minder = Minder(Supervisor(place), lambda: [ask_postgres(place), ask_mlflow(settings)], time.monotonic)
    due = time.monotonic() + settings.backup_minutes * 60
    while True:
        good = False
        try:
            good = minder.look()
        except UserError as fault:
            _log.warning("%s", fault)
        if good and time.monotonic() >= due:
            due = time.monotonic() + _backed_up(place, settings)
        time.sleep(settings.probe_seconds)


def _backed_up(place: Place, settings: Settings) -> float:
    """Make a backup; returns the seconds to the next one."""
    try:
        _log.info("backup %s is in %s", make_backup(place, shelf_of(settings.store)).name, settings.store)
    except UserError as fault:
        _log.warning("no backup could be made: %s", fault)
        return min(AGAIN, settings.backup_minutes * 60)
    return settings.backup_minutes * 60
