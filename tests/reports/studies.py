"""Whole studies whose truth is known: tables of intermediates and targets, languages, and settings that are chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reports.cells import Pair
from reports.statistics.arms import Arm, Floats
from reports.statistics.compare import Comparison, compare
from reports.statistics.effects import Observation
from tests.reports.worlds import of_hits

LANGUAGES_OF = (15, 7, 20, 20, 11, 7, 9)
"""Languages of each target, of 20 in all: XNLI, PAWS-X, POS, NER (cut), XQuAD, MLQA, TyDiQA."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """A table of accuracies, latent as in `World`: seeds shift a run by `shared` on all targets, by `own` on each alone.

    The last `retrieval` targets have a baseline that trains nothing. `effects` [intermediates, targets] shift a pair for good.
    """

    seeds: int
    intermediates: int = 9
    targets: int = 9
    retrieval: int = 2
    items: int = 300
    shared: float = 0.05
    own: float = 0.05
    by_arm: float = 0.3
    rest: float = 0.5


def arms_of(study: Study, rng: np.random.Generator, effects: Floats) -> list[list[Arm]]:
    """Arms [intermediates and the baseline first, targets]."""
    rows = study.intermediates + 1
    together = rng.normal(0, study.shared, (rows, study.seeds))
    table: list[list[Arm]] = [[] for _ in range(rows)]
    for target in range(study.targets):
        difficulty = 0.3 + rng.normal(0, 1, study.items)
        for row in range(rows):
            base = difficulty + rng.normal(0, study.by_arm, study.items) + (effects[row - 1, target] if row else 0.0)
            fixed = row == 0 and target >= study.targets - study.retrieval
            count = 1 if fixed else study.seeds
            rest = np.sqrt(study.rest**2 + fixed * (study.shared**2 + study.own**2))
            shift = np.zeros(1) if fixed else together[row] + rng.normal(0, study.own, count)
            hits = base + shift[:, None] + rng.normal(0, rest, (count, study.items)) > 0
            table[row].append(_named(of_hits(hits.astype(np.float64)), f"target{target}", fixed))
    return table


def _named(arm: Arm, about: str, fixed: bool) -> Arm:
    return Arm(arm.seeds, arm.scores, arm.items, (about,), fixed)


def comparisons_of(table: Sequence[Sequence[Arm]]) -> dict[Pair, Comparison]:
    """All intermediates against the baseline, on every target."""
    found = {}
    for row, arms in enumerate(table[1:]):
        for target, (mine, other) in enumerate(zip(arms, table[0], strict=True)):
            one = compare(mine, other)
            assert one is not None
            found[Pair("model", f"task{row}", f"target{target}")] = one
    return found


@dataclass(frozen=True)
class Spread:
    """Standard deviations of a delta, in points, by source; a study of `seeds` seeds and seven targets."""

    seeds: int
    seed: float
    seed_target: float
    language: float
    language_target: float
    rest: float


MEAN = 1.0
"""The true effect of a drawn study."""


def observations_of(spread: Spread, rng: np.random.Generator) -> list[Observation]:
    """Deltas of a study whose mean over targets, for languages and seeds at large, is MEAN."""
    targets, languages = len(LANGUAGES_OF), max(LANGUAGES_OF)
    level = np.linspace(-2.0, 2.0, targets)
    of_seed = rng.normal(0, spread.seed, spread.seeds)
    of_both = rng.normal(0, spread.seed_target, (targets, spread.seeds))
    of_language = rng.normal(0, spread.language, languages)
    of_place = rng.normal(0, spread.language_target, (targets, languages))
    found = []
    for target, count in enumerate(LANGUAGES_OF):
        for language in rng.choice(languages, count, replace=False):
            place = MEAN + level[target] + of_language[language] + of_place[target, language]
            for seed in range(spread.seeds):
                delta = place + of_seed[seed] + of_both[target, seed] + rng.normal(0, spread.rest)
                found.append(Observation(f"target{target}", seed, f"language{language}", float(delta)))
    return found


def dev_scores(settings: int, seeds: int, apart: float, rng: np.random.Generator, noise: float = 1.0) -> tuple[Floats, Floats]:
    """Dev scores [settings, seeds] and what the settings are worth [settings]; seeds shift all settings alike, too."""
    worth = rng.normal(0, apart, settings)
    return worth[:, None] + rng.normal(0, 0.7, seeds) + rng.normal(0, noise, (settings, seeds)), worth
