"""The tracker: records into MLflow runs, one by one or a whole run folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sweep.masking import masked
from sweep.records import readable_records
from sweep.tracking import names
from sweep.tracking.place import (
    artifact_root,
    connect,
    database_file,
    database_path,
    default_uri,
    one_writer,
    read_meta,
    tracking_errors,
)
from sweep.tracking.weights import drop_models, log_model
from training.errors import UserError
from training.files.codec import digest, from_payload, to_payload
from training.record import TrialRecord

PARENT_TAG = "mlflow.parentRunId"
METRICS_A_CALL, PARAMS_A_CALL = 1000, 100
PAGE_VIEW = "workflowType=machine_learning&orderByKey=params.%60targets%60&orderByAsc=true"
"""The view for training (a new browser opens the one for agents); in any order but by date, trials are not folded away."""
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class SyncReport:
    """What `sync` did: the trials it wrote, those that were there already, and (trial, reason) of those that failed.

    `damaged` has a line for each record that can't be read, and so is left out.
    """

    uri: str
    mirrored: tuple[str, ...]
    already: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]
    damaged: tuple[str, ...] = ()
    page: str = ""
    """Why the sweep's own page (table, picture, views, chosen trials) is not up to date; empty where it is."""


class Tracker:
    """Mirrors the records of one sweep. Nothing is connected before the first record, so a server that is down is met there."""

    def __init__(
        self, uri: str, experiment: str, sweep_name: str, run_folder: Path, *, copy_models_below_mb: float = 64.0
    ) -> None:
        """`sweep_name` is shown for the parent run; weights below `copy_models_below_mb` (10^6 bytes) go into MLflow too.

        Raises UserError when the run folder has no readable `sweep.json`.
        """
        self.uri, self.experiment, self.sweep_name, self.run_folder = uri, experiment, sweep_name, run_folder
        self.copy_models_below_mb = copy_models_below_mb
        self._meta = read_meta(run_folder)
        self._client: Any = None
        self._file: tuple[int, int] | None = None
        self._experiment_id = ""
        self._parent_id = ""
        self._page_current = True

    def mirror(self, record: TrialRecord) -> bool:
        """Write one record, unless it is there already; returns whether anything was written. Raises TrackingError."""
        with tracking_errors(self.uri, self.run_folder), one_writer(self.run_folder):
            self._open()
            self._parent_id = self._parent_id or self._find_parent() or self._create_parent(record)
            stale = self._runs_of(record.trial)
            if len(stale) == 1 and self._is_current(stale[0], record):
                return self._renamed(stale[0], record)
            for run in stale:
                drop_models(self._client, run)
                self._client.delete_run(run.info.run_id)
            self._write(record)
            return True

    def mirrored(self) -> Mapping[str, str]:
        """Digest of the mirrored record by trial, of all that are complete. Raises TrackingError."""
        with tracking_errors(self.uri, self.run_folder):
            self._open()
            self._parent_id = self._parent_id or self._find_parent()
            runs = self._children() if self._parent_id else []
            tags = [run.data.tags for run in runs if run.data.tags.get(PARENT_TAG) == self._parent_id]
            whole = [tag for tag in tags if names.DIGEST_TAG in tag and tag.get(names.SCHEME_TAG) == names.SCHEME]
            return {tag[names.TRIAL_TAG]: tag[names.DIGEST_TAG] for tag in whole}

    def finish(self) -> None:
        """Mark the parent run as finished, at the end of its last trial. Raises TrackingError."""
        with tracking_errors(self.uri, self.run_folder), one_writer(self.run_folder):
            self._open()
            self._parent_id = self._parent_id or self._find_parent()
            if self._parent_id:
                ends = [run.info.end_time for run in self._children() if run.info.end_time]
                self._client.set_terminated(self._parent_id, "FINISHED", max(ends, default=None))

    def summarise(self) -> None:
        """Bring the parent's note and picture, the chosen trials and the saved views to what the run folder says.

        Nothing is drawn or written where they are so already. Raises UserError (TrackingError, StoreError).
        """
        from sweep.tracking.overview import Place, is_current, write_overview
        from sweep.tracking.summary import summary_of

        summary = summary_of(self.run_folder)
        with tracking_errors(self.uri, self.run_folder), one_writer(self.run_folder):
            self._open()
            self._parent_id = self._parent_id or self._find_parent()
            if not self._parent_id:
                return
            place = Place(self._client, self._experiment_id, self._parent_id, self._meta.sweep, self._meta.grid)
            if not is_current(place, summary):
                write_overview(place, summary, self._children())
            self._page_current = True

    def page(self, server: str = "http://127.0.0.1:5000") -> str:
        """Address of the list of all trials, ordered by target, at a running `mlflow ui`. Raises TrackingError."""
        with tracking_errors(self.uri, self.run_folder):
            self._open()
            return f"{server}/#/experiments/{self._experiment_id}/runs?{PAGE_VIEW}"

    def _open(self) -> None:
        if self._client is not None:
            if database_file(self.uri) != self._file:  # an open connection would go on writing to what nobody can see
                raise UserError("the MLflow database was removed or replaced while it was used", database_path(self.uri) or "")
            return
        client = connect(self.uri)
        found = client.get_experiment_by_name(self.experiment)
        if found is not None and found.lifecycle_stage != "active":
            remedy = f"restore it (mlflow experiments restore --experiment-id {found.experiment_id}), or purge it (mlflow gc)"
            raise UserError("the MLflow experiment was deleted", self.experiment, remedy)
        if found is None:
            root = artifact_root(self.uri, self.run_folder)
            kind = {"mlflow.experimentKind": "custom_model_development"}
            self._experiment_id = client.create_experiment(self.experiment, artifact_location=root, tags=kind)
        else:
            self._experiment_id = found.experiment_id
        self._client, self._file = client, database_file(self.uri)

    def _find(self, wanted: Mapping[str, str]) -> list[Any]:
        clauses = [f"tags.`{name}` = {_quoted(value)}" for name, value in wanted.items()]
        runs: list[Any] = []
        token: str | None = None
        while True:
            page = self._client.search_runs([self._experiment_id], " and ".join(clauses), max_results=1000, page_token=token)
            runs += page
            token = page.token
            if not token:
                return runs

    def _runs_of(self, trial: str) -> list[Any]:
        return self._find({names.RUN_TAG: self._meta.sweep, names.TRIAL_TAG: trial})

    def _children(self) -> list[Any]:
        return self._find({names.RUN_TAG: self._meta.sweep, names.KIND_TAG: "trial"})

    def _find_parent(self) -> str:
        found = self._find({names.RUN_TAG: self._meta.sweep, names.KIND_TAG: "sweep"})
        return str(min(found, key=lambda run: run.info.start_time).info.run_id) if found else ""

    def _create_parent(self, record: TrialRecord) -> str:
        tags = {
            names.RUN_TAG: self._meta.sweep,
            names.KIND_TAG: "sweep",
            names.PLAIN_KIND_TAG: "sweep",
            "grid": self._meta.grid,
            "mlflow.source.name": "sweep launch",
            "mlflow.note.content": f"Sweep **{self._meta.sweep}** of the grid **{self._meta.grid}**: one run below it a trial.",
        }
        start, _ = names.times(record)
        run = self._client.create_run(self._experiment_id, start_time=start, tags=tags, run_name=self.sweep_name)
        return str(run.info.run_id)

    def _is_current(self, run: Any, record: TrialRecord) -> bool:
        tags = run.data.tags
        return bool(tags.get(names.DIGEST_TAG) == _digest(record) and tags.get(PARENT_TAG) == self._parent_id)

    def _renamed(self, run: Any, record: TrialRecord) -> bool:
        """Give a run of another scheme the names of this one, where it stands: a registered model may point to it."""
        from mlflow.entities import Param, RunTag

        if run.data.tags.get(names.SCHEME_TAG) == names.SCHEME:
            return False
        self._outdate()
        run_id = run.info.run_id
        self._client.update_run(run_id, name=names.run_name(record))
        params = [Param(name, value) for name, value in names.params(record).items() if name not in run.data.params]
        for some in _batches(params, PARAMS_A_CALL):
            self._client.log_batch(run_id, params=some)
        tags = names.tags(record)
        order = sorted(tags, key=lambda name: name == names.SCHEME_TAG)
        changed = [RunTag(name, tags[name]) for name in order if run.data.tags.get(name) != tags[name]]
        for some_tags in _batches(changed, PARAMS_A_CALL):
            self._client.log_batch(run_id, tags=some_tags)
        return True

    def _outdate(self) -> None:
        """Say once that the parent's page is older than its trials."""
        if self._page_current:
            self._client.set_tag(self._parent_id, names.SUMMARY_TAG, "")
            self._page_current = False

    def _write(self, record: TrialRecord) -> None:
        from mlflow.entities import Metric, Param

        client = self._client
        client.update_run(self._parent_id, status="RUNNING")
        self._outdate()
        start, end = names.times(record)
        found_by = {
            names.RUN_TAG: self._meta.sweep,
            names.KIND_TAG: "trial",
            names.TRIAL_TAG: record.trial,
            PARENT_TAG: self._parent_id,
            names.CHOSEN_TAG: "no",
            "mlflow.source.name": "sweep launch",
        }
        tags = names.tags(record) | found_by
        run = client.create_run(self._experiment_id, start_time=start, tags=tags, run_name=names.run_name(record))
        run_id = run.info.run_id
        for pairs in _batches(list(names.params(record).items()), PARAMS_A_CALL):
            client.log_batch(run_id, params=[Param(name, value) for name, value in pairs])
        model = log_model(client, record, run, self.run_folder, self.copy_models_below_mb)
        at = end if end is not None else run.info.start_time
        for points in _batches(names.points(record), METRICS_A_CALL):
            metrics = [Metric(p.name, p.value, at, p.step, model_id=model if p.headline else None) for p in points]
            client.log_batch(run_id, metrics=metrics)
        client.set_terminated(run_id, names.RUN_STATUS[record.status], at)
        client.set_tag(run_id, names.DIGEST_TAG, _digest(record))


def open_tracker(run_folder: Path, uri: str | None = None, *, copy_models_below_mb: float = 64.0) -> Tracker:
    """The tracker of a run folder: its experiment and its parent run are named by `sweep.json`.

    Raises UserError without one.
    """
    meta = read_meta(run_folder)
    where = uri or default_uri(run_folder)
    return Tracker(where, meta.experiment, meta.name, run_folder, copy_models_below_mb=copy_models_below_mb)


def sync(run_folder: Path, uri: str | None = None) -> SyncReport:
    """Mirror every record of a run folder that is not mirrored as it stands.

    What fails is reported, not raised; raises UserError when the folder is no run folder.
    """
    tracker = open_tracker(run_folder, uri)
    found, damaged = readable_records(run_folder, set_aside=False)
    records = sorted(found, key=lambda record: (record.started, record.trial))
    written: list[str] = []
    already: list[str] = []
    failed: list[tuple[str, str]] = []
    try:
        there = tracker.mirrored()
    except UserError as error:
        failed = [(record.trial, reason_of(error)) for record in records]
        return SyncReport(uri=masked(tracker.uri), mirrored=(), already=(), failed=tuple(failed), damaged=tuple(damaged))
    for record in records:
        if there.get(record.trial) == _digest(record):
            already.append(record.trial)
            continue
        try:
            (written if tracker.mirror(record) else already).append(record.trial)
        except UserError as error:
            failed.append((record.trial, reason_of(error)))
    page = ""
    if not failed:
        tracker.finish()
        try:
            tracker.summarise()
        except UserError as error:
            page = reason_of(error)
    return SyncReport(
        uri=masked(tracker.uri),
        mirrored=tuple(written),
        already=tuple(already),
        failed=tuple(failed),
        damaged=tuple(damaged),
        page=masked(page),
    )


def reason_of(error: UserError) -> str:
    """Cause and value of a fault on one line, without its remedy."""
    return f"{error.cause}: {error.value}" if error.value else error.cause


def _digest(record: TrialRecord) -> str:
    """Digest of a record as it is read back, so that one in memory (a 2 where the file has 2.0) has the same."""
    return digest(from_payload(TrialRecord, to_payload(record), record.trial))


def _quoted(value: str) -> str:
    """A value inside MLflow's filter language, which has no escapes but two kinds of quotes."""
    return f'"{value}"' if "'" in value else f"'{value}'"


def _batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
