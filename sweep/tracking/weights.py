"""A trial's final weights as an MLflow logged model: linked where they lie, and put into MLflow when they are small."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from sweep.runfolder import store_of
from sweep.tracking import names
from training.record import Status, TrialRecord
from training.stores.behind import PHASES, behind_of

MEGABYTE = 10**6


def phase_folder(run_folder: Path, key: str) -> Path | None:
    """The folder `<name>--<key>` of a finished phase, or None when it is not on this machine."""
    found = sorted(store_of(run_folder).glob(f"*--{key}/MANIFEST.json"))
    return found[0].parent.resolve() if found else None


def phase_address(run_folder: Path, key: str) -> str:
    """Where the files of a finished phase lie in the bucket behind the store; empty where they do not. Raises StoreError."""
    behind = behind_of(store_of(run_folder))
    bundle = behind.peek(PHASES, key) if behind else None
    if behind is None or bundle is None or not bundle.files:
        return ""
    return f"{behind.objects.address}/{next(iter(bundle.files.values())).object.rpartition('/')[0]}"


def log_model(client: Any, record: TrialRecord, run: Any, run_folder: Path, copy_below_mb: float) -> str | None:
    """Log the final weights as a model of `run`; returns its id, or None when there are no weights of the trial's own.

    Small ones that are on this machine are put into MLflow. Others are linked: in the bucket, if they are there, since a
    machine's disk goes with it. Raises StoreError where the bucket does not answer, so that the trial is mirrored later.
    """
    if record.status is not Status.FINISHED or not record.phases:
        return None
    key = record.phases[-1].key
    folder = phase_folder(run_folder, key)
    small = folder is not None and _size(folder) < copy_below_mb * MEGABYTE
    place = phase_address(run_folder, key) or (folder.as_uri() if folder else "")
    if not place:
        return None
    model = client.create_logged_model(
        run.info.experiment_id,
        name=record.trial.translate(str.maketrans("/:.%\"'", "______")),
        source_run_id=run.info.run_id,
        tags=_tags(record, place, small),
        params=names.params(record),
        model_type="safetensors",
    )
    if small and folder is not None:
        _add_files(client, model, folder)
    client.finalize_logged_model(model.model_id, "READY")
    _link(client, run.info.run_id, model.model_id)
    return str(model.model_id)


def drop_models(client: Any, run: Any) -> None:
    """Delete the models of a run that is to be written anew."""
    found = client.search_logged_models([run.info.experiment_id], filter_string=f"source_run_id = '{run.info.run_id}'")
    for model in found:
        client.delete_logged_model(model.model_id)


def _tags(record: TrialRecord, place: str, small: bool) -> dict[str, str]:
    tags = {
        names.TRIAL_TAG: record.trial,
        names.PHASE_TAG: record.phases[-1].key,
        names.WEIGHTS_TAG: place,
        "model": record.model,
        "intermediate": record.intermediate,
        "target": ",".join(record.targets),
        "format": "safetensors",
    }
    return tags if small else tags | {"mlflow.model.isExternal": "true"}


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _add_files(client: Any, model: Any, folder: Path) -> None:
    """Put the phase's files beside the model: hard links where MLflow keeps them on the same disk, else copies."""
    parts = urlsplit(model.artifact_location)
    if parts.scheme == "file":
        root = Path(url2pathname(parts.path))
        try:
            for path in (path for path in folder.rglob("*") if path.is_file()):
                target = root / path.relative_to(folder)
                target.parent.mkdir(parents=True, exist_ok=True)
                os.link(path, target)
            return
        except OSError:
            for path in (path for path in root.rglob("*") if path.is_file()):
                path.unlink()
    client.log_model_artifacts(model.model_id, str(folder))


def _link(client: Any, run_id: str, model_id: str) -> None:
    from mlflow.entities import LoggedModelOutput

    client.log_outputs(run_id, [LoggedModelOutput(model_id, step=0)])
