"""One side of a comparison: the runs of one setting, a seed each, with what each evaluated item contributes.

An item's *contribution* is the derivative of the score with respect to the item's weight, in points (the influence function of
the infinitesimal jackknife; Efron 2014, doi:10.1080/01621459.2013.823775). Contributions of a run sum to 0; the sum of their
squares is the variance that a bootstrap over items would find; those of a difference or a mean of scores are the differences
or means of contributions. So what follows is sums over arrays, for accuracies and F1 alike, and equal input gives equal output.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.evidence import Evidence
from training.metrics.units import Form, Units

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Arm:
    """Scores [seeds] in points, and contributions [seeds, items] where evidence was kept of every seed.

    `about` names the items (data, languages): only arms about the same can be compared item by item. `fixed` says that nothing
    was trained, so that the one score stands for every seed.
    """

    seeds: tuple[int, ...]
    scores: Floats
    items: Floats | None = None
    about: tuple[str, ...] = ()
    fixed: bool = False

    def __post_init__(self) -> None:
        if len(self.seeds) != len(self.scores) or not len(self.scores):
            raise ValueError(f"{len(self.seeds)} seeds and {len(self.scores)} scores")
        if self.fixed and len(self.scores) != 1:
            raise ValueError("what trains nothing has one score")
        if self.items is not None and (self.items.ndim != 2 or len(self.items) != len(self.scores)):
            raise ValueError(f"contributions of shape {self.items.shape} for {len(self.scores)} seeds")


def arm(
    seeds: Sequence[int],
    scores: Sequence[float],
    evidence: Sequence[Evidence | None],
    languages: Sequence[str],
    *,
    fixed: bool = False,
) -> Arm:
    """The runs of one setting on one target, averaged over `languages`; evidence of one seed missing counts as none at all."""
    known = [one for one in evidence if one is not None and set(languages) <= set(one.languages)]
    values = np.asarray(scores, dtype=np.float64)
    if len(known) < len(values) or len({one.data for one in known}) > 1:
        return Arm(tuple(seeds), values, fixed=fixed)
    rows = [_joined([contributions(one.languages[code]) for code in languages], one.parallel) for one in known]
    if len({len(row) for row in rows}) > 1:
        return Arm(tuple(seeds), values, fixed=fixed)
    about = (known[0].task, known[0].split, known[0].data, *languages)
    return Arm(tuple(seeds), values, np.stack(rows), about, fixed)


def contributions(units: Units) -> Floats:
    """What each item adds to a score when its weight grows by one, in points: [items]."""
    values = units.values.astype(np.float64)
    if units.form is Form.MEAN:
        marks = values.mean(1)
        return np.asarray(100.0 * (marks - marks.mean()) / len(marks))
    shared, both = values[:, 0], values[:, 1] + values[:, 2]
    total = both.sum()
    if not total:
        return np.zeros(len(values))
    return np.asarray(200.0 / total * (shared - shared.sum() / total * both))


def _joined(parts: Sequence[Floats], parallel: bool) -> Floats:
    """Contributions to the unweighted mean over languages: items of a translated test set are one in all of them."""
    if parallel and len({len(part) for part in parts}) == 1:
        return np.asarray(np.mean(parts, axis=0))
    return np.concatenate(parts) / len(parts)


def averaged(arms: Sequence[Arm]) -> Arm:
    """The mean over targets, seed by seed; raises ValueError where they have other seeds. What is fixed is so at every seed.

    Items of one and the same test set, in the same languages, are one item; other targets' items count as drawn on their own.
    """
    trained = [one for one in arms if not one.fixed]
    seeds = trained[0].seeds if trained else arms[0].seeds
    if any(one.seeds != seeds for one in trained):
        raise ValueError("targets of other seeds can't be averaged seed by seed")
    scores = np.mean([np.broadcast_to(one.scores, len(seeds)) for one in arms], axis=0)
    fixed = not trained
    parts: dict[tuple[object, ...], Floats] = {}
    for one in arms:
        if one.items is None:
            return Arm(seeds, scores, fixed=fixed)
        shared = (*one.about[1:], one.items.shape[1]) if len(one.about) > 1 else one.about
        part = np.broadcast_to(one.items, (len(seeds), one.items.shape[1])) / len(arms)
        parts[shared] = parts[shared] + part if shared in parts else part
    items = np.concatenate(list(parts.values()), axis=1)
    return Arm(seeds, scores, items, tuple(name for one in arms for name in one.about), fixed)
