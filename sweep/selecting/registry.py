"""Selected chains in MLflow's model registry: one registered model a target, one version a choice, an alias a rule.

A version's tags name the trial, the phases and the rule, so `sweep gc` keeps the weights, and whoever finds the version finds
the trial. The alias (`dev` or `oracle`) stands for the latest choice by that rule.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sweep.selecting.folders import CARD, Exported
from sweep.tracking import names, open_tracker
from sweep.tracking.place import connect, one_writer, read_meta, tracking_errors
from training.record import read_record, record_path

COPY_BELOW = 64 * 10**6
"""Bytes: folders that are smaller are put into MLflow, others are named by where they lie."""
DIGEST = "sweep.selection"
NOTE_LIMIT = 5000
"""Characters of a model card in a version's description."""


class Registry:
    """The model registry of a run folder's tracker, or of another; raises UserError without a run folder."""

    def __init__(self, run: Path, uri: str | None = None) -> None:
        self.run, self._meta = run, read_meta(run)
        self._tracker = open_tracker(run, uri)
        self.uri = self._tracker.uri

    def name_of(self, target: str) -> str:
        """Name of the registered model of a target; MLflow allows neither slashes nor colons in it."""
        return re.sub(r"[/:]", "_", f"{self._meta.grid}.{target}")

    def register(self, exported: Exported) -> str:
        """Make the version of a choice, unless its alias stands for it already; returns its address. Raises TrackingError."""
        chosen, name = exported.chosen, self.name_of(exported.chosen.target)
        self._tracker.mirror(read_record(record_path(self.run, chosen.trial)))
        with tracking_errors(self.uri, self.run), one_writer(self.run):
            client = connect(self.uri)
            version = self._current(client, name, exported)
            if version is None:
                version = self._create(client, name, exported)
                client.set_registered_model_alias(name, chosen.rule.value, version)
        return f"models:/{name}@{chosen.rule.value}"

    def _current(self, client: Any, name: str, exported: Exported) -> str | None:
        """The version that the rule's alias stands for, when it is this choice's."""
        from mlflow.exceptions import MlflowException

        try:
            found = client.get_model_version_by_alias(name, exported.chosen.rule.value)
        except MlflowException:
            return None
        return str(found.version) if found.tags.get(DIGEST) == exported.about["digest"] else None

    def _create(self, client: Any, name: str, exported: Exported) -> str:
        from mlflow.exceptions import MlflowException

        chosen, run_id = exported.chosen, self._run_id(client, exported.chosen.trial)
        tags = {
            names.TRIAL_TAG: chosen.trial,
            names.PHASE_TAG: exported.about["phases"][-1],
            names.WEIGHTS_TAG: exported.folder.resolve().as_uri(),
            DIGEST: exported.about["digest"],
            "rule": chosen.rule.value,
            "oracle": str(chosen.oracle).lower(),
            "synthetic": str(exported.about["synthetic"]).lower(),
            "format": "safetensors",
        }
        model = self._logged(client, run_id, exported, tags)
        card = (exported.folder / CARD).read_text(encoding="utf-8").split("---\n", 2)[-1].strip()
        try:
            client.create_registered_model(name, tags={"grid": self._meta.grid, "target": chosen.target})
        except MlflowException:  # it is there; what else may be wrong shows in the next call
            pass
        made = client.create_model_version(  # by its place: the client looks ids up at the process's tracker, not its own
            name, model.artifact_location, run_id=run_id, tags=tags, description=card[:NOTE_LIMIT], model_id=model.model_id
        )
        return str(made.version)

    def _run_id(self, client: Any, trial: str) -> str:
        clauses = f"tags.`{names.RUN_TAG}` = '{self._meta.sweep}' and tags.`{names.TRIAL_TAG}` = '{trial}'"
        experiment = client.get_experiment_by_name(self._meta.experiment)
        return str(client.search_runs([experiment.experiment_id], clauses, max_results=1)[0].info.run_id)

    def _logged(self, client: Any, run_id: str, exported: Exported, tags: dict[str, str]) -> Any:
        """A logged model with the folder's files, or with its address where they are large."""
        size = sum(path.stat().st_size for path in exported.folder.iterdir())
        small = size < COPY_BELOW
        experiment = client.get_run(run_id).info.experiment_id
        model = client.create_logged_model(
            experiment,
            name=re.sub(r"[/:.%\"']", "_", f"selected_{exported.chosen.target}_{exported.chosen.rule.value}"),
            source_run_id=run_id,
            tags=tags if small else tags | {"mlflow.model.isExternal": "true"},
            model_type="transformers",
        )
        if small:
            client.log_model_artifacts(model.model_id, str(exported.folder))
        client.finalize_logged_model(model.model_id, "READY")
        return model
