"""Where a command runs: on this machine, or on a cluster that this machine only talks to.

* `--on` decides: `local`, a cluster file, the address of a Ray dashboard, or `auto`, the Ray that runs on this machine.
* Without it `RAY_ADDRESS` does. One of http or https is a dashboard; any other means what it means to Ray: the sweep is driven
  from here, as on the head of a cluster.
* Without that, it is the cluster of `./cluster.yaml` where `ray up` was given on this machine and the cluster runs.
* Else it is this machine. Nothing here ever starts a cluster.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from sweep.away.tunnel import head_of, was_started
from training.errors import UserError

VARIABLE = "RAY_ADDRESS"
JOB_VARIABLE = "SWEEP_JOB"
"""Set in a job that a laptop has sent."""
CLUSTER_FILE = "cluster.yaml"
PORT = 8265
"""Where Ray's dashboard listens unless it was told otherwise."""
FORMS = "--on takes local, a cluster file (cluster.yaml) or the address of a Ray dashboard (http://127.0.0.1:8265)"


class Kind(StrEnum):
    """Here: Ray is started in this process. Attached: driven from here, on a Ray that runs. Job: in a job that a laptop sent.

    The others: over the job API of a cluster.
    """

    HERE = "here"
    JOB = "job"
    ATTACHED = "attached"
    DASHBOARD = "dashboard"
    FILE = "file"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where to run. `on` is the word that names it again, `address` the dashboard's or Ray's, `why` what decided."""

    kind: Kind
    on: str
    address: str = ""
    why: str = ""

    @property
    def away(self) -> bool:
        """Whether this machine only talks to it."""
        return self.kind in (Kind.DASHBOARD, Kind.FILE)

    @property
    def says(self) -> str:
        """One line for the user: where it runs, and what decided; nothing in a job, whose user was told before."""
        if self.kind is Kind.JOB:
            return ""
        where = {
            Kind.HERE: "on this machine",
            Kind.ATTACHED: f"on the Ray cluster at {self.address}, driven from here",
            Kind.DASHBOARD: f"on the Ray cluster at {self.address}",
            Kind.FILE: f"on the cluster of {self.on}",
        }[self.kind]
        return f"runs {where}" + (f" ({self.why})" if self.why else "")


def find_place(
    on: str | None,
    environment: Mapping[str, str] = os.environ,
    *,
    started: Callable[[Path], bool] = was_started,
    head: Callable[[Path], str] = head_of,
) -> Place:
    """Where a command with `--on` (None: not given) runs. Raises UserError on a word that names no place.

    A cluster file that was not named is only asked about (`head`, over the network) where this machine has `started` it.
    """
    if on is not None:
        return _named(on)
    address = environment.get(VARIABLE, "")
    if environment.get(JOB_VARIABLE):
        return Place(kind=Kind.JOB, on="", address=address)
    if address.startswith(("http://", "https://")):
        url = dashboard(address)
        return Place(kind=Kind.DASHBOARD, on=url, address=url, why=VARIABLE)
    if "@" in address:
        remedy = "a Ray address is host:port; the token goes into RAY_AUTH_TOKEN"
        raise UserError(f"{VARIABLE} holds a user or a password", "(not shown)", remedy)
    if address:
        return Place(kind=Kind.ATTACHED, on="", address=address, why=VARIABLE)
    file = Path(CLUSTER_FILE)
    if not started(file):
        return Place(kind=Kind.HERE, on="local")
    try:
        head(file)
    except UserError:
        return Place(
            kind=Kind.HERE, on="local", why=f"the cluster of {CLUSTER_FILE} does not answer; --on {CLUSTER_FILE} says why"
        )
    return Place(kind=Kind.FILE, on=CLUSTER_FILE, why="it runs; --on local decides otherwise")


def find_cluster(on: str | None) -> Place:
    """Where a verb looks that has nothing to ask on this machine. Raises UserError where there is no cluster."""
    place = find_place(on)
    if not place.away:
        raise UserError("this asks a cluster, and none was named", on or "", FORMS)
    return place


def settle_here(place: Place) -> None:
    """See to it that a launch on this machine runs where `--on` said: Ray itself would follow its variable."""
    if place.kind is Kind.HERE:
        os.environ.pop(VARIABLE, None)
    elif place.kind is Kind.ATTACHED:
        os.environ[VARIABLE] = place.address


def _named(on: str) -> Place:
    if on == "local":
        return Place(kind=Kind.HERE, on="local", why="--on")
    if on == "auto":
        return Place(kind=Kind.ATTACHED, on="auto", address="auto", why="--on")
    if on.endswith((".yaml", ".yml")):
        if not Path(on).is_file():
            raise UserError("the cluster file that --on names is not there", on, FORMS)
        return Place(kind=Kind.FILE, on=on)
    url = dashboard(on)
    return Place(kind=Kind.DASHBOARD, on=url, address=url)


def dashboard(word: str) -> str:
    """The address of a dashboard, in full: `head:8265`, `http://head` and `https://proxy/ray` are understood.

    Raises UserError, which does not show what may be a password, on anything else.
    """
    if "@" in word:
        raise UserError("an address with a name or a password in it is refused: it would be shown", "", FORMS)
    full = word if "://" in word else f"http://{word}"
    try:
        parts = urlsplit(full)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UserError("this is no address", word, FORMS) from None
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment or " " in word:
        raise UserError("this is no address of a Ray dashboard", word, FORMS)
    if port is None and parts.scheme == "http":
        port = PORT
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}" + (f":{port}" if port else "") + parts.path.rstrip("/")
