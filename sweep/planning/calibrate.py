"""`sweep plan --calibrate`: a few real training steps of each kind of phase, to know how fast this machine trains.

Each distinct set of tasks that a phase learns is trained for its share of the seconds, on the first examples of its data, from
the model's own weights and, on a GPU, with the whole of it; nothing is stored. Rates are of real tokens; the first step warms
up and is not counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sweep.planning.plan import Plan
from sweep.planning.studies import StudySpec
from sweep.planning.throughput import Sample, tasks_of
from training.identity import PhaseIdentity
from training.learning.timing import time_training


def calibrate(plan: Plan, seconds: float) -> list[Sample]:
    """Samples of short trainings; raises UserError where the data or the model can't be used."""
    kinds, samples = list(_kinds(plan)), []
    for study, phase in kinds:
        model, runtime = plan.models[study.model], replace(plan.runtime_of(study), share=1.0, workers=1)
        each = seconds / len(kinds)
        tokens, took = time_training(model.folder, model.identity, phase, plan.sources, runtime, each)
        samples.append((study.model, tasks_of(phase), float(tokens), took))
    return samples


def _kinds(plan: Plan) -> Iterator[tuple[StudySpec, PhaseIdentity]]:
    """A phase of one epoch for each set of tasks that a model of the plan learns."""
    seen: set[tuple[str, tuple[str, ...]]] = set()
    for study in plan.studies:
        setting = {name: 1e-6 if name.endswith("lr") else 1.0 for name in study.axes}
        for phase in plan.chain(study, setting, plan.grid.seeds[0]).phases:
            place = (study.model, tasks_of(phase))
            if place not in seen:
                seen.add(place)
                yield study, replace(phase, epochs=1, schedule="linear", length_pool=0)
