"""With what a trial was run: versions of code, packages and Python, and digests of its data. No host names, no environment.

Reports read records alone, so a trial's says what no score tells of its model and of tasks of the user's own, too.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import json
import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from training.tasks.registry import ROWS

if TYPE_CHECKING:
    from search_spaces.schema import Model
    from sweep.planning.plan import Plan
    from sweep.sources import ResolvedModel
    from training.tasks.row import TaskRow

SHIPPED = "shipped.json"
"""Beside code that was sent with a job: which code it is."""
FAMILY, PARAMETERS = "model.family", "model.parameters"
"""What a record's provenance has of its model."""
KIND = "kind."
"""Before the name of a task of the user's own: its kind, in a record's provenance."""
PACKAGES = ("ray", "torch", "transformers", "tokenizers", "optuna", "mlflow", "numpy")


def provenance(plan: Plan) -> dict[str, str]:
    """Names and values for a record."""
    packages = {f"package.{name}": version for name, version in package_versions().items()}
    data = {f"data.{key}": value for key, value in plan.digests.items()}
    return {"code": code_version(), "python": platform.python_version(), "platform": platform.machine(), **packages, **data}


def model_provenance(model: Model, resolved: ResolvedModel) -> dict[str, str]:
    """What a record says of its model: no size that is assumed, and nothing where its configuration can't be read."""
    from sweep.planning.architecture import ASSUMED, architecture_of
    from training.models.family import family_of

    try:
        config = json.loads((resolved.folder / "config.json").read_bytes())
    except (OSError, ValueError):
        return {}
    known, family = architecture_of(model, resolved), {FAMILY: str(family_of(config))}
    return family if known.basis == ASSUMED else {**family, PARAMETERS: str(known.parameters)}


def kind_provenance(rows: Iterable[TaskRow]) -> dict[str, str]:
    """What a record says of the intermediate tasks that the project does not know."""
    return {f"{KIND}{row.name}": str(row.kind) for row in rows if row.name not in ROWS}


@functools.cache
def device_model(device: str) -> str:
    """What the hardware behind a torch device is called, with a GPU's memory; `cpu` where the system does not say."""
    if device.partition(":")[0] != "cpu":
        from training.learning.fitting import device_name

        return device_name(device)
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return " ".join(value.split())
    return platform.processor() or "cpu"


def package_versions() -> dict[str, str]:
    """Versions of the packages that have a part in a result."""
    return {name: _version(name) for name in PACKAGES}


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


@functools.cache
def code_version() -> str:
    """The commit, with `+dirty` where files differ from it; a digest of the installed code where there is no repository.

    Code that was sent with a job says itself what it is.
    """
    root = Path(__file__).resolve().parent.parent
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads((root / SHIPPED).read_bytes())["code"])
    try:
        commit = _git(root, "rev-parse", "--short=12", "HEAD")
        return commit + ("+dirty" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        whole = hashlib.sha256()
        for folder in ("sweep", "training", "reports", "search_spaces"):
            for path in sorted((root / folder).rglob("*.py")):
                whole.update(path.read_bytes())
        return f"files-{whole.hexdigest()[:12]}"


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=20, check=True)
    return done.stdout.strip()
