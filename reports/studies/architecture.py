"""How effective intermediate training is on encoders, decoders and encoder-decoders.

The *gain* of a family is the mean over its models and over the settings that all models of the comparison have. Models are
compared inside a group of the grid (matched size, matched compute). Differences are paired by seed, target and language.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from reports.cells import BASELINE
from reports.languages_data import english_first
from reports.numbers import amount
from reports.studies.analysis import Analysis
from reports.studies.design import ModelFacts
from reports.studies.finding import Bars, Detail, Estimate, Ruling
from reports.studies.says import listed, ruled, sized
from reports.studies.sheet import Weights, at_large
from reports.studies.view import NO_CHANCE, View, added, gain, mean_of
from training.record import ENGLISH

LEAST_LANGUAGES = 3
Pair = tuple[str, str]


def groups_of(view: View) -> dict[str, tuple[ModelFacts, ...]]:
    """Group to its models; one of a single family compares nothing, and is left out."""
    found: dict[str, list[ModelFacts]] = {}
    for model in view.models:
        found.setdefault(model.group, []).append(model)
    return {name: tuple(models) for name, models in found.items() if len({model.family for model in models}) > 1}


def _said(group: str) -> str:
    return f" ({group})" if group else ""


def _common(view: View, models: Sequence[ModelFacts]) -> list[str]:
    every = [{facts.name for facts in view.settings(model.name)} for model in models]
    return [name for name in view.design.intermediates if name != BASELINE and all(name in one for one in every)]


def gain_of(view: View, models: Sequence[ModelFacts], family: str, names: Sequence[str]) -> Weights:
    """Weights of a family's mean gain over models and settings."""
    return mean_of([gain(model.name, names) for model in models if model.family == family]) if names else {}


def _families(models: Sequence[ModelFacts]) -> list[str]:
    return list(dict.fromkeys(model.family for model in models))


def _apart(view: View, models: Sequence[ModelFacts], pair: Pair, names: Sequence[str]) -> Weights:
    one, other = (gain_of(view, models, family, names) for family in pair)
    return added((1.0, one), (-1.0, other)) if names else {}


def headline(view: View) -> list[Estimate]:
    """The gain of each family, and the difference of every two."""
    found = []
    for scope in view.scopes:
        for group, models in groups_of(view).items():
            names, families = _common(view, models), _families(models)
            if not names:
                continue
            found += [
                view.estimate(f"gain, {family}{_said(group)}", gain_of(view, models, family, names), scope=scope)
                for family in families
            ]
            found += [
                view.estimate(_name(pair, group), _apart(view, models, pair, names), scope=scope)
                for pair in combinations(families, 2)
            ]
    return found


def _name(pair: Pair, group: str) -> str:
    return f"{pair[0]} minus {pair[1]}{_said(group)}"


def answer(view: View, estimates: Sequence[Estimate]) -> Iterator[str]:
    """Which families gain, and which gain more than others."""
    first = {one.name: one for one in reversed(estimates)}
    if not first:
        yield "Not decidable: it takes models of two families in one group of the grid, with a setting that all of them have."
        return
    for group, models in groups_of(view).items():
        families = _families(models)
        for family in families:
            one = first.get(f"gain, {family}{_said(group)}")
            if one is not None:
                whom = f"{family} models{_said(group)}"
                undecided = f"Whether intermediate training helps {whom} is undecided"
                yield ruled(one, f"Intermediate training helps {whom}", f"Intermediate training hurts {whom}", undecided)
        yield from _ranked(first, families, group)


def _ranked(first: dict[str, Estimate], families: Sequence[str], group: str) -> Iterator[str]:
    pairs = [(pair, first[_name(pair, group)]) for pair in combinations(families, 2) if _name(pair, group) in first]
    told = []
    for (one, other), found in pairs:
        if found.sure:
            more, less = (one, other) if found.ruling is Ruling.ABOVE else (other, one)
            told.append(f"{more} gains more than {less} ({found.name}: {sized(found)})")
    left = [f"{one} against {other} ({sized(found)})" for (one, other), found in pairs if not found.sure]
    if told:
        yield f"{'; '.join(told)[0].upper()}{'; '.join(told)[1:]}."
    if left:
        yield f"Undecided{_said(group)}: {listed(left)}."


def details(view: View) -> Iterator[Detail]:
    """Gains by setting, differences by language, and what is expected for languages at large."""
    scope = view.scopes[0]
    for group, models in groups_of(view).items():
        names, families = _common(view, models), _families(models)
        if not names:
            continue
        yield Detail(
            title=f"Gain of each setting{_said(group)}",
            estimates=tuple(
                view.estimate(f"{name}, {family}", gain_of(view, models, family, [name]), scope=scope)
                for name in names
                for family in families
            ),
        )
        for pair in combinations(families, 2):
            weights = _apart(view, models, pair, names)
            found = _by_language(view, weights)
            yield Detail(title=f"{_name(pair, group)}: each language", estimates=tuple(found))
            yield Detail(title=f"{_name(pair, group)}: languages at large", estimates=(_at_large(view, weights),))


def _languages(view: View) -> list[str]:
    return sorted({code for target in view.targets for code in view.languages_of(target)}, key=english_first)


def _by_language(view: View, weights: Weights) -> Iterator[Estimate]:
    """The difference in every language, over the targets that have it."""
    for code in _languages(view):
        sheet, targets = view.over_languages([code])
        found = sheet.weighted(weights, targets)
        yield Estimate(name=code, over="targets that have it", found=found, why="" if found else NO_CHANCE)


def _at_large(view: View, weights: Weights) -> Estimate:
    """The mean over languages, English left out, which count as drawn at random, and so do seeds: paired by both."""
    codes = [code for code in _languages(view) if code != ENGLISH]
    said = Estimate(name="mean over languages, drawn at random", over=f"{len(codes)} languages but English")
    if len(codes) < LEAST_LANGUAGES:
        return Estimate(name=said.name, over=said.over, why=f"{LEAST_LANGUAGES} languages are needed")
    columns = [sheet.by_seed(weights, targets) for code in codes for sheet, targets in [view.over_languages([code])]]
    found = at_large(np.stack(columns, axis=1))
    return Estimate(name=said.name, over=said.over, found=found, why="" if found else "two seeds are needed")


def plots(view: View) -> Iterator[Bars]:
    """Gains by setting and family, and differences by language."""
    for detail in details(view):
        rows = tuple(one for one in detail.estimates if one.found is not None)
        if len(rows) > 1:
            yield Bars(title=detail.title, rows=rows)


def varied(view: View) -> Iterator[tuple[str, str]]:
    """Models with their family and size, in their groups."""
    for group, models in groups_of(view).items():
        said = [
            f"{model.name} ({model.family}{f', {amount(model.parameters / 1e6)} million' if model.parameters else ''})"
            for model in models
        ]
        yield f"models{_said(group)}", ", ".join(said)
        yield f"settings{_said(group)}", ", ".join(_common(view, models)) or "…"


def _notes(view: View) -> Iterator[str]:
    grouped = {model.name for models in groups_of(view).values() for model in models}
    alone = [model.name for model in view.models if model.name not in grouped]
    if alone:
        yield f"Without a model of another family in their group, so left out: {', '.join(alone)}."
    for group, models in groups_of(view).items():
        few = [family for family in _families(models) if sum(model.family == family for model in models) == 1]
        if few:
            yield f"One model stands for each of {listed(few)}{_said(group)}: family and pretraining can't be told apart."


ARCHITECTURE = Analysis(
    question="How effective is intermediate training on encoder-only, decoder-only and encoder-decoder models?",
    headline=headline,
    answer=answer,
    plots=plots,
    varied=varied,
    details=details,
    notes=_notes,
)
