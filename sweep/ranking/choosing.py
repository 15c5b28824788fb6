"""What a grid's `rank` leaves out: of each target the intermediate settings that are not among the first by a kept signal.

* Signals are those that `sweep rank` has kept in the run folder: the choice can be looked at, and every launch of the folder
  makes the same.
* A signal that was kept of another model or setting of the same name, since the grid has changed, counts as not there.
* Targets that train on the same data share their trials, and so the choice: it is made by the training data's English examples.
* A target without labelled training data (sentence retrieval) can't be ranked by any of the measures. It is run after what is
  kept for another target of the model: those phases are trained anyhow, so it costs an evaluation each.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reports.cells import BASELINE
from reports.ranking.judging import Signals
from reports.ranking.keeping import kept_signals
from search_spaces.schema import Grid, Intermediate, Rank
from sweep.amounts import several
from sweep.planning.studies import target_groups
from training.data.loading import DataSource
from training.errors import UserError
from training.files.codec import digest
from training.tasks.row import Kind

if TYPE_CHECKING:
    from sweep.planning.plan import Plan

Kept = Mapping[tuple[str, str], frozenset[str]]
"""The intermediate settings that are run, by model and group of targets."""
UNLABELLED = (Kind.RETRIEVAL, Kind.MLM)


def kept_by_rank(grid: Grid, sources: Mapping[str, DataSource], run: Path, *, nominal: bool = False) -> Kept | None:
    """What is run of a grid; None where it has no `rank`.

    Raises UserError where a signal is not there; with `nominal` the grid's first settings stand for those that are unknown yet.
    """
    if grid.rank is None:
        return None
    settings = {one.name: one for one in grid.intermediates if not one.is_baseline}
    names = list(settings)
    signals, found = kept_signals(run), dict[tuple[str, str], frozenset[str]]()
    groups = target_groups(grid, sources)
    for model in grid.models:
        labelled = [group for group in groups if is_ranked(sources[group])]
        known = {name: made_of(grid, model, one) for name, one in settings.items()}
        for group in labelled:
            mine = _of_targets(signals, model, groups[group], grid.rank.measure)
            values = {name: value for name, value in _values(mine, grid.rank).items() if not _changed(mine, known, name)}
            absent = {name: _why(mine, grid.rank, known, name) for name in names if name not in values}
            if absent and not nominal:
                raise _missing(grid.rank, mine, groups[group], absent, run)
            found[model, group] = frozenset(_first(names, {} if absent else values, grid.rank.keep))
        everywhere = frozenset[str]().union(*(found[model, group] for group in labelled))
        found |= {(model, group): everywhere for group in groups if group not in labelled}
    return {place: kept | {BASELINE} for place, kept in found.items()}


def is_ranked(source: DataSource) -> bool:
    """Whether there are labels to rank by: of the training data that a group of targets has in common."""
    return source.row.trained and source.row.kind not in UNLABELLED


def rank_line(grid: Grid, left_out: Sequence[object], known: bool) -> str:
    """What a plan tells of it."""
    rank = grid.rank
    assert rank is not None
    pairs = several(len(left_out), "pair")
    said = f"rank: the first {rank.keep} intermediate settings a target by {rank.measure}; left out by rank: {pairs}"
    return said if known else f"{said} (which ones is not known before `sweep rank`: the grid's first settings are counted)"


def ranks_known(plan: Plan) -> bool:
    """Whether the run folder has every signal that the choice needs."""
    try:
        kept_by_rank(plan.grid, plan.sources, plan.run)
    except UserError:
        return False
    return True


def made_of(grid: Grid, model: str, intermediate: Intermediate) -> str:
    """Digest of what a signal is about: the weights it begins with, and what the setting learns; not how it is trained."""
    labels = {"name", "space", "series", "pretraining", "group"}
    learned = {task: change.model_dump(mode="json") for task in intermediate.tasks if (change := grid.data.get(task))}
    said = {
        "model": grid.models[model].model_dump(mode="json", exclude=labels),
        "setting": intermediate.model_dump(mode="json", exclude=labels),
        "data": learned,
    }
    return digest(said)


def _of_targets(signals: Collection[Signals], model: str, targets: Sequence[str], measure: str) -> Signals:
    """The signals of the first of some targets, which share their training data, that has any of this measure."""
    of_targets = {one.target: one for one in signals if one.model == model}
    found = (of_targets[target] for target in targets if target in of_targets)
    none = of_targets.get(targets[0]) or Signals(model=model, target=targets[0])
    return next((one for one in found if one.values.get(measure)), none)


def _values(kept: Signals, rank: Rank) -> Mapping[str, float]:
    return kept.values.get(rank.measure, {})


def _changed(kept: Signals, known: Mapping[str, str], name: str) -> bool:
    """Whether a name stands for something else than when its signal was kept."""
    return name in known and kept.made_of.get(name, known[name]) != known[name]


def _why(kept: Signals, rank: Rank, known: Mapping[str, str], name: str) -> str:
    """Why a setting has no signal, where more than its phase is missing."""
    if _changed(kept, known, name):
        return "the grid has changed it since"
    return kept.missing.get(f"{rank.measure} of {name}", "")


def _first(names: Sequence[str], values: Mapping[str, float], keep: int) -> list[str]:
    """The names with the highest values; equal ones, and those that nothing is known of, in the grid's order."""
    return sorted(names, key=lambda name: -values.get(name, 0.0))[:keep]


def _missing(rank: Rank, kept: Signals, targets: Sequence[str], absent: Mapping[str, str], run: Path) -> UserError:
    finished = "a finished phase of each setting"
    known = {"size": "no phase", "similarity": "phase 0", "task_vector": f"{finished}, and of the target after none"}
    needs = known.get(rank.measure, finished)
    cause = f"`rank` has no {rank.measure} of {kept.model} for {', '.join(targets)} in {run.name}"
    remedy = f"`sweep rank` with this grid and run folder keeps it; it needs {needs}: docs/RANK.md says how to come by that"
    if any(f"{rank.measure} of {name}" in kept.missing for name in absent):
        remedy = "take another `measure`, or leave out the target or the setting"
    return UserError(cause, ", ".join(f"{name} ({why})" if why else name for name, why in absent.items()), remedy)
