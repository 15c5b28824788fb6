"""How the size of the intermediate data set affects transfer, for a multilingual against an English-only pretrained model.

A *curve* is one task (a series of settings that differ in size alone). Its slope is points per tenfold of examples. A slope
of a pretraining is the mean over its models and over the curves that all models have, at the sizes that all have.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from reports.cells import BASELINE
from reports.numbers import number, several
from reports.statistics.arms import Floats
from reports.studies.analysis import Analysis
from reports.studies.curves import EXPONENTS, LEAST_SIZES, open_exponents, power_law, slope_weights, straight
from reports.studies.design import IntermediateFacts
from reports.studies.finding import Detail, Estimate, Fit, Plot, Spot, Strand
from reports.studies.says import find, ruled, sized
from reports.studies.sheet import Point, Weights
from reports.studies.view import View, added, gain, mean_of
from training.record import ENGLISH

PER_TENFOLD = "points per tenfold of examples"
MULTILINGUAL, ENGLISH_ONLY = "multilingual", "english"
SLOPES = {MULTILINGUAL: "slope, multilingual pretraining", ENGLISH_ONLY: "slope, English-only pretraining"}
APART = "slope, multilingual minus English-only"


def size_of(facts: IntermediateFacts) -> int:
    """Training examples of a setting: how many there are, else how many the grid asked for (0: not known)."""
    return facts.examples or facts.budget


def curves_of(view: View) -> dict[str, dict[int, str]]:
    """Curve to size to setting, with two sizes or more; without a series it joins the curve of its tasks and languages."""
    facts = [one for name, one in view.design.intermediates.items() if name != BASELINE and size_of(one)]
    series = {(one.tasks, one.languages): one.series for one in facts if one.series}
    found: dict[str, dict[int, str]] = {}
    for one in facts:
        name = one.series or series.get((one.tasks, one.languages)) or _said(one)
        found.setdefault(name, {}).setdefault(size_of(one), one.name)
    return {name: dict(sorted(sizes.items())) for name, sizes in found.items() if len(sizes) > 1}


def _said(facts: IntermediateFacts) -> str:
    """What a curve is called that the grid gives no name: its tasks, and the languages where they are not English alone."""
    tasks = "+".join(facts.tasks)
    return tasks if facts.languages == (ENGLISH,) else f"{tasks} in {'+'.join(facts.languages)}"


def curve_of(view: View, model: str, sizes: Mapping[int, str]) -> dict[int, str]:
    """The sizes of a curve that are complete for a model."""
    there = {facts.name for facts in view.settings(model)}
    return {size: name for size, name in sizes.items() if name in there}


def slope(model: str, sizes: Mapping[int, str]) -> Weights:
    """Weights of a curve's slope per tenfold; the baseline is in it with weight nought."""
    weights = slope_weights([math.log10(size) for size in sizes])
    return {Point(model, name): weight for name, weight in zip(sizes.values(), weights, strict=True)}


def _shared(view: View) -> dict[str, dict[int, str]]:
    """The curves at the sizes that every model has."""
    found = {}
    for name, sizes in curves_of(view).items():
        complete = [set(curve_of(view, model.name, sizes)) for model in view.models]
        kept = {size: setting for size, setting in sizes.items() if complete and all(size in one for one in complete)}
        if len(kept) > 1:
            found[name] = kept
    return found


def headline(view: View) -> list[Estimate]:
    """The mean slope of each pretraining, and what one is above the other."""
    curves = _shared(view)
    of_kind = {
        kind: mean_of(
            [slope(model.name, sizes) for model in view.models if model.pretraining == kind for sizes in curves.values()]
        )
        for kind in SLOPES
    }
    found = []
    for scope in view.scopes:
        found += [
            view.estimate(SLOPES[kind], weights, scope=scope, unit=PER_TENFOLD) for kind, weights in of_kind.items() if weights
        ]
        if all(of_kind.values()):
            apart = added((1.0, of_kind[MULTILINGUAL]), (-1.0, of_kind[ENGLISH_ONLY]))
            found.append(view.estimate(APART, apart, scope=scope, unit=PER_TENFOLD))
    return found


def answer(view: View, estimates: Sequence[Estimate]) -> Iterator[str]:
    """One sentence on each pretraining, and one on the two."""
    for kind, what in ((MULTILINGUAL, "multilingual"), (ENGLISH_ONLY, "English-only")):
        one = find(estimates, SLOPES[kind])
        if one is not None:
            start = f"More intermediate data {{}} the {what} pretrained model"
            undecided = f"Whether more intermediate data helps the {what} pretrained model is undecided"
            yield ruled(one, start.format("helps"), start.format("hurts"), undecided)
    apart = find(estimates, APART)
    if apart is None:
        yield "Multilingual against English-only can't be compared: the grid has no complete curve of both."
        return
    start = "Each tenfold of data brings the multilingual model"
    yield ruled(
        apart,
        f"{start} more than the English-only one",
        f"{start} less than the English-only one",
        "Whether size matters more to the multilingual or to the English-only model is undecided",
    )
    others = [one for one in estimates if one.name == APART and one is not apart]
    yield from (f"The same {one.over}: {one.ruling}, {sized(one)}." for one in others)


def details(view: View) -> Iterator[Detail]:
    """The slope of every curve of every model, and the gain at every size."""
    slopes, gains = [], []
    scope = view.scopes[0]
    for name, sizes in curves_of(view).items():
        for model in view.models:
            mine = curve_of(view, model.name, sizes)
            if len(mine) > 1:
                label = f"{name}, {model.name}"
                slopes.append(view.estimate(label, slope(model.name, mine), scope=scope, unit=PER_TENFOLD))
            gains += [
                view.estimate(f"{name}, {model.name}, {size:,} examples", gain(model.name, [setting]), scope=scope)
                for size, setting in mine.items()
            ]
    yield Detail(title="Slope of each curve", estimates=tuple(slopes))
    yield Detail(title="Gain over no intermediate task at each size", estimates=tuple(gains))


def fits(view: View) -> Iterator[Fit]:
    """A power law gain = a - b n^-c a curve, where it has sizes enough; its exponent with a confidence set."""
    for name, sizes in curves_of(view).items():
        for model in view.models:
            mine = curve_of(view, model.name, sizes)
            if len(mine) > 1:
                yield _fit(view, f"{name}, {model.name}", model.name, mine)


def _fit(view: View, label: str, model: str, sizes: Mapping[int, str]) -> Fit:
    said = f"exponent c of gain = a - b n^-c: {label}"
    if len(sizes) < LEAST_SIZES:
        return Fit(
            name=said, value=None, says=f"{several(len(sizes), 'size')}: no curve is fitted below {LEAST_SIZES}; see the slope"
        )
    x, points = np.array(list(sizes), dtype=np.float64), [Point(model, setting) for setting in sizes.values()]
    value = power_law(x, gains_of(view, model, sizes)).value
    low, high, empty = open_exponents(x, lambda weights: view.weighted(dict(zip(points, weights, strict=True))), value)
    if empty:
        return Fit(name=said, value=value, says="no power law fits these points within their chance")
    if low is None and high is None:
        return Fit(
            name=said, value=value, says="the data leaves every exponent open: a straight line over the logarithm says as much"
        )
    says = "a straight line over the logarithm (c near 0) is not ruled out" if low is None else "gains flatten with size"
    return Fit(name=said, value=value, low=low, high=high, says=says)


def gains_of(view: View, model: str, sizes: Mapping[int, str]) -> Floats:
    """The gain at every size, in points."""
    base = view.score(Point(model, BASELINE))
    return np.array([view.score(Point(model, setting)) - base for setting in sizes.values()])


def plots(view: View) -> Iterator[Plot]:
    """A learning curve a task, a strand a model."""
    for name, sizes in curves_of(view).items():
        strands = [
            _strand(view, f"{model.name} ({model.pretraining})", model.name, mine)
            for model in view.models
            if (mine := curve_of(view, model.name, sizes))
        ]
        if strands:
            title = f"{name}: gain against intermediate examples"
            yield Plot(title=title, x="intermediate examples", y="points over none", strands=tuple(strands), log=True)


def _strand(view: View, name: str, model: str, sizes: Mapping[int, str]) -> Strand:
    y, x = gains_of(view, model, sizes), np.array(list(sizes), dtype=np.float64)
    found = [view.weighted(gain(model, [setting])) for setting in sizes.values()]
    spots = tuple(
        Spot(float(size), float(height), one.low if one else None, one.high if one else None)
        for size, height, one in zip(x, y, found, strict=True)
    )
    if len(sizes) < 2:
        return Strand(name=name, spots=spots)
    curve = power_law(x, y) if len(sizes) >= LEAST_SIZES else None
    if curve is None or curve.value <= EXPONENTS[0]:
        curve = straight(np.log10(x), y)
        return Strand(name=name, spots=spots, line=tuple((float(at), curve.at(math.log10(at))) for at in (x[0], x[-1])))
    places = np.geomspace(x[0], x[-1], 25)
    return Strand(name=name, spots=spots, line=tuple((float(at), curve.at(float(at))) for at in places))


def varied(view: View) -> Iterator[tuple[str, str]]:
    """What the grid varies."""
    for name, sizes in curves_of(view).items():
        yield f"examples of {name}", ", ".join(f"{size:,}" for size in sizes)
    yield "pretraining", ", ".join(f"{model.name}: {model.pretraining}" for model in view.models)


def _parts(view: View) -> dict[str, list[str]]:
    return {f"task {name}": list(sizes.values()) for name, sizes in curves_of(view).items()}


def _spans(view: View) -> dict[str, float]:
    curves = _shared(view).values()
    tenfolds = [math.log10(max(sizes) / min(sizes)) for sizes in curves]
    return dict.fromkeys((*SLOPES.values(), APART), sum(tenfolds) / len(tenfolds)) if tenfolds else {}


def _notes(view: View) -> Iterable[str]:
    unknown = [name for name, one in view.design.intermediates.items() if name != BASELINE and not size_of(one)]
    if unknown:
        yield f"Size not known, so left out: {', '.join(unknown)}."
    whole, shared = curves_of(view), _shared(view)
    cut = [name for name in whole if len(shared.get(name, {})) < len(whole[name])]
    if cut:
        yield f"Mean slopes are over the sizes that every model has; some are missing of {', '.join(cut)}."
    spans = _spans(view)
    if spans:
        yield f"Sizes range over {number(max(spans.values()))} tenfolds; what lies beyond is not measured."


DATASET_SIZE = Analysis(
    question=(
        "How does the size of the intermediate data set affect zero-shot transfer, with a multilingual against an English-only"
        " pretrained model?"
    ),
    headline=headline,
    answer=answer,
    plots=plots,
    varied=varied,
    details=details,
    fits=fits,
    notes=_notes,
    parts=_parts,
    spans=_spans,
)
