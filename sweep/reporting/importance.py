"""Which hyperparameters of a study mattered, from its trials' records: a study in memory, judged by Optuna's PED-ANOVA."""

from __future__ import annotations

import logging
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence

from reports.page.facts import FEW, Importance
from reports.page.scales import spans_factors
from training.record import Status, TrialRecord

BEST = 0.25
"""The share of settings that count as the best."""


def importances(records: Iterable[TrialRecord]) -> dict[str, Importance]:
    """By study; without shares where fewer than `FEW` settings were run to their end, or fewer than two values varied.

    A setting counts with its mean English dev score over seeds; settings that were stopped early have no score to compare.
    """
    studies: dict[str, dict[int, list[TrialRecord]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        if record.status is Status.FINISHED and record.selection is not None:
            studies[record.study][record.number].append(record)
    return {study: _importance([found[number] for number in sorted(found)]) for study, found in sorted(studies.items())}


def _importance(settings: Sequence[Sequence[TrialRecord]]) -> Importance:
    names = set.intersection(*(set(runs[0].hyperparameters) for runs in settings))
    varied = sorted(name for name in names if len({runs[0].hyperparameters[name] for runs in settings}) > 1)
    if len(settings) < FEW or len(varied) < 2:
        return Importance(settings=len(settings))
    return Importance(settings=len(settings), shares=_shares(settings, varied))


def _shares(settings: Sequence[Sequence[TrialRecord]], names: Sequence[str]) -> dict[str, float]:
    import optuna
    from optuna.distributions import BaseDistribution, FloatDistribution
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    columns = {name: [float(runs[0].hyperparameters[name]) for runs in settings] for name in names}
    space: dict[str, BaseDistribution] = {
        name: FloatDistribution(min(values), max(values), log=spans_factors(values)) for name, values in columns.items()
    }
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(logging.WARNING)
    try:
        study = optuna.create_study(direction="maximize")
        study.add_trials(
            optuna.trial.create_trial(
                params={name: columns[name][place] for name in names},
                distributions=space,
                value=statistics.fmean(run.selection.score for run in runs if run.selection is not None),
            )
            for place, runs in enumerate(settings)
        )
        found = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator(target_quantile=BEST))
    finally:
        optuna.logging.set_verbosity(before)
    return {name: float(share) for name, share in found.items()}
