"""The parent run and the experiment, brought to what the run folder says: note, pictures, chosen trials, views."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sweep.tracking import names
from sweep.tracking.markdown import plain
from sweep.tracking.summary import Summary, draw, note_of, picture
from sweep.tracking.views import LIMIT, View, address, views_of

NOTE = "mlflow.note.content"


@dataclass(frozen=True)
class Place:
    """Where a sweep is in MLflow: its experiment, its own run, and what the two are called."""

    client: Any
    experiment: str
    parent: str
    sweep: str
    grid: str


def is_current(place: Place, summary: Summary) -> bool:
    """Whether MLflow says what the run folder does."""
    tags = place.client.get_run(place.parent).data.tags
    return bool(tags.get(names.SUMMARY_TAG) == summary.digest)


def write_overview(place: Place, summary: Summary, trials: Sequence[Any]) -> None:
    """Write it all; `trials` are the sweep's runs. The digest comes last, so what was interrupted is written again.

    Raises what MLflow raises, and StoreError where a picture can't be written.
    """
    mark_chosen(place.client, trials, summary.chosen)
    views = write_views(place, summary)
    with tempfile.TemporaryDirectory() as folder:
        for path in draw(summary, Path(folder)):
            place.client.log_artifact(place.parent, str(path))
    pictures = [f"get-artifact?path={quote(picture(one))}&run_uuid={place.parent}" for one in range(len(summary.tables))]
    place.client.set_tag(place.parent, names.PLAIN_KIND_TAG, "sweep")
    place.client.set_tag(place.parent, NOTE, note_of(summary, opening(place, summary, views), pictures))
    place.client.set_tag(place.parent, names.SUMMARY_TAG, summary.digest)


def mark_chosen(client: Any, trials: Sequence[Any], chosen: frozenset[str]) -> None:
    """Tag the trials that the table's cells show; only what differs is written."""
    for run in trials:
        wanted = "yes" if run.data.tags.get(names.TRIAL_TAG) in chosen else "no"
        if run.data.tags.get(names.CHOSEN_TAG) != wanted:
            client.set_tag(run.info.run_id, names.CHOSEN_TAG, wanted)


def write_views(place: Place, summary: Summary) -> list[View]:
    """Put the views of these trials into the experiment; returns those that are there. Views of the user's own stay."""
    experiment = place.client.get_experiment(place.experiment)
    at = int(experiment.creation_time or 0)
    found = [(view, view.value(at)) for view in views_of(summary.records)]
    fitting = [(view, value) for view, value in found if len(value) <= LIMIT]
    views = [view for view, _ in fitting]
    for view, value in fitting:
        if experiment.tags.get(view.tag) != value:
            place.client.set_experiment_tag(place.experiment, view.tag, value)
    if NOTE not in experiment.tags:
        place.client.set_experiment_tag(place.experiment, NOTE, _experiment_note(place, views))
    return views


def opening(place: Place, summary: Summary, views: Sequence[View]) -> list[str]:
    """What the parent's note begins with: what it is, and where to go on."""
    counts: Mapping[str, int] = {
        status: sum(record.status.value == status for record in summary.records)
        for status in sorted({record.status.value for record in summary.records})
    }
    said = ", ".join(f"{count} {status}" for status, count in counts.items()) or "no trial yet"
    return [
        f"Sweep **{plain(place.sweep)}** of the grid **{plain(place.grid)}**: one run below it a trial ({said}).",
        "Go to: " + ", ".join(_links(place.experiment, views)),
    ]


def _links(experiment: str, views: Sequence[View]) -> list[str]:
    found = []
    for view in views:
        charts = f" ([charts]({address(experiment, view, charts=True)}))" if view.charts else ""
        found.append(f"[{plain(view.title)}]({address(experiment, view)}){charts}")
    return found


def _experiment_note(place: Place, views: Sequence[View]) -> str:
    general = [view for view in views if not view.key.startswith("sweep-target-")]
    lines = [
        f"Sweeps of the grid **{plain(place.grid)}**. A sweep's own run holds its transfer table and heat map; "
        "one run below it a trial.",
        "Under *Views*: " + ", ".join(_links(place.experiment, general)) + ", and the languages of each target.",
        "Filters: `tags.chosen = 'yes'`, `tags.target = 'NAME'`, `tags.intermediate = 'NAME'`, `tags.model = 'NAME'`, "
        "`tags.status = 'failed'`, `tags.seed = '1'`, `tags.kind = 'trial'`.",
    ]
    return "\n\n".join(lines)
