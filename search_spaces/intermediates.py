"""What a grid may say of one intermediate setting: no task, one, a mixture, how many examples, in which languages."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, Strict, model_validator
from pydantic_core import PydanticCustomError

from search_spaces.values import (
    Count,
    EpochsAxis,
    EpochsChoices,
    Label,
    LearningRateAxis,
    LearningRateChoices,
    Part,
    Positive,
    Seed,
    Several,
)

NONE = "none"
"""The intermediate setting without an intermediate phase: the baseline of every comparison."""


class PhaseSpace(Part):
    """What is searched for one phase of a chain."""

    lr: LearningRateAxis = LearningRateChoices(values=(1e-5,))
    """a learning rate, a list of them, or {low, high, log}, above 0 and at most 1"""
    epochs: EpochsAxis = EpochsChoices(values=(2,))
    """a whole number from 1 to 1000, a list of them, or {low, high}"""


class Orders(Part):
    """Random orders of a mixture's tasks; each number of tasks, the first so many of an order, is a setting."""

    number: Annotated[int, Field(ge=1, le=26)] = 1
    """how many random orders, a whole number from 1 to 26; they are called a, b, c ..."""
    seed: Seed = 0
    """a whole number from 0, from which the orders follow"""
    counts: Several[Count] | None = None
    """a list of numbers of tasks, none of them twice or above the number of tasks; else every number from 1"""


class Intermediate(Part):
    """An intermediate setting: no task (`none`), one, or a mixture. `name` is what tables and studies call it."""

    name: Label
    """none, a task, or the name of a mixture: letters, digits and _"""
    tasks: Several[str] | tuple[()] = ()
    """the tasks of the intermediate phase, none of them twice"""
    sampling: Literal["proportional", "temperature", "weights"] = "proportional"
    """proportional, temperature or weights: how many examples of each task an epoch has"""
    cap: Count | None = None
    """the most examples of a task that count, a whole number from 1; else training.mixing_cap"""
    temperature: Annotated[float, Field(ge=1)] | None = None
    """a number from 1 (proportional) upwards (ever more equal), only with sampling: temperature"""
    weights: Annotated[tuple[Positive, ...], Strict(False)] = ()
    """numbers above 0, a list in the order of the tasks or {task: number}, only with sampling: weights"""
    alpha: Annotated[float, Field(ge=0, le=1)] = 1.0
    """the exponent with which a task's languages are sampled, from 0 (equal) to 1 (in proportion)"""
    batches: Literal["homogeneous", "mixed"] = "homogeneous"
    """homogeneous (one task a batch) or mixed (all tasks in each)"""
    loss_scaling: Literal["none", "log_classes"] = "none"
    """none, or log_classes to divide a task's loss by log(its number of classes)"""
    space: PhaseSpace | None = None
    """{lr, epochs}: what differs for this setting from search.space.intermediate"""
    examples: Count | None = None
    """training examples, the tasks' together, a whole number from 1; or a list of numbers and `all`, a setting each"""
    languages: Several[str] | None = None
    """some of the languages that the setting's only task can be learned in"""
    orders: Orders | None = None
    """{number, seed, counts}: a setting for each of some numbers of tasks, in random orders; with two tasks or more"""
    series: Label | None = None
    """what a study calls the settings that belong together; `examples` lists and `orders` name theirs themselves"""

    @property
    def is_baseline(self) -> bool:
        """Whether this is the setting without an intermediate phase."""
        return not self.tasks

    @property
    def budgets(self) -> tuple[int, ...]:
        """How many examples of each task there are to be, in equal parts; 0 for all of them.

        It does not depend on how many each task has: that is known once data is read, and a phase's name is needed before.
        What a small task lacks is told by the plan, and no other task has it instead.
        """
        count = len(self.tasks)
        whole, rest = divmod(self.examples or 0, max(count, 1))
        return tuple(whole + (number < rest) for number in range(count))

    @model_validator(mode="after")
    def _options_fit(self) -> Intermediate:
        if bool(self.weights) != (self.sampling == "weights") or (self.weights and len(self.weights) != len(self.tasks)):
            remedy = f"with `sampling: weights` give {len(self.tasks)} weights, otherwise none"
            raise PydanticCustomError("weights", "`weights` go with sampling: weights, one a task", {"remedy": remedy})
        if (self.temperature is None) == (self.sampling == "temperature"):
            remedy = "with `sampling: temperature` give a temperature, otherwise none"
            raise PydanticCustomError("temperature", "`temperature` goes with sampling: temperature", {"remedy": remedy})
        if self.examples is not None and self.examples < len(self.tasks):
            remedy = f"give {len(self.tasks)} or more, one for each task"
            raise PydanticCustomError("examples", "`examples` are fewer than the tasks", {"remedy": remedy})
        if self.languages is not None and len(self.tasks) != 1:
            remedy = "leave `languages` out, or give one task"
            raise PydanticCustomError("languages", "`languages` go with one task alone", {"remedy": remedy})
        if self.orders is not None:
            remedy = "list two or more different tasks, give `counts` up to their number, and leave `series` out"
            raise PydanticCustomError("orders", "`orders` do not fit the tasks", {"remedy": remedy})
        return self


OF_ONE_TASK = {"examples", "languages", "series", "space"}
"""Options that a task may have under its own name."""
_MIXTURE = "must be none, the name of a task, {name of a mixture: [tasks]}, or {name: {tasks: [...], sampling: ..., ...}}"


def _with_weights(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """Weights that are written by task as a list in the order of the tasks."""
    weights, tasks = said.get("weights"), said["tasks"]
    if not isinstance(weights, Mapping) or not isinstance(tasks, (list, tuple)):
        return said
    if set(weights) != set(tasks):
        remedy = f"give one number for each of {', '.join(map(str, tasks))}"
        raise PydanticCustomError("weights", "`weights` must name the tasks of the mixture", {"remedy": remedy})
    return {**said, "weights": tuple(weights[task] for task in tasks)}


def _remedy_without_tasks(said: Mapping[str, Any]) -> str:
    """What to write instead: the key that was meant, where one is misspelt; a task alone has options without `tasks`."""
    for key in said.keys() - Intermediate.model_fields.keys():
        if near := difflib.get_close_matches(str(key), Intermediate.model_fields, 1):
            return f"there is no `{key}`: write `{near[0]}`"
    return f"add `tasks: [...]`; without it a task has {', '.join(sorted(OF_ONE_TASK))} alone"


def as_intermediate(value: object) -> object:
    """An item of `intermediates` as a setting's fields; raises PydanticCustomError."""
    if isinstance(value, Intermediate):
        return value
    if isinstance(value, str):
        return {"name": value, "tasks": () if value == NONE else (value,)}
    if not isinstance(value, Mapping) or len(value) != 1:
        raise PydanticCustomError("mixture", _MIXTURE)
    ((name, said),) = value.items()
    if name == NONE:
        raise PydanticCustomError("mixture", "none is the setting without an intermediate task, and can't have any")
    if isinstance(said, Mapping):
        said = {"tasks": (name,), **said} if said and set(said) <= OF_ONE_TASK else said
        if not said.get("tasks"):
            raise PydanticCustomError(
                "mixture", "must list the tasks of the mixture under `tasks`", {"remedy": _remedy_without_tasks(said)}
            )
        return {"name": name, **_with_weights(said)}
    if not isinstance(said, (list, tuple)) or len(set(map(repr, said))) < max(2, len(said)):
        raise PydanticCustomError("mixture", "must list two or more different tasks under a name that is not none")
    return {"name": name, "tasks": said}
