"""Saved views of MLflow's page: which trials, which columns and which charts, a click away under "Views".

MLflow keeps a view as a tag of the experiment, in a form of its own (read of version 3.17): a name, two times, and the page's
state as base64 of deflated JSON. A version that reads another form shows the page without these views, and loses nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from sweep.tracking import names
from training.record import Status, TrialRecord

TAG = "mlflow.sharedViewState."
MOST = 30
"""MLflow has room for 40 views in an experiment; the user's own need some of them."""
LIMIT = 20_000
"""Characters of a view."""
SETTINGS = "Settings"
"""The section of charts that need the page's whole width."""
COLUMNS = 12
"""With more targets than this their averages are no columns: a table that has to be pushed aside is not read."""


@dataclass(frozen=True, kw_only=True)
class View:
    """One view: `key` names it in addresses, `title` in the menu.

    `charts` are laid out in sections by their names. With a `group` of parameters a bar stands for the average of the runs that
    share their values.
    """

    key: str
    title: str
    filter: str
    order: str
    ascending: bool
    columns: Sequence[str]
    charts: Mapping[str, Sequence[dict[str, Any]]] = field(default_factory=dict)
    group: Sequence[str] = ()
    shown: str = "SHOW_ALL"

    @property
    def tag(self) -> str:
        """The experiment's tag that holds it."""
        return TAG + self.key

    def value(self, at: int) -> str:
        """The tag's content; `at` is when it was made, in milliseconds since 1970."""
        state = base64.b64encode(zlib.compress(json.dumps(self._state(), sort_keys=True).encode(), 9)).decode()
        made = {"name": self.title, "createdAt": at, "updatedAt": at, "state": f"deflate;{state}"}
        return json.dumps(made, sort_keys=True)

    def _state(self) -> dict[str, Any]:
        sections = list(self.charts)
        keys = [{"mode": "param", "groupByData": name} for name in self.group]
        return {
            "searchFilter": self.filter,
            "orderByKey": self.order,
            "orderByAsc": self.ascending,
            "startTime": "ALL",
            "lifecycleFilter": "Active",
            "datasetsFilter": [],
            "modelVersionFilter": "All Runs",
            "selectedColumns": list(self.columns),
            "columnWidths": {},
            "columnOrder": [],
            "isAccordionReordered": True,
            "runsHiddenMode": self.shown,
            "useGroupedValuesInCharts": True,
            "hideEmptyCharts": True,
            "groupBy": {"aggregateFunction": "average", "groupByKeys": keys} if keys else None,
            **({"compareRunSections": [_section(name) for name in sections]} if sections else {}),
            **(
                {"compareRunCharts": [_placed(name, chart) for name, found in self.charts.items() for chart in found]}
                if sections
                else {}
            ),
        }


def address(experiment: str, view: View, *, charts: bool = False) -> str:
    """Where a view opens, below the server's address."""
    mode = "&compareRunsMode=CHART" if charts else ""
    return f"#/experiments/{experiment}/runs?workflowType=machine_learning&viewStateShareKey={quote(view.key)}{mode}"


def views_of(records: Sequence[TrialRecord]) -> list[View]:
    """The views of an experiment that holds these trials: the chosen ones, settings against dev scores, and each target."""
    targets = sorted({target for record in records for target in record.targets})
    every = sorted({name for record in records for name in names.numeric(record)})
    settings = [name for name in every if names.LOG not in name]
    columns = [_param("intermediate"), _param("targets"), _metric("selection/score")]
    means = [_metric(names.joined(target, "mean")) for target in targets]
    seeds = [_param("setting"), _param("seed")]
    chosen = View(
        key="sweep-chosen",
        title="Chosen trials",
        filter=f"tags.{names.CHOSEN_TAG} = 'yes'",
        order="params.`targets`",
        ascending=True,
        columns=[*columns, *(means if len(means) <= COLUMNS else []), *map(_param, settings), *seeds],
    )
    tried = View(
        key="sweep-settings",
        title="Settings and dev scores",
        filter=f"tags.{names.PLAIN_KIND_TAG} = 'trial' and tags.status = 'finished'",
        order="metrics.`selection/score`",
        ascending=False,
        columns=[*columns, *map(_param, settings), *seeds, _tag("chosen"), _tag("status")],
        charts={SETTINGS: list(_parallel(every))},
    )
    failed = View(
        key="sweep-unfinished",
        title="Failed and stopped trials",
        filter=f"tags.{names.PLAIN_KIND_TAG} = 'trial' and tags.status != 'finished'",
        order="tags.`status`",
        ascending=True,
        columns=[
            _param("intermediate"),
            _param("targets"),
            _tag("status"),
            _metric("rung/score"),
            *map(_param, settings),
            *seeds,
        ],
    )
    odd = [failed] if any(record.status is not Status.FINISHED for record in records) else []
    found = [chosen, tried, *odd]
    return found + [_of_target(target, records, settings) for target in targets[: MOST - len(found)]]


def _of_target(target: str, records: Iterable[TrialRecord], settings: Sequence[str]) -> View:
    """The chosen trials of one target, a chart a language."""
    own = [record for record in records if target in record.targets]
    scored = {code for record in own for result in record.results if result.task == target for code in result.languages}
    average = [_bars(names.joined(target, "mean"), "average")]
    average += [_bars(names.joined(target, "mean_non_english"), "without English")] if len(scored) > 1 else []
    languages = [_bars(names.joined(target, "score", code), code) for code in sorted(scored)]
    trained = {name for record in own for name in names.numeric(record)}
    return View(
        key="sweep-target-" + re.sub(r"[^A-Za-z0-9]+", "-", target)[:60],
        title=f"Languages of {target}"[:100],
        filter=f"tags.{names.CHOSEN_TAG} = 'yes' and tags.target {_like(target, own)}",
        order=f"metrics.`{names.joined(target, 'mean')}`",
        ascending=False,
        columns=[
            _param("intermediate"),
            _metric(names.joined(target, "mean")),
            _metric(names.joined(target, "mean_non_english")),
            _metric("selection/score"),
            *(_param(name) for name in settings if name in trained),
            _param("seed"),
        ],
        charts={"Average over seeds": average, "Languages": languages},
        group=["intermediate", *(["model"] if len({record.model for record in own}) > 1 else [])],
    )


def _like(target: str, own: Iterable[TrialRecord]) -> str:
    """The end of a filter for trials of a target; a quote has no escape in MLflow's filters, so `_` stands for it."""
    if "'" not in target and all(record.targets == (target,) for record in own):
        return f"= '{target}'"
    return "LIKE '%" + target.replace("'", "_") + "%'"


def _param(name: str) -> str:
    return f"params.`{name}`"


def _metric(name: str) -> str:
    return f"metrics.`{name}`"


def _tag(name: str) -> str:
    return f"tags.`{name}`"


def _bars(metric: str, title: str) -> dict[str, Any]:
    return {"type": "BAR", "metricKey": metric, "displayName": title, "runsCountToCompare": 100}


def _parallel(settings: Sequence[str]) -> Iterable[dict[str, Any]]:
    """Parallel coordinates; MLflow leaves runs out that lack an axis, so there is one chart for what every trial has."""
    shown = [name for name in settings if not name.endswith(".lr")]
    for title, axes in (
        ("target settings and dev score", [name for name in shown if name.startswith("target.")]),
        ("all settings and dev score", shown),
    ):
        if axes:
            chart = {"type": "PARALLEL", "displayName": title, "selectedParams": axes, "selectedMetrics": ["selection/score"]}
            yield {**chart, "showAllRuns": True, "runsCountToCompare": 100}


def _section(name: str) -> dict[str, Any]:
    made = {"uuid": _id(name), "name": name, "display": True, "isReordered": False, "deleted": False, "isGenerated": False}
    return made | ({"columns": 1} if name == SETTINGS else {})


def _placed(section: str, chart: dict[str, Any]) -> dict[str, Any]:
    own = _id(f"{section} {chart['type']} {chart.get('metricKey', chart['displayName'])}")
    return {"uuid": own, "metricSectionId": _id(section), "deleted": False, "isGenerated": False, **chart}


def _id(text: str) -> str:
    """An id that is the same each time, of letters and digits, since the page makes selectors of it."""
    return "s" + hashlib.sha256(text.encode()).hexdigest()[:20]
