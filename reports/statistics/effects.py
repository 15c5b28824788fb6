"""What an intermediate task gives in a study: over targets, for languages and seeds at large, by a mixed model.

Each observation is a language's difference from no intermediate task, on one target, at one seed. With targets fixed (sum
contrasts, so the constant is the unweighted mean over targets) and languages and seeds random,

    delta = mean + target + seed + (seed, target) + language + (language, target) + rest,

fitted by REML with statsmodels' MixedLM. It answers another question than the average over targets: the languages scored stand
for others like them, so their differences widen the interval. The noise of test items is in (language, target) and the rest.

The model's own interval (z) covers 81 to 97 % with three seeds, where 95 % are promised. So the variance of the mean is
taken apart into its sources, each with degrees of freedom of its own, and half-widths add as squares, as in
`reports.statistics.compare`; `benchmarks/families.md` says what this covers.

Retrieval targets are left out: their deltas are tens of points and differ by as much between languages, which one variance for
all targets does not fit. Where the fit does not converge, or finds a variance of nought, there is no effect but a reason.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from reports.cells import BASELINE, Cell, result_of
from reports.frame import TransferTable
from reports.statistics.arms import Floats
from reports.statistics.averages import missing_of
from reports.statistics.compare import LEVEL
from training.record import TrialRecord

SOURCES = ("seed", "seed and target", "language", "language and target")
REST = "rest"
LEAST_SEEDS, LEAST_TARGETS, LEAST_LANGUAGES = 2, 2, 3
TOO_MANY = "{:,} observations, more than {:,}: that would take long"
NOUGHT = 1e-4
"""A variance below this share of the largest counts as nought."""


class Observation(NamedTuple):
    """`delta` in points."""

    target: str
    seed: int
    language: str
    delta: float


@dataclass(frozen=True, kw_only=True)
class Effect:
    """A study-level effect in points with its interval; None, and `why`, where there is none to give.

    `deviations` are standard deviations in points, by source of chance; `parts` are the variances in points squared, each with
    its degrees of freedom, that add up to that of the effect (seeds, seeds and targets, languages).
    """

    model: str = ""
    intermediate: str = ""
    effect: float | None = None
    error: float | None = None
    low: float | None = None
    high: float | None = None
    targets: tuple[str, ...] = ()
    languages: int = 0
    seeds: int = 0
    observations: int = 0
    deviations: Mapping[str, float] = field(default_factory=dict)
    parts: tuple[tuple[float, int], ...] = ()
    why: str = ""


def effects_of(
    tables: Sequence[TransferTable], records: Iterable[TrialRecord], level: float = LEVEL, most: int | None = None
) -> list[Effect]:
    """One effect an intermediate task and model, over all targets but retrieval.

    A fit takes time with the third power of its observations; with more than `most` of them there is a reason in its place.
    """
    known = {record.trial: record for record in records}
    return [found for table in tables for found in _of_table(table, known, level, most)]


def _of_table(table: TransferTable, known: Mapping[str, TrialRecord], level: float, most: int | None) -> Iterator[Effect]:
    targets = tuple(target for target in table.targets if target not in table.retrieval)
    for name in table.intermediates:
        if name == BASELINE:
            continue
        missing = list(missing_of(table, name, targets))
        if missing:
            found = Effect(why="; ".join(missing))
        else:
            pairs = [(table.cells[name][target], table.cells[BASELINE][target]) for target in targets]
            rows = [row for mine, other in pairs for row in _observations(mine, other, known)]
            large = most is not None and len(rows) > most
            found = Effect(observations=len(rows), why=TOO_MANY.format(len(rows), most)) if large else effect_of(rows, level)
        yield replace(found, model=table.model, intermediate=name, targets=targets)


def _observations(mine: Cell, other: Cell, known: Mapping[str, TrialRecord]) -> Iterator[Observation]:
    """Paired by seed where both have the same ones; else against the mean of the baseline."""
    base = _scores(other, known)
    for seed, found in _scores(mine, known).items():
        for language, score in found.items():
            same = [base[seed]] if mine.seeds == other.seeds else list(base.values())
            yield Observation(mine.target, seed, language, score - float(np.mean([one[language] for one in same])))


def _scores(cell: Cell, known: Mapping[str, TrialRecord]) -> dict[int, dict[str, float]]:
    """Seed to language to score, of the chosen setting."""
    found: dict[int, dict[str, float]] = {}
    for seed, trial in zip(cell.seeds, cell.trials, strict=True):
        result = result_of(known[trial], cell.target)
        scored = result.languages if result else {}
        found[seed] = {language: scored[language]["score"] for language in cell.languages}
    return found


def effect_of(rows: Sequence[Observation], level: float = LEVEL) -> Effect:
    """The mean over targets with its interval, from observations of several targets, seeds and languages."""
    counts = [len({row[place] for row in rows}) for place in range(3)]
    sizes = zip(("target", "seed", "language"), counts, (LEAST_TARGETS, LEAST_SEEDS, LEAST_LANGUAGES), strict=True)
    few = [f"{count} {what}{'s' if count != 1 else ''}, {least} are needed" for what, count, least in sizes if count < least]
    said = Effect(seeds=counts[1], languages=counts[2], observations=len(rows))
    if few:
        return replace(said, why="; ".join(few))
    design = Design(rows)
    fit = design.fit()
    if fit is None:
        return replace(said, why="the fit did not converge")
    mean, variances = fit
    gone = singular(variances)
    if gone:
        return replace(said, why=f"the variance of {', '.join(gone)} is estimated at nought (a singular fit)")
    parts = design.parts(variances)
    half = math.hypot(*(_quantile(freedom, level) * math.sqrt(part) for part, freedom in parts))
    return replace(
        said,
        effect=mean,
        error=math.sqrt(sum(part for part, _ in parts)),
        low=mean - half,
        high=mean + half,
        deviations={source: math.sqrt(value) for source, value in variances.items()},
        parts=tuple(parts),
    )


def singular(variances: Mapping[str, float]) -> list[str]:
    """Sources whose variance was estimated at nought."""
    least = NOUGHT * max(variances.values())
    return [source for source, value in variances.items() if value <= least]


class Design:
    """Matrices of the model: targets [rows, targets] as sum contrasts, and an indicator [rows, levels] a source of chance."""

    def __init__(self, rows: Sequence[Observation]) -> None:
        self.delta = np.array([row.delta for row in rows])
        targets = _indicator([row.target for row in rows])
        self.targets = np.hstack([np.ones((len(rows), 1)), targets[:, :-1] - targets[:, -1:]])
        self.levels = dict(
            zip(
                SOURCES,
                (
                    _indicator([row.seed for row in rows]),
                    _indicator([(row.seed, row.target) for row in rows]),
                    _indicator([row.language for row in rows]),
                    _indicator([(row.language, row.target) for row in rows]),
                ),
                strict=True,
            )
        )

    def fit(self) -> tuple[float, dict[str, float]] | None:
        """The constant, and the variance of each source in points squared; None where REML does not converge."""
        from statsmodels.regression.mixed_linear_model import MixedLM, VCSpec
        from threadpoolctl import threadpool_limits

        each = list(self.levels.values())
        names = [[[f"{number}" for number in range(one.shape[1])]] for one in each]
        spec = VCSpec(list(SOURCES), names, [[one] for one in each])
        one_group, nothing = np.zeros(len(self.delta)), np.zeros((len(self.delta), 0))
        # The matrices are small: threads of BLAS wait for each other, which took ten times as long on a busy machine.
        with warnings.catch_warnings(), threadpool_limits(1, "blas"):
            warnings.simplefilter("ignore")
            try:
                found = MixedLM(self.delta, self.targets, one_group, exog_re=nothing, exog_vc=spec).fit(method=["lbfgs"])
            except (np.linalg.LinAlgError, ValueError):
                return None
        values = {**dict(zip(SOURCES, map(float, found.vcomp), strict=True)), REST: float(found.scale)}
        mean = float(found.params[0])
        good = found.converged and math.isfinite(mean) and all(map(math.isfinite, values.values()))
        return (mean, values) if good else None

    def parts(self, variances: Mapping[str, float]) -> list[tuple[float, int]]:
        """What each source adds to the variance of the constant, and its degrees of freedom.

        The estimate is a weighted sum of the observations, so its variance is a sum over sources.
        """
        total = variances[REST] * np.eye(len(self.delta))
        for source, level in self.levels.items():
            total += variances[source] * level @ level.T
        solved = np.linalg.solve(total, self.targets)
        weights = solved @ np.linalg.inv(self.targets.T @ solved)[:, 0]
        added = {source: variances[source] * float(((level.T @ weights) ** 2).sum()) for source, level in self.levels.items()}
        sizes = [level.shape[1] for level in self.levels.values()]
        seeds, targets, languages = sizes[0], self.targets.shape[1], sizes[2]
        of_languages = added["language"] + added["language and target"] + variances[REST] * float((weights**2).sum())
        return [
            (added["seed"], seeds - 1),
            (added["seed and target"], (seeds - 1) * (targets - 1)),
            (of_languages, languages - 1),
        ]


def _indicator(names: Sequence[object]) -> Floats:
    """[rows, levels] of 0 and 1; levels in the order of their first row."""
    places = {name: place for place, name in enumerate(dict.fromkeys(names))}
    return np.eye(len(places))[[places[name] for name in names]]


def _quantile(freedom: int, level: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(float(freedom), 0.5 + level / 2.0))
