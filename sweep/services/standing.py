"""How the services stand: what supervisord says, what the servers answer, how old the newest backup is, what room is left."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sweep.services import backups
from sweep.services.place import Place, Settings, read_settings
from sweep.services.probes import ask_mlflow, ask_postgres
from sweep.services.shelf import shelf_of
from sweep.services.starting import ROOM
from sweep.services.supervising import PROGRAMS, Supervisor
from training.errors import UserError

LISTED = 5
LATE = 3.0
"""How many times the time between two backups may pass before their absence is a fault."""


@dataclass(frozen=True)
class Standing:
    """What was found: for a program (`payload`, JSON's types), for a person (`lines`), and whether all is well."""

    payload: dict[str, Any]
    lines: list[str]

    @property
    def good(self) -> bool:
        """Whether everything works."""
        return bool(self.payload["good"])


def standing(place: Place) -> Standing:
    """How the services of this machine stand; a server that does not answer takes seconds. Raises UserError without any."""
    settings = read_settings(place)
    if settings is None:
        raise UserError("the services were never started here", place.folder, "sweep services start")
    known = _known(place)
    states = {name: _state(known.get(name)) for name in PROGRAMS}
    faults = {answer.name: answer.fault for answer in (ask_postgres(place), ask_mlflow(settings))}
    free = shutil.disk_usage(place.folder).free
    listed, unheard = _backups(settings)
    late = bool(unheard) or _is_late(known.get("minder"), listed, settings)
    good = not any(faults.values()) and free >= ROOM and not late and states["minder"].startswith("RUNNING")
    payload = {
        "good": good,
        "programs": {name: {"state": state, "fault": faults.get(name, "")} for name, state in states.items()},
        "mlflow": f"http://127.0.0.1:{settings.port}",
        "store": settings.store,
        "backups": listed[:LISTED],
        "backups_fault": unheard,
        "free_bytes": free,
    }
    lines = [f"{name:9} {state}{_answer(name, faults)}" for name, state in states.items()]
    lines.append(f"{'backups':9} {unheard or _newest(listed)}{', LATE' if late and not unheard else ''}; in {settings.store}")
    lines += [f"{'':9} {name}" for name in listed[:LISTED]]
    full = "" if free >= ROOM else ", NEARLY FULL: PostgreSQL stops on a full disk"
    lines.append(f"{'disk':9} {free / 1e9:.1f} GB free{full}")
    return Standing(payload, lines)


def _known(place: Place) -> dict[str, dict[str, Any]]:
    """What supervisord knows of each program; nothing where none runs."""
    supervisor = Supervisor(place)
    return supervisor.states() if supervisor.runs else {}


def _state(known: dict[str, Any] | None) -> str:
    return f"{known['statename']} ({known['description']})" if known else "STOPPED"


def _answer(name: str, faults: dict[str, str]) -> str:
    if name not in faults:
        return ""
    return f", does not answer: {faults[name]}" if faults[name] else ", answers"


def _backups(settings: Settings) -> tuple[list[str], str]:
    """Names of the backups, and what keeps them from being known."""
    try:
        return backups.names(shelf_of(settings.store)), ""
    except UserError as fault:
        return [], f"{fault.cause}: {fault.value}"


def _newest(listed: list[str]) -> str:
    if not listed:
        return "none yet"
    minutes = (datetime.now(UTC) - backups.made_at(listed[0])).total_seconds() / 60
    return f"{len(listed)}, the newest {minutes:.0f} min old"


def _is_late(minder: dict[str, Any] | None, listed: list[str], settings: Settings) -> bool:
    """Whether the minder has had the time for several backups, and there is no new one."""
    if minder is None or minder["statename"] != "RUNNING":
        return False
    longest = LATE * settings.backup_minutes
    ages = [(datetime.now(UTC) - backups.made_at(name)).total_seconds() / 60 for name in listed[:1]]
    return (minder["now"] - minder["start"]) / 60 > longest and all(age > longest for age in ages)
