"""What an analysis looks at: the points of a study that are complete, and the same with something left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from reports.cells import BASELINE, Cell
from reports.frame import TransferTable
from reports.statistics.averages import ALL, WITHOUT_RETRIEVAL, missing_of, same_texts
from reports.statistics.compare import Comparison, Part
from reports.statistics.transfer import Arms
from reports.studies.design import Design, IntermediateFacts, ModelFacts
from reports.studies.finding import Estimate
from reports.studies.sheet import Block, Point, Sheet, Weights, block_of

NO_CHANCE = "chance is unknown: one seed without evidence of the items, or seeds that all give the very same"
MOST_NAMES = 8
NOTHING = "nothing to compare is complete"


@dataclass(frozen=True, kw_only=True)
class View:
    """The complete points of a study over `targets`; `missing` says what else the grid has, and why it is left out."""

    design: Design
    tables: Mapping[str, TransferTable]
    arms: Arms
    sheet: Sheet
    targets: tuple[str, ...]
    retrieval: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    kept: dict[tuple[str, tuple[str, ...]], Block] = field(default_factory=dict)
    """Blocks over some languages of a target: each is made once."""

    @cached_property
    def points(self) -> frozenset[Point]:
        """The points that are there, and not left out."""
        kept = {*self.design.intermediates, BASELINE}
        return frozenset(
            point for point in self.sheet.points if point.model in self.design.models and point.intermediate in kept
        )

    @cached_property
    def models(self) -> tuple[ModelFacts, ...]:
        """Models with a baseline and a setting, in the order of the grid."""
        return tuple(facts for name, facts in self.design.models.items() if self.settings(name))

    def settings(self, model: str) -> tuple[IntermediateFacts, ...]:
        """The settings of a model that are complete, without the baseline."""
        there = self.points
        return tuple(
            facts
            for name, facts in self.design.intermediates.items()
            if name != BASELINE and Point(model, name) in there and Point(model, BASELINE) in there
        )

    @property
    def scopes(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """What averages are over: all targets, and those that are not retrieval where there are some of both."""
        kept = tuple(target for target in self.targets if target not in self.retrieval)
        every = (ALL if len(self.targets) > 1 else self.targets[0], self.targets) if self.targets else (ALL, ())
        return (every, (WITHOUT_RETRIEVAL, kept)) if kept and kept != self.targets else (every,)

    def weighted(self, weights: Weights, targets: Sequence[str] = (), more: Sequence[Part] = ()) -> Comparison | None:
        """A weighted sum of points over `targets`, all of them where none are given."""
        return self.sheet.weighted(weights, targets or self.targets, more=more) if self.targets else None

    def estimate(self, name: str, weights: Weights, *, scope: tuple[str, Sequence[str]], unit: str = "points") -> Estimate:
        """The same as an estimate; without weights it says that nothing is complete."""
        found = self.weighted(weights, scope[1]) if weights else None
        why = "" if found else NO_CHANCE if weights else NOTHING
        return Estimate(name=name, over=scope[0], unit=unit, found=found, why=why)

    def score(self, point: Point) -> float:
        """Mean over targets and seeds, in percent."""
        return float(self.sheet.by_seed({point: 1.0}, self.targets).mean())

    def cell(self, point: Point, target: str) -> Cell:
        """The cell of a point on one target."""
        return self.tables[point.model].cells[point.intermediate][target]

    def without(self, *, target: str = "", model: str = "", settings: Sequence[str] = ()) -> View:
        """The same with a target, a model or settings left out."""
        return replace(
            self,
            targets=tuple(name for name in self.targets if name != target),
            design=replace(
                self.design,
                models={name: facts for name, facts in self.design.models.items() if name != model},
                intermediates={name: facts for name, facts in self.design.intermediates.items() if name not in settings},
            ),
        )

    def languages_of(self, target: str) -> tuple[str, ...]:
        """The languages of a target that all points were scored in."""
        sets = [set(self.cell(point, target).languages) for point in self.sheet.points]
        return tuple(sorted(set.intersection(*sets))) if sets else ()

    def over_languages(self, languages: Sequence[str]) -> tuple[Sheet, tuple[str, ...]]:
        """A sheet over these languages alone, and the targets that have any of them."""
        blocks = {}
        for target in self.targets:
            chosen = tuple(code for code in self.languages_of(target) if code in languages)
            if chosen:
                blocks[target] = self._block(target, chosen)
        return Sheet(self.sheet.points, self.sheet.seeds, blocks), tuple(blocks)

    def _block(self, target: str, languages: tuple[str, ...]) -> Block:
        if (target, languages) not in self.kept:
            arms = [self.arms.part(self.cell(point, target), languages) for point in self.sheet.points]
            self.kept[target, languages] = block_of(arms, len(self.sheet.seeds))
        return self.kept[target, languages]


def gain(model: str, names: Sequence[str]) -> dict[Point, float]:
    """Weights of the mean gain of settings over the model's baseline."""
    found = dict.fromkeys((Point(model, name) for name in names), 1.0 / len(names))
    return {**found, Point(model, BASELINE): -1.0}


def added(*parts: tuple[float, Weights]) -> dict[Point, float]:
    """A sum of weights, each times its factor."""
    found: dict[Point, float] = {}
    for factor, weights in parts:
        for point, weight in weights.items():
            found[point] = found.get(point, 0.0) + factor * weight
    return found


def mean_of(parts: Sequence[Weights]) -> dict[Point, float]:
    """The mean of weights; empty where there are none."""
    return added(*((1.0 / len(parts), one) for one in parts)) if parts else {}


def view_of(design: Design, tables: Sequence[TransferTable], arms: Arms) -> View:
    """Every point of the design that is complete on every target, with its baseline, at the seeds that most have."""
    known = {table.model: table for table in tables}
    by_model = {model: known[model] for model in design.models if model in known}
    targets = tuple(dict.fromkeys(target for table in by_model.values() for target in table.targets))
    names = [BASELINE, *(name for name in design.intermediates if name != BASELINE)]
    missing = {"no trial yet": [model for model in design.models if model not in by_model]}
    found: list[Point] = []
    for model, table in by_model.items():
        for name in names:
            reasons = list(missing_of(table, name, targets))
            for reason in reasons:
                missing.setdefault(reason.partition(": ")[2] or reason, []).append(f"{name} ({model})")
            found += [] if reasons else [Point(model, name)]
    found, seeds, odd = _of_same_seeds(found, by_model, targets)
    found.sort(key=lambda point: point.model)  # the same sums whatever the order of the grid
    languages = {
        target: {frozenset(by_model[p.model].cells[p.intermediate][target].languages) for p in found} for target in targets
    }
    unlike = [target for target, sets in languages.items() if len(sets) > 1]
    blocks = {
        target: block_of([arms.of(by_model[p.model].cells[p.intermediate][target]) for p in found], len(seeds))
        for target in (targets if found else ())
    }
    retrieval = {target for table in by_model.values() for target in table.retrieval}
    return View(
        design=design,
        tables=by_model,
        arms=arms,
        sheet=Sheet(tuple(found), seeds, blocks),
        targets=targets if found else (),
        retrieval=tuple(target for target in targets if target in retrieval),
        missing=tuple(_together({**missing, **odd})),
        notes=tuple(_notes(unlike, targets)),
    )


def _of_same_seeds(
    points: Sequence[Point], tables: Mapping[str, TransferTable], targets: Sequence[str]
) -> tuple[list[Point], tuple[int, ...], dict[str, list[str]]]:
    """The points whose trained cells all have the most common seeds, those seeds, and the others."""
    seeds_of = {
        point: {cell.seeds for target in targets if not (cell := tables[point.model].cells[point.intermediate][target]).fixed}
        for point in points
    }
    counted = Counter(seeds for sets in seeds_of.values() for seeds in sets)
    common = max(counted, key=lambda seeds: (counted[seeds], len(seeds))) if counted else (0,)
    kept = [point for point in points if seeds_of[point] <= {common}]
    odd = [f"{point.intermediate} ({point.model})" for point in points if point not in kept]
    return kept, common, {"other seeds than the rest": odd}


def _together(missing: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """A line a reason, with the first of those that it is the reason of."""
    for reason, who in missing.items():
        names = list(dict.fromkeys(who))
        more = f" and {len(names) - MOST_NAMES} others" if len(names) > MOST_NAMES else ""
        if names:
            yield f"{reason}: {', '.join(names[:MOST_NAMES])}{more}"


def _notes(unlike: Sequence[str], targets: Sequence[str]) -> Iterator[str]:
    if unlike:
        yield f"scored in other languages by some models: {', '.join(unlike)}"
    shared = same_texts(targets)
    if shared:
        yield shared
