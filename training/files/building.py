"""Building dataclasses from JSON values that fit, quickly: ten thousand records are read at the start of a launch.

A builder is made once a type. It says that a value does not fit, and not why: `codec` then finds every fault.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, get_args, get_origin, get_type_hints

Builder = Callable[[Any], Any]


class Misfit(Exception):
    """A value is not of the type that is wanted."""


@functools.cache
def hints_of(kind: type) -> Mapping[str, Any]:
    """Types of a dataclass's fields, by name."""
    return get_type_hints(kind)


@functools.cache
def builder(kind: Any) -> Builder:
    """What builds a value of a type from JSON values, or raises Misfit; the types are those that `codec` knows."""
    origin = get_origin(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _dataclass(kind)
    if origin in (typing.Union, types.UnionType):
        return _optional(kind)
    if origin is tuple:
        return _tuple(kind)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(kind)
    return _scalar(kind)


def _dataclass(kind: type) -> Builder:
    fields: list[tuple[str, Builder, bool]] | None = None
    known: set[str] = set()

    def build(value: Any) -> Any:
        nonlocal fields
        if fields is None:  # at the first use: a type may hold itself
            fields = [(item.name, builder(hints_of(kind)[item.name]), _is_needed(item)) for item in dataclasses.fields(kind)]
            known.update(name for name, _, _ in fields)
        if not isinstance(value, Mapping) or not known.issuperset(value):
            raise Misfit
        built = {}
        for name, inner, needed in fields:
            if name in value:
                built[name] = inner(value[name])
            elif needed:
                raise Misfit
        return kind(**built)

    return build


def _is_needed(item: dataclasses.Field[Any]) -> bool:
    return item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING


def _optional(kind: Any) -> Builder:
    options = [builder(option) for option in get_args(kind) if option is not type(None)]
    takes_none = len(options) < len(get_args(kind))

    def build(value: Any) -> Any:
        if value is None and takes_none:
            return None
        for option in options[:-1]:
            try:
                return option(value)
            except Misfit:
                continue
        return options[-1](value)

    return build


def _tuple(kind: Any) -> Builder:
    arguments = get_args(kind)
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        inner = builder(arguments[0])

        def build_many(value: Any) -> Any:
            if not isinstance(value, (list, tuple)):
                raise Misfit
            return tuple([inner(item) for item in value])

        return build_many
    builders = [builder(argument) for argument in arguments]

    def build(value: Any) -> Any:
        if not isinstance(value, (list, tuple)) or len(value) != len(builders):
            raise Misfit
        return tuple([one(item) for one, item in zip(builders, value, strict=True)])

    return build


def _mapping(kind: Any) -> Builder:
    inner = builder(get_args(kind)[1])

    def build(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise Misfit
        return {str(key): inner(item) for key, item in value.items()}

    return build


def _scalar(kind: Any) -> Builder:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return lambda value: _enum(kind, value)
    if kind is float:
        return _real
    if kind is Any:
        return lambda value: value

    def build(value: Any) -> Any:
        if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            return value
        raise Misfit

    return build


def _enum(kind: type[Enum], value: Any) -> Any:
    try:
        return kind(value)
    except ValueError:
        raise Misfit from None


def _real(value: Any) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise Misfit
