"""Chosen on dev, scored on test: how much of a chosen setting's dev score is luck (the winner's curse).

The best of several noisy scores is too high on average, since it is chosen for its noise too (Cawley and Talbot 2010, JMLR
11:2079). How much follows from leaving seeds out: choose on J - 1 seeds, and see what the choice leads by there and at the seed
left out. The mean of what is lost is the luck in a choice on J - 1 seeds (as Tibshirani and Tibshirani 2009,
doi:10.1214/08-AOAS224, do it for cross-validation); a choice on all J has about

    optimism = sqrt((J - 1) / J) x mean over seeds of (lead without the seed - lead at the seed)

since noise falls with the root of the number of seeds. A lead is taken over the mean of all settings, so that what a seed does
to all alike is no luck. It is right where settings are equal, and too much where they differ by more than their noise
(`benchmarks/families.md`). Of one pair it is a noisy number, which can be negative; its mean over pairs says more.

It is about the seeds' noise. That all settings are read on the same dev examples adds to it; records don't tell how much.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reports.cells import Cell, Pair, result_of
from reports.frame import TransferTable
from reports.statistics.arms import Floats
from training.record import Status, TrialRecord

LEAST_SEEDS = 2
"""With fewer there is no estimate of the optimism."""
LEAST_RANKED = 3
"""With fewer settings there is no rank correlation."""


@dataclass(frozen=True, kw_only=True)
class Curse:
    """One pair's choice, in points; dev is English dev, test what the target was scored on. Values are means over the seeds.

    `settings` have every seed and both scores; with early stopping these are those that went on. `test_best` is what an oracle
    would have chosen, `rank` Spearman's correlation of dev and test over settings, `optimism` the expected luck in `dev_chosen`
    (None: not known, `why` says so).
    """

    pair: Pair
    settings: int
    seeds: int
    split: str
    dev_chosen: float
    dev_mean: float
    test_chosen: float
    test_mean: float
    test_others: float | None
    test_best: float
    rank: float | None
    optimism: float | None
    why: str = ""


def curses_of(tables: Sequence[TransferTable], records: Iterable[TrialRecord]) -> list[Curse]:
    """Every pair that was chosen among two settings or more; pairs with nothing to choose by are left out."""
    of_pair: dict[Pair, list[TrialRecord]] = defaultdict(list)
    for record in records:
        if record.status is Status.FINISHED and record.selection is not None:
            for target in record.targets:
                of_pair[Pair(record.model, record.intermediate, target)].append(record)
    return [found for table in tables for found in _of_table(table, of_pair)]


def _of_table(table: TransferTable, of_pair: Mapping[Pair, Sequence[TrialRecord]]) -> Iterator[Curse]:
    for name in table.intermediates:
        for target, cell in table.cells[name].items():
            pair = Pair(table.model, name, target)
            found = _curse(pair, cell, of_pair.get(pair, ())) if cell.score is not None and cell.selection else None
            if found is not None:
                yield found


def _curse(pair: Pair, cell: Cell, records: Sequence[TrialRecord]) -> Curse | None:
    settings: dict[tuple[str, int], dict[int, TrialRecord]] = defaultdict(dict)
    for record in records:
        if result_of(record, pair.target):
            settings[record.study, record.number][record.seed] = record
    whole = [runs for _, runs in sorted(settings.items()) if runs.keys() >= set(cell.seeds)]
    names = [tuple(runs[seed].trial for seed in cell.seeds) for runs in whole]
    if len(whole) < 2 or cell.trials not in names:
        return None
    chosen = names.index(cell.trials)
    dev = np.array([[_dev(runs[seed]) for seed in cell.seeds] for runs in whole])
    test = np.array([[_test(runs[seed], pair.target) for seed in cell.seeds] for runs in whole]).mean(1)
    luck, why = optimism(dev)
    return Curse(
        pair=pair,
        settings=len(whole),
        seeds=len(cell.seeds),
        split=cell.split,
        dev_chosen=float(dev[chosen].mean()),
        dev_mean=float(dev.mean()),
        test_chosen=float(test[chosen]),
        test_mean=float(test.mean()),
        test_others=float(np.delete(test, chosen).mean()),
        test_best=float(test.max()),
        rank=rank_correlation(dev.mean(1), test),
        optimism=luck,
        why=why,
    )


def _dev(record: TrialRecord) -> float:
    return record.selection.score if record.selection else float("nan")


def _test(record: TrialRecord, target: str) -> float:
    result = result_of(record, target)
    return result.mean if result else float("nan")


def optimism(dev: Floats) -> tuple[float | None, str]:
    """Expected luck in the best of the means of `dev` [settings, seeds], in points, or why it is not known."""
    seeds = dev.shape[1]
    if seeds < LEAST_SEEDS:
        return None, "one seed: its noise can't be told from what a setting is worth"
    leads = dev - dev.mean(0)
    lost = []
    for left in range(seeds):
        kept = np.delete(leads, left, axis=1).mean(1)
        best = int(kept.argmax())
        lost.append(kept[best] - leads[best, left])
    return float(np.sqrt((seeds - 1) / seeds) * np.mean(lost)), ""


def rank_correlation(dev: Floats, test: Floats) -> float | None:
    """Spearman's; None with few settings, or where all have one score."""
    from scipy.stats import spearmanr

    if len(dev) < LEAST_RANKED or np.ptp(dev) == 0.0 or np.ptp(test) == 0.0:
        return None
    return float(spearmanr(dev, test).statistic)
