"""Where the services of a head lie on its disk, how they are set, and the addresses that a launch uses.

One folder has everything: `SWEEP_SERVICES`, else `~/.sweep/services`. It belongs on the machine's own disk, never on a shared
one: two PostgreSQL servers on one data folder destroy it.
"""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

from sweep.options import BUCKET_VARIABLE
from training.errors import UserError
from training.files.storage import write_atomically
from training.stores.objects import checked, is_address

VARIABLE, STORE_VARIABLE = "SWEEP_SERVICES", "SWEEP_SERVICES_STORE"
USER, OPTUNA, MLFLOW = "sweep", "optuna", "mlflow"
DATABASES = (OPTUNA, MLFLOW)
SHARED = Path("/mnt/sweep")
BOOTSTRAP = Path("~/ray_bootstrap_config.yaml")
LONGEST_SOCKET = 80
"""Bytes of a folder's path in which the longest socket's name still fits the 107 that Linux allows."""


@dataclass(frozen=True)
class Place:
    """The paths below the services' folder."""

    folder: Path

    @property
    def data(self) -> Path:
        """PostgreSQL's data folder; it is there once it is whole."""
        return self.folder / "postgres"

    @property
    def run(self) -> Path:
        """The folder of PostgreSQL's socket, which the server's user owns."""
        return self.folder / "run"

    @property
    def secret(self) -> Path:
        """The password of the databases, in libpq's form, for the owner alone."""
        return self.folder / "pgpass"

    @property
    def settings(self) -> Path:
        """What `start` was told, kept for the next start."""
        return self.folder / "settings.json"

    @property
    def environment(self) -> Path:
        """The variables of a launch, as a shell reads them; there while the services are meant to run."""
        return self.folder / "services.env"

    @property
    def logs(self) -> Path:
        """The folder of the programs' logs."""
        return self.folder / "log"

    @property
    def configuration(self) -> Path:
        """What supervisord reads."""
        return self.folder / "supervisord.conf"

    @property
    def control(self) -> Path:
        """The socket on which supervisord is asked."""
        return self.folder / "supervisor.sock"

    def url(self, database: str) -> str:
        """SQLAlchemy's address of a database. It names the file with the password, so it may be shown."""
        files = f"host={quote(str(self.run))}&passfile={quote(str(self.secret))}"
        return f"postgresql+psycopg://{USER}@/{database}?{files}"


@dataclass(frozen=True)
class Settings:
    """How the services of this head are set.

    `store` is where backups and MLflow's files go (an object store or a folder), `port` MLflow's on the loopback; a backup is
    made every `backup_minutes`, and both servers are asked something every `probe_seconds`.
    """

    store: str
    port: int = 5000
    backup_minutes: float = 15.0
    probe_seconds: float = 10.0


def place_here() -> Place:
    """The services' place on this machine; nothing is made. Raises UserError where sockets would not fit."""
    folder = Path(os.environ.get(VARIABLE) or Path.home() / ".sweep" / "services").expanduser().absolute()
    if len(os.fsencode(folder)) > LONGEST_SOCKET:
        cause = f"the services' folder has a path of more than {LONGEST_SOCKET} bytes, too long for sockets in it"
        raise UserError(cause, folder, f"name a shorter one in {VARIABLE}")
    return Place(folder)


def read_settings(place: Place) -> Settings | None:
    """What the last start was told; None where there was none. Raises UserError on a file of another form."""
    try:
        return Settings(**json.loads(place.settings.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        remedy = "remove it, and give `sweep services start` again with the options it had"
        raise UserError("the services' settings can't be read", place.settings, remedy) from error


def write_settings(place: Place, settings: Settings) -> None:
    """Keep the settings, and tell launches where both services are."""
    write_atomically(place.settings, json.dumps(asdict(settings), indent=1).encode())
    values = addresses(place, settings)
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in values.items()]
    write_atomically(place.environment, "".join(lines).encode())


def addresses(place: Place, settings: Settings) -> dict[str, str]:
    """The variables by which a launch finds MLflow and the studies' database."""
    return {
        "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{settings.port}",
        "SWEEP_OPTUNA_STORAGE": place.url(OPTUNA),
    }


def read_environment(place: Place) -> dict[str, str]:
    """The variables of a launch; none where no services are meant to run."""
    try:
        words = shlex.split(place.environment.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return dict(word.partition("=")[::2] for word in words)


def checked_store(text: str) -> str:
    """An object store's address or a folder's full path; raises UserError on an address of another form."""
    return checked(text) if is_address(text) else str(Path(text).expanduser().absolute())


def default_store() -> str:
    """`SWEEP_SERVICES_STORE`, else a folder of the cluster's in `SWEEP_BUCKET`, else in /mnt/sweep, which outlives the head.

    Raises UserError where there is none of them.
    """
    if os.environ.get(STORE_VARIABLE):
        return checked_store(os.environ[STORE_VARIABLE])
    bucket, inside = os.environ.get(BUCKET_VARIABLE), f"services/{_cluster()}"
    if bucket:
        return checked(f"{bucket if is_address(bucket) else f's3://{bucket}'}/{inside}")
    if SHARED.is_dir() and os.access(SHARED, os.W_OK):
        return str(SHARED / inside)
    remedy = f"name an object store or a folder that outlives this machine: --store, {STORE_VARIABLE} or {BUCKET_VARIABLE}"
    raise UserError("there is nowhere to keep backups of the services", remedy=remedy)


def _cluster() -> str:
    """The name of the cluster whose head this is, so that two clusters of one bucket keep apart."""
    import yaml

    try:
        held = yaml.safe_load(BOOTSTRAP.expanduser().read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return "sweep"
    name = held.get("cluster_name") if isinstance(held, dict) else None
    return name if isinstance(name, str) and name else "sweep"
