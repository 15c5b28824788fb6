"""What a record is called in MLflow: its parameters, tags and metrics, as plain values.

Names are stable, so that a chart made for one sweep fits the next: `<target>/<metric>/<language>` (in that order, since MLflow
makes one group of charts of all that share what comes before the last slash), `<target>/mean`, `<target>/mean_non_english`,
`selection/score`, `rung/score` (the English dev scores that early stopping looked at, over steps of the last phase), and for
each phase `phase/<role>/loss` (a curve over optimiser steps), `/seconds` and `/trained` (1, or 0 where the phase was found in
the store). A second phase of one role is `<role>2`. A stopped trial has rungs and no selection: that would be of less training.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from sweep.tracking.markdown import one_line, plain
from training.record import ENGLISH, PhaseTrace, Status, TrialRecord

NAME_LIMIT, PARAM_LIMIT, TAG_LIMIT = 250, 6000, 8000
"""MLflow's own limits, in characters."""

RUN_TAG, TRIAL_TAG, DIGEST_TAG, KIND_TAG = "sweep.run", "sweep.trial", "sweep.digest", "sweep.kind"
PHASE_TAG, WEIGHTS_TAG = "sweep.phase", "sweep.weights"
RUNG_TAG = "stopped_at_rung"
CHOSEN_TAG, PLAIN_KIND_TAG = "chosen", "kind"
"""Without a dot, so that a filter needs no quotes: tags.chosen = 'yes'."""
SUMMARY_TAG = "sweep.summary"
"""On a sweep's own run: the digest of what its page was made from."""
SCHEME_TAG, SCHEME = "sweep.names", "2"
"""How runs are named; runs that were mirrored under another scheme are named anew, in place."""
LOG = "log10_"
"""What the last part of a learning rate's other name begins with."""
NAMED_TARGETS = 3
"""Targets that a run's name gives, before it counts the others."""
RUN_STATUS = {Status.FINISHED: "FINISHED", Status.STOPPED: "KILLED", Status.PAUSED: "RUNNING", Status.FAILED: "FAILED"}
"""MLflow's word for how a trial ended; it calls killed what was neither finished nor failed."""


class Point(NamedTuple):
    """One logged value; `headline` marks those that describe the final weights (scores, not curves)."""

    name: str
    value: float
    step: int
    headline: bool


def clean(part: str) -> str:
    """One component of a name: MLflow allows letters, digits, `_ - . :` and blanks in it."""
    allowed = re.sub(r"[^\w\-.: ]", "_", part, flags=re.ASCII).strip()
    return "_" if allowed in {"", ".", ".."} else allowed


def joined(*parts: str) -> str:
    """A name of several components, within MLflow's limit."""
    return "/".join(clean(part) for part in parts)[:NAME_LIMIT]


def run_name(record: TrialRecord) -> str:
    """`mnli → xnli #3 s1 (xlmr)`: intermediate task, target, setting, seed and model, the first that differ first."""
    more = len(record.targets) - NAMED_TARGETS
    targets = "+".join(record.targets[:NAMED_TARGETS]) + (f" and {more} more" if more > 0 else "")
    return one_line(f"{record.intermediate} → {targets} #{record.number} s{record.seed} ({record.model})")[:NAME_LIMIT]


def numeric(record: TrialRecord) -> dict[str, float]:
    """The searched values by their names; learning rates are there as powers of ten too, which spread along an axis."""
    values = {clean(name): float(value) for name, value in record.hyperparameters.items()}
    for name, value in list(values.items()):
        head, dot, last = name.rpartition(".")
        if last == "lr" and value > 0:
            values[f"{head}{dot}{LOG}{last}"] = math.log10(value)
    return values


def params(record: TrialRecord) -> dict[str, str]:
    """What the trial was asked to do: the searched values, where it stands in the grid, and the layer of retrieval."""
    values = {
        "model": record.model,
        "intermediate": record.intermediate,
        "targets": ",".join(record.targets),
        "seed": str(record.seed),
        "setting": str(record.number),
    }
    values |= {name: f"{value:.4g}" if LOG in name else f"{value:g}" for name, value in numeric(record).items()}
    for result in record.results:
        if result.layer is not None:
            values[f"{clean(result.task)}.layer"] = str(result.layer)
            values[f"{clean(result.task)}.pooling"] = result.pooling or ""
        for language, threshold in sorted(result.thresholds.items()):
            values[f"{clean(result.task)}.threshold.{clean(language)}"] = f"{threshold:.6g}"
    return {name[:NAME_LIMIT]: value[:PARAM_LIMIT] for name, value in values.items()}


def tags(record: TrialRecord) -> dict[str, str]:
    """What runs are filtered by, and where the numbers come from."""
    values = {
        "grid": record.grid,
        "study": record.study,
        "chain": record.chain,
        "model": record.model,
        "intermediate": record.intermediate,
        "target": ",".join(record.targets),
        "seed": str(record.seed),
        "status": record.status.value,
        PLAIN_KIND_TAG: "trial",
        SCHEME_TAG: SCHEME,
        "synthetic": str(any(result.synthetic for result in record.results)).lower(),
        "oracle": ",".join(oracles(record)) or "none",
        "mlflow.note.content": note(record),
    }
    if record.status is Status.STOPPED and record.rungs:
        values[RUNG_TAG] = str(record.rungs[-1].rung)
    for label, phase in phases(record):
        values[joined("phase", label)] = f"{phase.identity.name}--{phase.key}"
        values |= {joined("data", use.task, "train"): use.data for use in phase.identity.tasks}
    for name, value in _provenance(record):
        values.setdefault(name, value)
    return {name[:NAME_LIMIT]: value[:TAG_LIMIT] for name, value in values.items()}


def _provenance(record: TrialRecord) -> Iterator[tuple[str, str]]:
    """Code version, `package/<name>`, and `data/<task>/<split>` of the tasks that this trial was scored on or chosen by.

    The record holds the digests of the whole grid's data, which no reader of one run would look through.
    """
    used = {*record.targets, *([record.selection.task] if record.selection else [])}
    for name, value in record.provenance.items():
        kind, _, rest = name.partition(".")
        parts = rest.split("/") if kind == "data" else [rest]
        if kind != "data" or used & set(parts[0].split("+")):
            yield joined(kind, *(parts if rest else ())), value


def note(record: TrialRecord) -> str:
    """The run's description, Markdown."""
    way = [f"{phase.identity.name} ({phase.outcome})" for phase in record.phases]
    lines = [plain(" → ".join([record.model, *way, "evaluated on " + ", ".join(record.targets)]))]
    unclean = {result.task: " (oracle: thresholds from target-language gold)" for result in record.results if result.oracle}
    lines += [
        f"**{plain(result.task)}** {result.mean:.2f} on average{', English included' if ENGLISH in result.languages else ''}"
        f"{unclean.get(result.task, '')}"
        for result in record.results
    ]
    lines += [f"**{record.status.value}**: {plain(record.reason)}"] if record.reason else []
    if record.status is Status.STOPPED and record.rungs:
        last = record.rungs[-1]
        lines.append(f"**stopped early** at rung {last.rung}, after {last.step} of {last.steps} steps, with {last.score:.2f}")
    lines += ["SYNTHETIC data (mini world)"] if any(result.synthetic for result in record.results) else []
    return "\n\n".join(lines)


def oracles(record: TrialRecord) -> list[str]:
    """What gold of a target language had a part in: targets whose thresholds were set with it, and the choice of the trial."""
    chosen = ["selection"] if record.selection is not None and record.selection.oracle else []
    return [result.task for result in record.results if result.oracle] + chosen


def points(record: TrialRecord) -> list[Point]:
    """Every metric of a record."""
    rungs = [Point("rung/score", rung.score, rung.step, False) for rung in record.rungs]
    return [*_scores(record), *rungs, *_phase_points(record)]


def _scores(record: TrialRecord) -> Iterator[Point]:
    if record.selection is not None and record.status is not Status.STOPPED:
        yield Point("selection/score", record.selection.score, 0, True)
    for result in record.results:
        yield Point(joined(result.task, "mean"), result.mean, 0, True)
        if result.mean_non_english is not None:
            yield Point(joined(result.task, "mean_non_english"), result.mean_non_english, 0, True)
        for language, scores in sorted(result.languages.items()):
            for metric, value in sorted(scores.items()):
                yield Point(joined(result.task, metric, language), value, 0, True)


def _phase_points(record: TrialRecord) -> Iterator[Point]:
    for label, phase in phases(record):
        yield Point(joined("phase", label, "seconds"), phase.seconds, 0, False)
        yield Point(joined("phase", label, "trained"), float(phase.outcome == "trained"), 0, False)
        for step, loss in dict(phase.curve).items():
            yield Point(joined("phase", label, "loss"), loss, step, False)


def phases(record: TrialRecord) -> Iterator[tuple[str, PhaseTrace]]:
    """The phases with a label each: the role, numbered from the second of one role on."""
    seen: Counter[str] = Counter()
    for phase in record.phases:
        role = phase.identity.role.value
        seen[role] += 1
        yield (role if seen[role] == 1 else f"{role}{seen[role]}"), phase


def times(record: TrialRecord) -> tuple[int | None, int | None]:
    """Start and end in milliseconds since 1970, both None where the record has no readable start.

    The end is `timing["seconds"]` later, or the longest of the `timing` where that is not there.
    """
    try:
        begun = datetime.fromisoformat(record.started)
    except ValueError:
        return None, None
    begun = begun if begun.tzinfo else begun.replace(tzinfo=UTC)
    start = round(begun.timestamp() * 1000)
    seconds = record.timing.get("seconds", max(record.timing.values(), default=0.0))
    return start, start + round(seconds * 1000)
