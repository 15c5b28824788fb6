"""Whether families, averages, mixed models and the winner's curse hold what they promise, on data whose truth is known.

* families: 9 intermediates x 9 targets against one baseline; how often Holm claims anything false, and what share of what
  Benjamini-Hochberg claims is false, where nothing differs and where a third of the pairs do;
* averages: what share of 95 % intervals of a mean over targets hold the truth;
* effects: the same of the mixed model, beside two other intervals of the same fit, and how often it gives none;
* curse: the expected luck in a best dev score, estimated and true.

    python benchmarks/families.py [--draws 1000] [--seed 1] [--seeds 3 5] [--only families averages effects curse]
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from scipy import stats

sys.path.insert(0, str(Path(__file__).parent.parent))

from reports.statistics.arms import Floats, averaged
from reports.statistics.compare import compare
from reports.statistics.curse import optimism
from reports.statistics.effects import Observation, effect_of
from reports.statistics.families import Method, adjusted
from tests.reports.studies import MEAN, Spread, Study, arms_of, comparisons_of, dev_scores, observations_of

ALPHA = 0.05
SEEDS = (3, 5)
SHIFTS = ((0.02, 0.02), (0.05, 0.05), (0.15, 0.15))
"""What seeds shift: all targets of an intermediate task alike, and each alone (latent; 0.2 is about 5 points)."""
TRUE = 0.4
"""The latent shift of a pair that differs: about 12 points."""
SPREADS = ((0.5, 0.7, 0.7, 0.7, 1.0), (0.2, 0.7, 0.7, 0.7, 1.0), (1.0, 0.5, 0.3, 0.5, 1.0), (0.3, 0.3, 1.0, 1.0, 1.0))


def families(draws: int, seed: int, counts: Sequence[int]) -> Iterator[str]:
    """Errors of both methods, and what they find of what is there."""
    named = ("any false, unadjusted", "any false, Holm", "false share, BH", "found, Holm", "found, BH")
    yield "| seeds | seeds shift by | pairs that differ | " + " | ".join(named) + " |"
    yield "|---" * 8 + "|"
    for seeds in counts:
        for shared, own in SHIFTS:
            for differ in (0, 27):
                study = Study(seeds=seeds, shared=shared, own=own)
                yield _family_row(study, differ, draws, np.random.default_rng(seed))


def _family_row(study: Study, differ: int, draws: int, rng: np.random.Generator) -> str:
    effects = np.zeros(study.intermediates * study.targets)
    effects[rng.permutation(len(effects))[:differ]] = TRUE
    table = effects.reshape(study.intermediates, study.targets)
    real = effects > 0
    seen = []
    for _ in range(draws):
        found = comparisons_of(arms_of(study, rng, table))
        raw = np.array([one.p for one in found.values()])
        holm, bh = (np.array(list(adjusted(found, method).values())) < ALPHA for method in Method)
        share = (bh & ~real).sum() / max(1, bh.sum())
        power = [one[real].mean() if differ else np.nan for one in (holm, bh)]
        seen.append([((raw < ALPHA) & ~real).any(), (holm & ~real).any(), share, *power])
    shown = ["" if np.isnan(value) else f"{100 * value:.1f}" for value in np.mean(seen, axis=0)]
    return f"| {study.seeds} | {study.shared:g} and {study.own:g} | {differ} of {len(real)} | " + " | ".join(shown) + " |"


def averages(draws: int, seed: int, counts: Sequence[int]) -> Iterator[str]:
    """Coverage of the interval of one intermediate task's average over nine targets."""
    yield "| seeds | seeds shift by | all nine | seven without retrieval |"
    yield "|---" * 4 + "|"
    for seeds in counts:
        for shared, own in ((0.0, 0.0), *SHIFTS):
            study, rng = Study(seeds=seeds, intermediates=1, shared=shared, own=own), np.random.default_rng(seed)
            held = []
            for _ in range(draws):
                baseline, mine = arms_of(study, rng, np.zeros((1, study.targets)))
                both = [compare(averaged(mine[:count]), averaged(baseline[:count])) for count in (9, 7)]
                held.append([one is not None and one.low <= 0.0 <= one.high for one in both])
            shown = " | ".join(f"{100 * value:.1f}" for value in np.mean(held, axis=0))
            yield f"| {seeds} | {shared:g} and {own:g} | {shown} |"


def effects(draws: int, seed: int, counts: Sequence[int]) -> Iterator[str]:
    """Coverage of the mixed model's effect, of those that it gives; deviations in the order of `Spread`."""
    yield "| seeds | deviations by source | `effect_of` | Satterthwaite | its own z | gives none |"
    yield "|---" * 6 + "|"
    for seeds in counts:
        for deviations in SPREADS:
            rng = np.random.default_rng(seed)
            found = [held for _ in range(draws) if (held := _held(observations_of(Spread(seeds, *deviations), rng)))]
            shown = " | ".join(f"{100 * value:.1f}" for value in np.mean(found, axis=0))
            yield f"| {seeds} | {', '.join(map(str, deviations))} | {shown} | {100 * (1 - len(found) / draws):.0f} % |"


def _held(rows: Sequence[Observation]) -> tuple[bool, bool, bool] | None:
    """Whether the interval, and two others from the same fit, hold the truth; None where no effect is given."""
    found = effect_of(rows)
    if found.effect is None or found.low is None or found.high is None or found.error is None:
        return None
    freedom = sum(part for part, _ in found.parts) ** 2 / sum(part**2 / degrees for part, degrees in found.parts)
    away = abs(found.effect - MEAN) / found.error
    return found.low <= MEAN <= found.high, bool(away <= stats.t.ppf(0.975, freedom)), away <= stats.norm.ppf(0.975)


def curse(draws: int, seed: int, counts: Sequence[int]) -> Iterator[str]:
    """The mean of the estimated luck in the best of several settings, beside the true mean (noise of one run: 1 point).

    Beside it, what an analysis of variance says: the lead times the share of noise in the variance between settings.
    """
    yield "| settings | seeds | settings differ by | true, points | `optimism` | variance shares |"
    yield "|---" * 6 + "|"
    for settings in (2, 4, 9, 18):
        for seeds in (2, *counts):
            for apart in (0.0, 0.5, 2.0):
                rng, seen = np.random.default_rng(seed), []
                for _ in range(draws):
                    dev, worth = dev_scores(settings, seeds, apart, rng)
                    means = dev.mean(1)
                    best = means.argmax()
                    seen.append([means[best] - means.mean() - worth[best] + worth.mean(), optimism(dev)[0], _shrunk(dev)])
                shown = " | ".join(f"{value:.2f}" for value in np.mean(np.array(seen, dtype=np.float64), axis=0))
                yield f"| {settings} | {seeds} | {apart:g} | {shown} |"


def _shrunk(dev: Floats) -> float:
    settings, seeds = dev.shape
    means = dev.mean(1)
    rest = dev - means[:, None] - dev.mean(0) + dev.mean()
    noise = float((rest**2).sum()) / ((settings - 1) * (seeds - 1)) / seeds
    return min(1.0, noise / float(means.var(ddof=1))) * float(means.max() - means.mean())


PARTS = {"families": families, "averages": averages, "effects": effects, "curse": curse}
TIMES = {"families": 1, "averages": 4, "effects": 1, "curse": 4}
"""Draws of each part, as multiples of what is asked for."""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    given = parser.parse_args()
    # statsmodels collects garbage at each adjustment, which would take longer than everything else.
    gc.freeze()
    for name in given.only:
        draws = given.draws * TIMES[name]
        print(f"\n## {name}: {draws} draws (synthetic)\n")
        for line in PARTS[name](draws, given.seed, given.seeds):
            print(line, flush=True)


if __name__ == "__main__":
    main()
