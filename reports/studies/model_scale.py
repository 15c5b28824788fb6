"""Whether a larger pretrained model amplifies or shrinks the gap between semantic and syntactic intermediate tasks.

The *gap* of a model is the mean gain of its semantic settings minus that of its syntactic ones (those of tagging tasks); the
baseline cancels. Its slope is points per tenfold of parameters, by least squares over the models that the grid has: the
interval is about seeds and test items of these models, not about other models of the same sizes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from reports.cells import BASELINE
from reports.numbers import amount, number, several
from reports.studies.analysis import Analysis
from reports.studies.curves import slope_weights, straight
from reports.studies.design import IntermediateFacts, ModelFacts
from reports.studies.finding import Detail, Estimate, Plot, Ruling, Spot, Strand
from reports.studies.says import find, ruled, sized
from reports.studies.sheet import Weights
from reports.studies.view import View, added, gain

SYNTACTIC, SEMANTIC = "syntactic", "semantic"
TAGGING, TEXT = "tagging", "masked_language_modelling"
PER_TENFOLD = "points per tenfold of parameters"
SLOPE, MEAN = "slope of the gap", "mean gap"


def sort_of(facts: IntermediateFacts) -> str:
    """`syntactic`, `semantic`, or empty: a mixture of both, masked language modelling, or not known."""
    kinds = set(facts.kinds) - {TEXT}
    if not kinds:
        return ""
    if kinds == {TAGGING}:
        return SYNTACTIC
    return "" if TAGGING in kinds else SEMANTIC


def of_sort(view: View, model: str, sort: str) -> list[str]:
    """The complete settings of a model that are of one sort."""
    return [facts.name for facts in view.settings(model) if sort_of(facts) == sort]


def _sized(view: View) -> list[ModelFacts]:
    """Models of known size that have settings of both sorts, the same for all of them, from small to large."""
    known = [model for model in view.models if model.parameters > 0]
    both = [model for model in known if of_sort(view, model.name, SEMANTIC) and of_sort(view, model.name, SYNTACTIC)]
    return sorted(both, key=lambda model: (model.parameters, model.name))


def _common(view: View, sort: str) -> list[str]:
    """Settings of one sort that all those models have."""
    models = _sized(view)
    every = [set(of_sort(view, model.name, sort)) for model in models]
    return [name for name in view.design.intermediates if every and all(name in one for one in every)]


def gap(view: View, model: str) -> Weights:
    """Weights of a model's gap over the settings that all models have; empty where one sort has none."""
    semantic, syntactic = _common(view, SEMANTIC), _common(view, SYNTACTIC)
    return added((1.0, gain(model, semantic)), (-1.0, gain(model, syntactic))) if semantic and syntactic else {}


def headline(view: View) -> list[Estimate]:
    """The slope of the gap over the logarithm of parameters, and the mean gap of all models."""
    models = _sized(view)
    gaps = [gap(view, model.name) for model in models]
    if not gaps or not all(gaps):
        return []
    found = []
    logs = [math.log10(model.parameters) for model in models]
    for scope in view.scopes:
        if max(logs) > min(logs):
            weights = added(*zip(slope_weights(logs), gaps, strict=True))
            found.append(view.estimate(SLOPE, weights, scope=scope, unit=PER_TENFOLD))
        mean = added(*((1.0 / len(gaps), one) for one in gaps))
        found.append(view.estimate(MEAN, mean, scope=scope))
    return found


def answer(view: View, estimates: Sequence[Estimate]) -> Iterator[str]:
    """Whether the gap grows or shrinks, and which sort of task gains more."""
    slope, mean = find(estimates, SLOPE), find(estimates, MEAN)
    if slope is None:
        yield "Not decidable: it takes two models of known and different size that both have semantic and syntactic settings."
        return
    negative = mean is not None and mean.ruling is Ruling.BELOW
    start = "The gap between semantic and syntactic intermediate tasks"
    grows, shrinks = f"{start} grows with the model", f"{start} shrinks with the model"
    if mean is not None and not mean.sure:
        grows, shrinks = "Semantic tasks gain on syntactic ones with scale", "Syntactic tasks gain on semantic ones with scale"
    elif negative:
        grows, shrinks = shrinks, grows
    yield ruled(slope, grows, shrinks, "Whether scale amplifies or shrinks the gap is undecided")
    if mean is not None:
        yield ruled(
            mean,
            "Semantic tasks help more than syntactic ones, over all models",
            "Syntactic tasks help more than semantic ones, over all models",
            "Which sort helps more, over all models, is undecided",
        )
    others = [one for one in estimates if one.name == SLOPE and one is not slope]
    yield from (f"The slope {one.over}: {one.ruling}, {sized(one)}." for one in others)


def details(view: View) -> Iterator[Detail]:
    """The gap of every model, and the gains of both sorts."""
    scope = view.scopes[0]
    models = _sized(view)
    gaps = [
        view.estimate(f"{model.name} ({amount(model.parameters / 1e6)} million)", gap(view, model.name), scope=scope)
        for model in models
    ]
    yield Detail(title="Gap of each model, semantic minus syntactic", estimates=tuple(gaps))
    gains = [
        view.estimate(f"{sort} settings, {model.name}", gain(model.name, names), scope=scope)
        for model in models
        for sort in (SEMANTIC, SYNTACTIC)
        if (names := _common(view, sort))
    ]
    yield Detail(title="Gain over no intermediate task", estimates=tuple(gains))


def plots(view: View) -> Iterator[Plot]:
    """Gains of both sorts, and their gap, against the size of the model."""
    models = _sized(view)
    semantic, syntactic = _common(view, SEMANTIC), _common(view, SYNTACTIC)
    if not (models and semantic and syntactic):
        return
    x = "parameters, million"
    both = [
        _strand(view, sort, models, [gain(model.name, names) for model in models])
        for sort, names in ((SEMANTIC, semantic), (SYNTACTIC, syntactic))
    ]
    yield Plot(title="Gain of both sorts of task", x=x, y="points over none", strands=tuple(both), log=True)
    apart = _strand(view, "semantic minus syntactic", models, [gap(view, model.name) for model in models])
    yield Plot(title="The gap against scale", x=x, y="points", strands=(apart,), log=True)


def _strand(view: View, name: str, models: Sequence[ModelFacts], weights: Sequence[Weights]) -> Strand:
    spots = []
    for model, one in zip(models, weights, strict=True):
        found = view.weighted(one)
        height = found.delta if found else float(view.sheet.by_seed(one, view.targets).mean())
        spots.append(Spot(model.parameters / 1e6, height, found.low if found else None, found.high if found else None))
    x = np.log10([spot.x for spot in spots])
    if len(spots) < 2 or x.max() == x.min():
        return Strand(name=name, spots=tuple(spots))
    fitted = straight(x, np.array([spot.y for spot in spots]))
    return Strand(name=name, spots=tuple(spots), line=tuple((10.0**at, fitted.at(at)) for at in (x.min(), x.max())))


def varied(view: View) -> Iterator[tuple[str, str]]:
    """Sizes, and which settings are of which sort."""
    yield "parameters", ", ".join(f"{model.name}: {amount(model.parameters / 1e6)} million" for model in _sized(view)) or "…"
    for sort in (SEMANTIC, SYNTACTIC):
        yield f"{sort} settings", ", ".join(_common(view, sort)) or "…"


def _notes(view: View) -> Iterator[str]:
    models = _sized(view)
    unsized = [model.name for model in view.models if model not in models]
    if unsized:
        yield f"Left out, of unknown size or without both sorts of settings: {', '.join(unsized)}."
    neither = [one.name for one in view.design.intermediates.values() if one.name != BASELINE and not sort_of(one)]
    if neither:
        yield f"Neither semantic nor syntactic, so left out: {', '.join(neither)}."
    if len(models) == 2:
        yield "Two sizes make a difference, not a trend: the slope is that of the line through both."
    families = sorted({model.family for model in models})
    if len(families) > 1:
        yield f"The models are of several families ({', '.join(families)}), which size can't be told apart from."
    if len(models) > 1:
        ratio = models[-1].parameters / models[0].parameters
        yield f"{several(len(models), 'model')}, the largest {number(ratio)} times the smallest; intervals are about these."


def _spans(view: View) -> dict[str, float]:
    models = _sized(view)
    return {SLOPE: math.log10(models[-1].parameters / models[0].parameters)} if len(models) > 1 else {}


MODEL_SCALE = Analysis(
    question=("Does scaling the pretrained model amplify or shrink the gap between semantic and syntactic intermediate tasks?"),
    headline=headline,
    answer=answer,
    plots=plots,
    varied=varied,
    details=details,
    notes=_notes,
    spans=_spans,
)
