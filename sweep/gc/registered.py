"""Which trained phases MLflow's model registry names: somebody has given their weights a name, so they stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sweep.tracking import names
from sweep.tracking.place import DATABASE, connect, default_uri
from training.errors import UserError


def registered_trials(run: Path) -> tuple[set[str], set[str]] | None:
    """(keys of phases, names of trials) that the registry of a run folder's tracker names; None when it can't be asked."""
    uri = default_uri(run)
    if uri == f"sqlite:///{run.resolve() / DATABASE}" and not (run / DATABASE).is_file():
        return set(), set()
    try:
        return _ask(connect(uri))
    except UserError:
        return None
    except Exception:  # whatever MLflow raises: its kinds of error are many, and none is a reason to remove weights
        return None


def _ask(client: Any) -> tuple[set[str], set[str]]:
    keys: set[str] = set()
    trials: set[str] = set()
    token: str | None = None
    while True:
        page = client.search_model_versions(max_results=1000, page_token=token)
        for version in page:
            tags = _tags(client, version)
            keys.update(tags[name] for name in (names.PHASE_TAG,) if name in tags)
            trials.update(tags[name] for name in (names.TRIAL_TAG,) if name in tags)
        token = page.token
        if not token:
            return keys, trials


def _tags(client: Any, version: Any) -> dict[str, str]:
    """The tags of what a registered version was made from: our logged model, or the run."""
    found: dict[str, str] = {}
    if getattr(version, "run_id", None):
        found |= client.get_run(version.run_id).data.tags
    source = str(getattr(version, "source", "") or "")
    model = getattr(version, "model_id", None) or (source.removeprefix("models:/") if source.startswith("models:/m-") else "")
    if model:
        found |= client.get_logged_model(model).tags
    return found
