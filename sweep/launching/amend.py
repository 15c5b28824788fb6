"""A grid edited between two launches of one run folder: what changes and what stays, told before anything starts.

A launch leaves a snapshot of its resolved grid, `grid.json`. The next compares itself with it, field by field: settings, tasks,
models and digests of data. What follows for studies, trials and phases comes from their names alone, which are digests: a study
of a changed space is another study, and a phase of unchanged data and hyperparameters is the same phase.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from search_spaces.values import Choices, EpochsRange, Range
from sweep.amounts import several
from sweep.planning.plan import Plan
from sweep.planning.studies import Setting, StudySpec
from sweep.runfolder import SNAPSHOT, RunMark
from sweep.snapshots import SCHEMA, Snapshot
from training.files.codec import canonical, digest
from training.files.storage import write_atomically
from training.identity import NUMERICS_VERSION
from training.record import TrialRecord

FIXED = ("search", "training", "retrieval", "resources")
"""Parts of a grid whose fields are the schema's: one that a snapshot lacks was not known to the version that wrote it."""
MOST_CHAINS = 2000
"""Chains that are gone through for phases that can be used again."""
MOST_NAMED = 6


def snapshot_of(plan: Plan) -> Snapshot:
    """What a plan stands on."""
    grid = plan.grid.model_dump(mode="json", exclude={"about"})
    grid["intermediates"] = {item["name"]: item for item in grid["intermediates"]}
    return Snapshot(
        schema=SCHEMA,
        fields=dict(_flat(grid)),
        tasks={name: digest(row) for name, row in plan.grid.rows.items()},
        models={name: model.identity.key for name, model in plan.models.items()},
        data=dict(plan.digests),
        numerics=NUMERICS_VERSION,
    )


def write_snapshot(plan: Plan) -> None:
    """Leave the grid of this launch for the next to compare itself with; raises StoreError."""
    write_atomically(plan.run / SNAPSHOT, canonical(snapshot_of(plan)) + b"\n")


def changes(before: Snapshot | None, mark: RunMark, plan: Plan, records: Sequence[TrialRecord]) -> list[str]:
    """What a launch of `plan` changes in its run folder, a line each; nothing for the same grid, or the first launch.

    `mark` is the run folder's from before, `records` are all of its records.
    """
    said = list(_differences(before, snapshot_of(plan))) if before is not None else []
    labels = [study.label for study in plan.studies]
    if not said and (not mark.studies or set(mark.studies) == set(labels)):
        return []
    consequences = [_studies(mark.studies, labels), *_trials(plan, records), *_phases(plan, records)]
    return ["the grid is not the one of the last launch here:", *(f"  {line}" for line in [*said, *consequences])]


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves of a tree by their dotted names; lists are leaves."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _flat(item, f"{name}.{key}".lstrip("."))
    else:
        yield name, value


def _differences(before: Snapshot, now: Snapshot) -> Iterator[str]:
    for kind in ("intermediates", "models"):
        yield from _members(kind, _names(before, kind), _names(now, kind))
    for name in [*now.fields, *(name for name in before.fields if name not in now.fields)]:
        old, new = before.fields.get(name), now.fields.get(name)
        unknown = name not in before.fields and name.partition(".")[0] in FIXED
        if old == new or unknown or _is_of_a_new_or_gone_member(name, before, now):
            continue
        if isinstance(old, list) and isinstance(new, list) and name in ("targets", "seeds"):
            yield from _members(name, old, new)
        else:
            yield f"{name}: {_shown(old)} -> {_shown(new)}"
    for what, first, then in (
        ("task {}: its row is another", before.tasks, now.tasks),
        ("model {}: its weights, configuration or tokenizer are others", before.models, now.models),
        ("data of {}: other examples", before.data, now.data),
    ):
        yield from (what.format(name) for name in sorted(first.keys() & then.keys()) if first[name] != then[name])
    if before.numerics not in (0, now.numerics):
        yield f"this version of the project trains otherwise (numerics {before.numerics} -> {now.numerics}): phases are others"


def _names(snapshot: Snapshot, kind: str) -> list[str]:
    return list(snapshot.members(kind))


def _is_of_a_new_or_gone_member(name: str, before: Snapshot, now: Snapshot) -> bool:
    kind, _, rest = name.partition(".")
    member = rest.partition(".")[0]
    return kind in ("intermediates", "models") and (member in _names(before, kind)) != (member in _names(now, kind))


def _members(kind: str, old: Sequence[Any], new: Sequence[Any]) -> Iterator[str]:
    """What a list got and lost, or that its order is another (the first seed is the one that settings are compared on)."""
    signs = [f"+ {item}" for item in new if item not in old] + [f"- {item}" for item in old if item not in new]
    if signs:
        yield f"{kind}: {', '.join(signs)}"
    elif kind == "seeds" and list(old) != list(new):
        yield f"{kind}: {_shown(old)} -> {_shown(new)}"


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _studies(old: Sequence[str], new: Sequence[str]) -> str:
    kept = [label for label in new if label in set(old)]
    fresh = [label for label in new if label not in set(old)]
    dropped = [label for label in old if label not in set(new)]
    pairs, were = [_pair(label) for label in fresh], [_pair(label) for label in dropped]
    anew = [pair for pair in pairs if pair in were]
    groups = {
        "kept": [_pair(label) for label in kept],
        "begun anew": anew,
        "new": [pair for pair in pairs if pair not in anew],
        "dropped": [pair for pair in were if pair not in anew],
    }
    text = "studies: " + ", ".join(f"{len(group)} {what}" for what, group in groups.items() if group or what != "begun anew")
    for what, group in groups.items():
        if group and what != "kept":
            more = f" and {len(group) - MOST_NAMED} more" if len(group) > MOST_NAMED else ""
            text += f"; {what}: {', '.join(group[:MOST_NAMED])}{more}"
    return text


def _pair(label: str) -> str:
    """What a study is of, without the digest of its space and phases."""
    return label.rpartition("~")[0]


def _counts_of(plan: Plan) -> dict[str, int]:
    return {study.label: plan.settings_of(study) for study in plan.studies}


def _trials(plan: Plan, records: Iterable[TrialRecord]) -> Iterator[str]:
    budgets, seeds = _counts_of(plan), set(plan.grid.seeds)
    kept = left = 0
    for record in records:
        if record.number < budgets.get(record.study, 0) and record.seed in seeds:
            kept += 1
        else:
            left += 1
    text = f"trials: {kept} with a record stay, at most {plan.trials() - kept} are to run"
    yield text + (f"; {several(left, 'other record')} on disk, kept out of this grid's tables" if left else "")


def _phases(plan: Plan, records: Iterable[TrialRecord]) -> Iterator[str]:
    """How many of the stored phases this grid can use: its chains are gone through as far as their settings are known."""
    stored = {path.name.rpartition("--")[2] for path in plan.store.glob("*--*")}
    if not stored:
        return
    chains = itertools.islice(_chains(plan, records), MOST_CHAINS)
    usable = stored & {key for study, setting, seed in chains for key in plan.chain(study, setting, seed).phase_keys}
    yield f"phases: {len(usable)} of the {len(stored)} in the store can be used as they are; the others stay where they are"


def _chains(plan: Plan, records: Iterable[TrialRecord]) -> Iterator[tuple[StudySpec, Setting, int]]:
    known: dict[str, list[Setting]] = {}
    for record in records:
        known.setdefault(record.study, []).append(record.hyperparameters)
    for study in plan.studies:
        settings = [*_listed(study), *known.get(study.label, ())]
        for seed in plan.grid.seeds:
            yield from ((study, setting, seed) for setting in settings)


def _listed(study: StudySpec) -> Iterator[Setting]:
    """Settings of a discrete space; of another, those of its intermediate phase, each with one value of what is continuous."""
    axes: list[Sequence[float]] = []
    for axis in study.axes.values():
        if isinstance(axis, Choices):
            axes.append(axis.values)
        elif isinstance(axis, EpochsRange):
            axes.append(range(axis.low, axis.high + 1))
        elif isinstance(axis, Range):
            axes.append((axis.low,))
    return (dict(zip(study.axes, values, strict=True)) for values in itertools.product(*axes))
