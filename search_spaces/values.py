"""The types a grid's values have: their ranges, and the two ways to write what is searched.

A searched value is written as a list, which means choices, or as `{low, high, log}`, which means anything in between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Strict, Tag, model_validator
from pydantic_core import PydanticCustomError

from training.tasks.row import Kind, Split

Item = TypeVar("Item")


def _distinct(items: tuple[Item, ...]) -> tuple[Item, ...]:
    counts = Counter(getattr(item, "name", None) or repr(item) for item in items)
    repeated = ", ".join(name for name, count in counts.items() if count > 1)
    if repeated:
        raise PydanticCustomError("repeated", "must not repeat an item, but has {items} more than once", {"items": repeated})
    return items


def _split(name: object) -> object:
    if isinstance(name, str) and name in set(Split):
        return Split(name)
    raise PydanticCustomError("split", "must be one of train, dev and test")


def _kind(name: object) -> object:
    if isinstance(name, str) and name in set(Kind):
        return Kind(name)
    raise PydanticCustomError("kind", "must be one of {kinds}", {"kinds": ", ".join(Kind)})


def _scored(split: Split) -> Split:
    if split is Split.TRAIN:
        raise PydanticCustomError("split", "must be dev or test")
    return split


Several = Annotated[tuple[Item, ...], Strict(False), Field(min_length=1), AfterValidator(_distinct)]
"""A list of at least one item, none of them twice."""
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
Label = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=64)]
LearningRate = Annotated[float, Field(gt=0, le=1)]
Epochs = Annotated[int, Field(ge=1, le=1000)]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]
Count = Annotated[int, Field(ge=1)]
Amount = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(gt=0, lt=1)]
GridSplit = Annotated[Split, BeforeValidator(_split)]
TaskKind = Annotated[Kind, BeforeValidator(_kind)]
ScoredSplit = Annotated[Split, AfterValidator(_scored), BeforeValidator(_split)]


class Part(BaseModel):
    """Base of every part of a grid: immutable, strictly typed, without unknown keys.

    The text below a field is what a user reads when a value does not fit: it says what may be written there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True)


class Choices(Part):
    """A hyperparameter that takes one of some values."""

    values: Several[float]
    """a list of numbers, none of them twice"""


class Range(Part):
    """A hyperparameter between two bounds, both included; `log` draws its logarithm evenly."""

    low: float
    """the lower bound"""
    high: float
    """the upper bound, above low"""
    log: bool = False
    """true or false"""

    @model_validator(mode="after")
    def _is_ordered(self) -> Range:
        if not self.low < self.high:
            raise PydanticCustomError("range", "low must be below high")
        return self


class LearningRateChoices(Choices):
    """Some learning rates."""

    values: Several[LearningRate]
    """a list of learning rates, above 0 and at most 1"""


class LearningRateRange(Range):
    """Learning rates between two bounds."""

    low: LearningRate
    """the lowest learning rate, above 0"""
    high: LearningRate
    """the highest learning rate, above low and at most 1"""


class EpochsChoices(Choices):
    """Some numbers of epochs."""

    values: Several[Epochs]
    """a list of whole numbers from 1"""


class EpochsRange(Range):
    """Numbers of epochs between two bounds."""

    low: Epochs
    """the fewest epochs, a whole number from 1"""
    high: Epochs
    """the most epochs, a whole number above low"""


def _written_as(value: object) -> object:
    if isinstance(value, (list, tuple)):
        return {"values": value}
    return value if isinstance(value, (Mapping, Part)) else {"values": (value,)}


def _form(value: Any) -> str:
    return "choices" if isinstance(value, Choices) or (isinstance(value, Mapping) and "values" in value) else "range"


LearningRateAxis = Annotated[
    Annotated[LearningRateChoices, Tag("choices")] | Annotated[LearningRateRange, Tag("range")],
    Discriminator(_form),
    BeforeValidator(_written_as),
]
EpochsAxis = Annotated[
    Annotated[EpochsChoices, Tag("choices")] | Annotated[EpochsRange, Tag("range")],
    Discriminator(_form),
    BeforeValidator(_written_as),
]
