"""The splits of data that a grid reads, and their digests."""

from __future__ import annotations

from collections.abc import Mapping

from search_spaces.schema import Grid
from sweep.planning.studies import learned_languages, target_groups, train_key
from training.data.checking import together
from training.data.loading import DataSource, data_digest
from training.errors import Faults, UserError
from training.record import ENGLISH
from training.tasks.row import Split, TaskRow


def needed_splits(grid: Grid, sources: Mapping[str, DataSource]) -> list[tuple[str, str, Split, tuple[str, ...]]]:
    """(key, task, split, languages) of every split that the grid reads."""
    needed: list[tuple[str, str, Split, tuple[str, ...]]] = []
    for intermediate in grid.intermediates:
        for task in intermediate.tasks:
            row = sources[task].row
            languages = learned_languages(row, intermediate.languages or ())
            needed.append((train_key(row, languages), task, Split.TRAIN, languages))
            needed.append((f"{task}/dev", task, Split.DEV, (ENGLISH,)))
            needed += _first(row, sources)
    for task in (group for group in target_groups(grid, sources) if sources[group].row.trained):
        row = sources[task].row
        needed += [(f"{task}/train", task, Split.TRAIN, row.train_languages), (f"{task}/dev", task, Split.DEV, (ENGLISH,))]
        needed += _first(row, sources)
    for model in grid.models.values():
        if model.pretrain is not None:
            task = model.pretrain.task
            needed.append((f"{task}/train", task, Split.TRAIN, sources[task].row.train_languages))
    for task in grid.targets:
        row = sources[task].row
        needed.append((f"{task}/scored", task, row.scored_on, row.languages))
    return list({item[0]: item for item in needed}.values())


def _first(row: TaskRow, sources: Mapping[str, DataSource]) -> list[tuple[str, str, Split, tuple[str, ...]]]:
    """The training set of the row that is learned before another."""
    if not row.train_first:
        return []
    first = sources[row.train_first].row
    return [(f"{first.name}/train", first.name, Split.TRAIN, first.train_languages)]


def digests_of(grid: Grid, sources: Mapping[str, DataSource]) -> dict[str, str]:
    """Digests of the splits that a grid reads, by key; raises Faults naming every file that is missing or broken."""
    found: dict[str, str] = {}
    faults: list[UserError] = []
    for key, task, split, languages in needed_splits(grid, sources):
        for language in languages:
            try:
                data_digest(sources[task], split, (language,))
            except UserError as fault:
                faults.append(fault)
        if not faults:
            found[key] = data_digest(sources[task], split, languages)[:16]
    if faults:
        raise Faults(f"the data of grid {grid.name}", together(faults))
    return found
