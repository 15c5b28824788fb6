"""Which trained phases MLflow's model registry names: somebody has given their weights a name, so they stay."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sweep.tracking import names
from sweep.tracking.place import DATABASE, connect, default_uri
from training.errors import UserError

_PHASE, _MODEL = re.compile(r"--([0-9a-f]{16,64})\b"), re.compile(r"\b(m-[0-9a-f]{32})\b")
"""In a version's source: the key at the end of a phase folder's name, and the id of a logged model."""


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
            trials.update({tags[names.TRIAL_TAG]} if names.TRIAL_TAG in tags else ())
            keys.update({tags[names.PHASE_TAG]} if names.PHASE_TAG in tags else ())
            keys.update(_PHASE.findall(str(version.source or "")))
        token = page.token
        if not token:
            return keys, trials


def _tags(client: Any, version: Any) -> dict[str, str]:
    """The tags of what a registered version was made from: our logged model, or the run."""
    found: dict[str, str] = dict(client.get_run(version.run_id).data.tags) if version.run_id else {}
    for model in _MODEL.findall(str(version.source or "")):
        found |= client.get_logged_model(model).tags
    return found
