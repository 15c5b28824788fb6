"""A trial that fits no memory is refused before it starts, and told what would fit: by the same estimate, so that it holds.

One change at a time is tried: an adapter, another precision, shorter rows, another GPU, another model. Training that is spread
over several GPUs is none of them: each worker of a team holds a whole model.
"""

from __future__ import annotations

from collections.abc import Iterator

from sweep.planning.architecture import ASSUMED, KNOWN, architecture_of
from sweep.planning.gpus import GB, SIZES, gigabytes
from sweep.planning.memory import Change, memory_of, phases_of, shape_from, shape_of
from sweep.planning.plan import Plan
from sweep.planning.studies import StudySpec
from training.errors import UserError
from training.identity import Adapter
from training.learning.precision import BFLOAT16, FLOAT32

LORA = Adapter()
_SHORTEST = 32
_GPUS = 4


def check_memory(plan: Plan, spec: StudySpec, available: float, machine: str) -> None:
    """Raises UserError where a trial of a study does not fit into `available` bytes even one example at a time.

    `machine` says whose bytes they are: `0.25 of an H100 of 79.1 GB`. The remedy names what would fit.
    """
    need = memory_of(plan, spec, micro_batch=1)
    if need.total > available:
        fitting = list(what_fits(plan, spec, available))
        listed = (
            f"any of these would fit: {'; '.join(fitting)}" if fitting else "no single change of those that are known would do"
        )
        raise UserError(
            f"trials of {spec.name} need more memory than there is",
            f"about {gigabytes(need.total)}, {gigabytes(need.state)} of it weights, gradients and AdamW's moments; "
            f"there are {gigabytes(available)} on {machine}",
            f"{listed}; or give a trial more of the machine (`resources`), or a larger one",
        )


def what_fits(plan: Plan, spec: StudySpec, available: float) -> Iterator[str]:
    """Changes with which a trial would fit, one example at a time, each with what it would take."""
    yield from _adapters(plan, spec, available)
    yield from _shorter(plan, spec, available)
    if plan.grid.resources.device == "cuda":
        yield from _gpus(plan, spec)
    yield from _models(plan, spec, available)


def _total(plan: Plan, spec: StudySpec, change: Change) -> int:
    return memory_of(plan, spec, micro_batch=1, change=change).total


def _adapters(plan: Plan, spec: StudySpec, available: float) -> Iterator[str]:
    training = plan.grid.training
    half = BFLOAT16 if training.precision == FLOAT32 else None
    tried = [("`training.adapter: {kind: lora}`", Change(adapter=LORA))] if training.adapter is None else []
    tried += [("`training.precision: bfloat16`", Change(precision=half))] if half else []
    if len(tried) == 2:
        tried.append(("both an adapter and bfloat16", Change(adapter=LORA, precision=half)))
    for name, change in tried:
        if (total := _total(plan, spec, change)) <= available:
            yield f"{name} ({gigabytes(total)})"
            return


def _shorter(plan: Plan, spec: StudySpec, available: float) -> Iterator[str]:
    """The longest rows that fit, in steps of 32 tokens."""
    longest = max(
        (plan.sources[use.task].row.encoding.max_length for one in phases_of(plan, spec) for use in one.tasks), default=0
    )
    low, high = 0, (longest - 1) // _SHORTEST
    while low < high:
        middle = (low + high + 1) // 2
        fits = _total(plan, spec, Change(longest=middle * _SHORTEST)) <= available
        low, high = (middle, high) if fits else (low, middle - 1)
    if low:
        yield f"a `max_length` of at most {low * _SHORTEST} ({gigabytes(_total(plan, spec, Change(longest=low * _SHORTEST)))})"


def _gpus(plan: Plan, spec: StudySpec) -> Iterator[str]:
    need = memory_of(plan, spec, micro_batch=1).total
    fitting = sorted((size, name) for name, sizes in SIZES.items() for size in sizes if size * GB >= need)
    if fitting:
        yield "a whole GPU such as " + ", ".join(f"{name} ({size:g} GB)" for size, name in fitting[:_GPUS])


def _models(plan: Plan, spec: StudySpec, available: float) -> Iterator[str]:
    """The largest of the grid's other models, and of those that are known, that would fit."""
    shapes = {
        f"the grid's model {name}": shape_of(plan, name)
        for name in plan.grid.models
        if name != spec.model and architecture_of(plan.grid.models[name], plan.models[name]).basis != ASSUMED
    }
    known = {f"{name} (the largest model that is known to fit)": shape_from(item) for name, item in KNOWN.items()}
    for group in (shapes, known):
        for name, shape in sorted(group.items(), key=lambda item: -item[1].parameters):
            if (total := _total(plan, spec, Change(shape=shape))) <= available:
                yield f"{name}: {gigabytes(total)}"
                break
