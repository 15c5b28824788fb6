"""Signals of how much a target may gain from each intermediate task, from one forward pass a task over few examples."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reports.cells import BASELINE
from reports.ranking.judging import Signals
from reports.ranking.measures import h_score, logme, probe
from search_spaces.schema import Intermediate
from sweep.options import encoded_folder
from sweep.planning.plan import Plan
from sweep.ranking.choosing import made_of
from sweep.ranking.phases import Weights
from training.identity import Runtime
from training.inference.sights import Sights
from training.inference.views import KINDS, View

SIMILARITY, SIZE, TASK_VECTOR = "similarity", "size", "task_vector"
MEASURES: Mapping[str, Callable[[View], float]] = {
    "logme": lambda seen: logme(seen.features, seen.labels),
    "h_score": lambda seen: h_score(seen.features, seen.labels),
    "probe": lambda seen: probe(seen.features, seen.labels, seen.groups),
}
SAMPLES = 4000
"""The most labelled states (words, tokens) that are looked at."""


class Looker:
    """Looks at the tasks of a plan with the weights of one model."""

    def __init__(self, plan: Plan, model: str, examples: int) -> None:
        resolved, resources = plan.models[model], plan.grid.resources
        self.plan, self.model, self.examples = plan, model, examples
        self.sights = Sights(
            folder=resolved.folder,
            identity=resolved.identity,
            sources=plan.sources,
            runtime=Runtime(device=resources.device, threads=max(1, int(resources.cpu)), packed=resources.packed),
            examples=examples,
            samples=SAMPLES,
            encoded=encoded_folder(),
        )
        self._means: dict[str, NDArray[np.float64]] = {}

    def signals(self, target: str, weights: Mapping[str, Weights], own: Path | None, tell: Callable[[str], None]) -> Signals:
        """All signals of a target; `own` is its phase without an intermediate task, `tell` hears what is looked at."""
        found, began = Signals(model=self.model, target=target, examples=self.examples), time.monotonic()
        found.made_of = {one.name: made_of(self.plan.grid, self.model, one) for one in self.intermediates}
        row = self.plan.sources[target].row
        labelled = row.trained and self.plan.sources[row.training_row].row.kind in KINDS
        if not labelled:
            found.missing["all but size"] = f"{target} has no labelled training data"
        if labelled and BASELINE in weights:
            tell(f"{target}: similarity of texts")
            self._similar(found, row.training_row, weights[BASELINE].file)
        for name, one in weights.items() if labelled else ():
            tell(f"{target}: states after {name}")
            self._measure(found, name, self.sights.seen(row.training_row, one.file))
        if labelled and BASELINE in weights:
            tell(f"{target}: what phases changed")
            self._alike(found, weights, own)
        for intermediate in self.intermediates:
            if intermediate.tasks:
                parts = zip(intermediate.tasks, intermediate.budgets, strict=True)
                sizes = [min(self.sights.size(task), budget or self.sights.size(task)) for task, budget in parts]
                found.add(SIZE, intermediate.name, float(sum(sizes)))
        found.seconds = time.monotonic() - began
        return found

    @cached_property
    def intermediates(self) -> list[Intermediate]:
        """The intermediate settings of the model's studies."""
        known = {study.intermediate.name: study.intermediate for study in self.plan.studies if study.model == self.model}
        return list(known.values())

    def _measure(self, found: Signals, name: str, seen: View) -> None:
        for measure, value in MEASURES.items():
            try:
                found.add(measure, name, value(seen))
            except ValueError as error:  # too few examples of a label, say: the others may still tell something
                found.missing[f"{measure} of {name}"] = str(error)

    def _alike(self, found: Signals, weights: Mapping[str, Weights], own: Path | None) -> None:
        """Cosines of task vectors: of each intermediate phase, and of the target's own phase."""
        if own is None:
            found.missing[TASK_VECTOR] = f"no finished phase of {found.target} without an intermediate task in the store yet"
            return
        for name, one in weights.items():
            if name != BASELINE and one.file is not None:
                try:
                    found.add(TASK_VECTOR, name, self.sights.likeness(weights[BASELINE].file, one.file, own))
                except ValueError as error:
                    found.missing[f"{TASK_VECTOR} of {name}"] = str(error)

    def _similar(self, found: Signals, task: str, base: Path | None) -> None:
        own = self._mean(task, base)
        for intermediate in self.intermediates:
            means = [self._mean(name, base) for name in intermediate.tasks]
            if means:
                other = np.mean(means, axis=0)
                cosine = own @ other / (np.linalg.norm(own) * np.linalg.norm(other))
                found.add(SIMILARITY, intermediate.name, float(cosine))

    def _mean(self, task: str, base: Path | None) -> NDArray[np.float64]:
        """The mean state of a task's texts by phase 0; each task is looked at once."""
        if task not in self._means:
            self._means[task] = self.sights.mean(task, base)
        return self._means[task]
