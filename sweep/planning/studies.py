"""A study: one (model, intermediate, group of targets), and what is searched in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from search_spaces.schema import NONE, Grid, Intermediate, PhaseSpace
from search_spaces.values import Part
from training.data.loading import DataSource
from training.tasks.row import TaskRow

Setting = Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class StudySpec:
    """One study: `axes` maps a searched name (`target.lr`) to its values or range; empty when there is nothing to choose.

    `label` names it in records. `stream` names its random draws (empty: the label does): rules of early stopping have no part
    in it, so that the same settings are tried with and without.
    """

    model: str
    intermediate: Intermediate
    group: str
    targets: tuple[str, ...]
    axes: Mapping[str, Part]
    label: str
    stream: str = ""

    @property
    def name(self) -> str:
        """Readable name: `mini.mini_nli.mini_xnli`."""
        return f"{self.model}.{self.intermediate.name}.{self.group}"


def target_groups(grid: Grid, sources: Mapping[str, DataSource]) -> dict[str, tuple[str, ...]]:
    """Training row -> the targets that learn from it, in the grid's order."""
    groups: dict[str, tuple[str, ...]] = {}
    for target in grid.targets:
        group = sources[target].row.training_row
        groups[group] = (*groups.get(group, ()), target)
    return groups


def learned_for(row: TaskRow) -> tuple[str, ...]:
    """The rows that a target's training row has phases for: the one before it, and itself; none for an untrained target."""
    if not row.trained:
        return ()
    return (row.train_first, row.name) if row.train_first else (row.name,)


def learned_languages(row: TaskRow, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The languages in which a task is learned: those that are wanted, in the row's order, or all of them."""
    return tuple(language for language in row.train_languages if language in wanted) or row.train_languages


def train_key(row: TaskRow, languages: tuple[str, ...]) -> str:
    """The key of a training set: `xnli_all/train`, or `xnli_all/train/de+en` where only some of its languages are learned."""
    return f"{row.name}/train" + ("" if languages == row.train_languages else f"/{'+'.join(languages)}")


def target_space(grid: Grid, group: str) -> PhaseSpace:
    """The space of the target phase on a training row: the general one, with what the grid says of this row in its place."""
    return _with(grid.search.space.target, grid.search.space.targets.get(group))


def intermediate_space(grid: Grid, model: str, intermediate: Intermediate) -> PhaseSpace:
    """The space of an intermediate phase: the general one, with what the setting and then the model say in its place."""
    own = grid.models[model].space
    return _with(_with(grid.search.space.intermediate, intermediate.space), own.intermediate if own else None)


def _with(space: PhaseSpace, own: PhaseSpace | None) -> PhaseSpace:
    """A space with what another one says in its place."""
    if own is None:
        return space
    return space.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})


def axes_of(grid: Grid, model: str, intermediate: Intermediate, group: str, trained: bool) -> dict[str, Part]:
    """The axes of a study: none of a phase that it does not have (`trained`: whether the group has a target phase)."""
    parts: list[tuple[str, PhaseSpace]] = []
    if intermediate.name != NONE:
        parts.append(("intermediate", intermediate_space(grid, model, intermediate)))
    if trained:
        own = grid.models[model].space
        parts.append(("target", _with(target_space(grid, group), own.target if own else None)))
    return {f"{name}.{axis}": getattr(space, axis) for name, space in parts for axis in ("lr", "epochs")}
