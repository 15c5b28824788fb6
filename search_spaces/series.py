"""Series: one item of `intermediates` that stands for several settings, which differ in their number of examples or of tasks.

`{mnli: {examples: [1000, 4000, all]}}` is `mnli_1000`, `mnli_4000` and `mnli_all`. With `orders` the first tasks of random
orders are settings: `many_a_1`, `many_a_2` ... of the order a, each part of the next. What does not fit is left as it is
written, for the schema to say so at its place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from string import ascii_lowercase
from typing import Any, TypeVar

from search_spaces.intermediates import OF_ONE_TASK

Value = TypeVar("Value")

ALL = "all"
"""In a list of numbers of examples: as many as there are."""


def spread(listed: object) -> object:
    """The list of `intermediates` with each series in place of the item that stands for it."""
    if not isinstance(listed, (list, tuple)):
        return listed
    return tuple(item for _, item in numbered(listed))


def numbered(listed: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    """Every item that a list stands for, with its place in the list as it is written."""
    for place, item in enumerate(listed):
        for single in _settings(item):
            yield place, single


def names(listed: Sequence[Any]) -> Iterator[tuple[int, str]]:
    """The names of the settings that series stand for, with their places in the list as it is written."""
    for place, item in numbered(listed):
        if item is not listed[place] and isinstance(item, Mapping):
            yield place, next(iter(item))


def order_of(tasks: Sequence[str], seed: int, letter: str) -> list[str]:
    """The tasks in the random order of a seed and a letter, the same everywhere."""
    return sorted(tasks, key=lambda task: hashlib.sha256(f"{seed}/{letter}/{task}".encode()).digest())


def _settings(item: Any) -> Iterator[Any]:
    """An item's settings: of its orders, and of each of those its numbers of examples."""
    if not isinstance(item, Mapping) or len(item) != 1:
        yield item
        return
    for ordered in _orders(item):
        yield from _sizes(ordered)


def _orders(item: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    ((name, said),) = item.items()
    found = _order_values(said) if isinstance(said, Mapping) else None
    if found is None:
        yield item
        return
    number, seed, counts, tasks = found
    rest = {key: value for key, value in said.items() if key not in ("orders", "tasks")}
    for letter in ascii_lowercase[:number]:
        order = order_of(tasks, seed, letter)
        for count in counts:
            # in the order in which they are written: the same tasks are then the same phase, whatever the random order
            taken = tuple(task for task in tasks if task in order[:count])
            yield {f"{name}_{letter}_{count}": {**rest, "tasks": taken, "series": f"{name}_{letter}"}}


def _order_values(said: Mapping[str, Any]) -> tuple[int, int, Sequence[int], Sequence[str]] | None:
    """Number of orders, seed, numbers of tasks, and tasks; None where there is no `orders`, or it does not fit."""
    orders, tasks = said.get("orders"), _distinct(said.get("tasks"), str)
    if not isinstance(orders, Mapping) or len(tasks) < 2 or "series" in said or set(orders) - set(ORDER_KEYS):
        return None
    number, seed = orders.get("number", 1), orders.get("seed", 0)
    counts = _distinct(orders.get("counts", range(1, len(tasks) + 1)), int)
    fits = _whole(number, 1, len(ascii_lowercase)) and _whole(seed, 0, 2**31 - 1) and counts
    return (number, seed, counts, tasks) if fits and all(_whole(count, 1, len(tasks)) for count in counts) else None


ORDER_KEYS = ("number", "seed", "counts")


def _sizes(item: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    ((name, said),) = item.items()
    if not isinstance(said, Mapping) or not ("tasks" in said or set(said) <= OF_ONE_TASK):
        yield item
        return
    examples = said.get("examples")
    if not isinstance(examples, (list, tuple)) or not examples or not all(size == ALL or _whole(size, 1) for size in examples):
        yield item
        return
    rest = {key: value for key, value in said.items() if key != "examples"}
    tasks = {"tasks": (name,)} if "tasks" not in said else {}
    for size in examples:
        given = {} if size == ALL else {"examples": size}
        yield {f"{name}_{size}": {"series": name, **rest, **tasks, **given}}


def _distinct(values: object, kind: type[Value]) -> tuple[Value, ...]:
    """A list of different values of a type; nothing where it is another thing."""
    listed = list(values) if isinstance(values, (list, tuple, range)) else []
    found = tuple(value for value in listed if type(value) is kind)
    return found if len(set(found)) == len(listed) else ()


def _whole(value: object, least: int, most: float = float("inf")) -> bool:
    return type(value) is int and least <= value <= most
