"""Intermediate training in several languages against English alone, by groups of languages.

An *arm* is a setting with its training languages; arms are compared at one size: with equally many examples, or in full. The
comparison is a mean over targets, of each over its languages of the group, English left out. A language whose labelled data the
arm was trained on is not zero-shot, and is said to be so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reports.cells import BASELINE
from reports.languages_data import BANDS
from reports.numbers import several
from reports.studies.analysis import Analysis
from reports.studies.design import IntermediateFacts
from reports.studies.finding import Bars, Detail, Estimate
from reports.studies.groups import grouped
from reports.studies.says import listed, ruled, sized
from reports.studies.sheet import Point, Weights
from reports.studies.view import NO_CHANCE, View, added, mean_of
from training.record import ENGLISH

FULL = "in full"
ONLY_ENGLISH = (ENGLISH,)


@dataclass(frozen=True)
class Contrast:
    """An arm of several languages against the English one of the same size."""

    arm: IntermediateFacts
    english: IntermediateFacts

    @property
    def size(self) -> str:
        """How the two were made equal."""
        return f"{self.arm.budget:,} examples each" if self.arm.budget else FULL

    @property
    def name(self) -> str:
        """What is compared."""
        return f"{self.arm.name} minus {self.english.name}, {self.size}"


def contrasts_of(view: View) -> list[Contrast]:
    """Every arm of several languages that all models have, with its English counterpart."""
    every = [{facts.name for facts in view.settings(model.name)} for model in view.models]
    facts = [one for name, one in view.design.intermediates.items() if name != BASELINE and all(name in each for each in every)]
    found = []
    for arm in (one for one in facts if set(one.languages) != {ENGLISH}):
        mates = [one for one in facts if tuple(one.languages) == ONLY_ENGLISH and one.budget == arm.budget]
        mates.sort(key=lambda one: (one.tasks != arm.tasks, one.kinds != arm.kinds))
        if mates:
            found.append(Contrast(arm, mates[0]))
    return found


def groups_of(view: View) -> dict[str, tuple[str, ...]]:
    """Group to the languages of the study's targets that are in it, also where one of the targets is left out."""
    return grouped([code for target in view.sheet.blocks for code in view.languages_of(target)], view.design.groups)


def weights_of(view: View, contrast: Contrast) -> Weights:
    """The arm minus English, averaged over models."""
    one, other = contrast.arm.name, contrast.english.name
    return mean_of([{Point(model.name, one): 1.0, Point(model.name, other): -1.0} for model in view.models])


def over_group(view: View, contrast: Contrast, group: str, languages: Sequence[str]) -> Estimate:
    """The contrast over some languages of every target that has any of them."""
    sheet, targets = view.over_languages(languages)
    over = f"{group}: {several(len(languages), 'language')}"
    if not targets:
        return Estimate(name=contrast.name, over=over, why="no target has one of these languages")
    found = sheet.weighted(weights_of(view, contrast), targets)
    return Estimate(name=contrast.name, over=over, found=found, why="" if found else NO_CHANCE)


def headline(view: View) -> list[Estimate]:
    """Every contrast on the first group: high-resource languages, or the first of the user's."""
    groups = groups_of(view)
    if not groups:
        return []
    name, languages = next(iter(groups.items()))
    return [over_group(view, contrast, name, languages) for contrast in contrasts_of(view)]


def answer(view: View, estimates: Sequence[Estimate]) -> Iterator[str]:
    """A sentence for each contrast, and how many of the languages are not zero-shot."""
    contrasts = {one.name: one for one in contrasts_of(view)}
    if not estimates or not contrasts:
        yield "Not decidable: it takes an English arm and one of several languages at the same size, scored in other languages."
        return
    group, languages = next(iter(groups_of(view).items()))
    for one in estimates:
        arm = contrasts[one.name].arm
        what = f"On the {said_of(group)} languages, training on {several(len(arm.languages), 'language')} ({one.name})"
        against = f"{what} against English alone is undecided"
        yield ruled(one, f"{what} beats English alone", f"{what} is worse than English alone", against)
    for arm_languages in dict.fromkeys(contrasts[one.name].arm.languages for one in estimates):
        seen = sorted(set(languages) & set(arm_languages))
        if seen:
            count = f"{len(seen)} of the {len(languages)} {said_of(group)} languages"
            yield f"Training on {several(len(arm_languages), 'language')}, {count} are not zero-shot: {', '.join(seen)}."


def said_of(group: str) -> str:
    """A group in a sentence."""
    return f"{group}-resource" if group in BANDS else group


def details(view: View) -> Iterator[Detail]:
    """Every contrast on every group, and apart on languages that were trained on and on those that were not."""
    groups = groups_of(view)
    for contrast in contrasts_of(view):
        found = [over_group(view, contrast, name, languages) for name, languages in groups.items()]
        codes = sorted({code for languages in groups.values() for code in languages})
        seen = [code for code in codes if code in contrast.arm.languages]
        unseen = [code for code in codes if code not in contrast.arm.languages]
        found += [over_group(view, contrast, "trained on, not zero-shot", seen)] if seen else []
        found += [over_group(view, contrast, "zero-shot", unseen)] if unseen else []
        found.append(over_group(view, contrast, "English itself", ONLY_ENGLISH))
        yield Detail(title=contrast.name, estimates=tuple(found))
    yield from _apart(view)


def _apart(view: View) -> Iterator[Detail]:
    """Arms of several languages against each other, on the first group."""
    groups, contrasts = groups_of(view), contrasts_of(view)
    if not groups:
        return
    pairs = [(one, other) for place, one in enumerate(contrasts) for other in contrasts[place + 1 :] if one.size == other.size]
    group, languages = next(iter(groups.items()))
    found = []
    for one, other in pairs:
        sheet, targets = view.over_languages(languages)
        weights = added((1.0, weights_of(view, one)), (-1.0, weights_of(view, other)))
        name = f"{one.arm.name} minus {other.arm.name}, {one.size}"
        estimate = sheet.weighted(weights, targets) if targets else None
        found.append(Estimate(name=name, over=group, found=estimate, why="" if estimate else NO_CHANCE))
    if found:
        yield Detail(title="Arms of several languages against each other", estimates=tuple(found))


def plots(view: View) -> Iterator[Bars]:
    """Each contrast, a bar a group."""
    for detail in details(view):
        rows = tuple(one for one in detail.estimates if one.found is not None)
        if rows and all(row.name == detail.title for row in rows):
            yield Bars(title=detail.title, rows=tuple(_named(row) for row in rows))


def _named(row: Estimate) -> Estimate:
    return Estimate(name=row.over.partition(":")[0], found=row.found)


def varied(view: View) -> Iterator[tuple[str, str]]:
    """The arms with their languages, and the groups."""
    for contrast in contrasts_of(view):
        yield contrast.arm.name, f"{', '.join(contrast.arm.languages)}; {contrast.size}; against {contrast.english.name}"
    for name, languages in groups_of(view).items():
        yield f"languages, {name}", ", ".join(languages)


def _notes(view: View) -> Iterator[str]:
    contrasts = contrasts_of(view)
    if any(one.size == FULL for one in contrasts):
        yield f"Arms compared {FULL} differ in the number of examples, too."
    other = [one for one in contrasts if one.arm.tasks != one.english.tasks]
    if other:
        said = listed([f"{one.arm.name} ({'+'.join(one.arm.tasks)} against {'+'.join(one.english.tasks)})" for one in other])
        yield f"Arms that train on another task's data than their English counterpart: {said}."
    if not view.design.groups:
        yield "Groups are bands of Wikipedia's size, recalled and not checked; `sweep study --languages FILE` takes others."
    elif groups := groups_of(view):
        yield f"Groups are those of a file: the question is answered on its first, {next(iter(groups))}."
    tested = [f"{one.name}: {sized(one)}" for one in headline(view) if one.found is None]
    yield from tested


MULTILINGUAL_XNLI = Analysis(
    question="Does intermediate training on XNLI in several languages beat English alone, on high-resource languages?",
    headline=headline,
    answer=answer,
    plots=plots,
    varied=varied,
    details=details,
    notes=_notes,
    parts=lambda view: {},
)
