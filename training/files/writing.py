"""The canonical text of values, quickly: a search of ten thousand trials writes twenty thousand records and as many keys.

It is JSON with sorted keys, without white space and without NaN, as `json.dumps` writes what `codec.to_payload` gives. A writer
is made once a type. A field that is `LATE` is left out where it has its default, so that what was written and named before the
field was there stays what it was.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Collection, Mapping
from enum import Enum
from json.encoder import encode_basestring as quoted
from typing import Any, get_args

from training.files.building import hints_of

Writer = Callable[[Any], str]
LATE: Mapping[str, bool] = {"late": True}
"""The metadata of a field that came after values of its type were written; it needs a default."""


def text_of(value: object) -> str:
    """Canonical text of dataclasses, mappings, sequences, enums and scalars; raises TypeError on anything else."""
    return (_WRITERS.get(type(value)) or _writer(type(value)))(value)


def text_without(value: object, names: Collection[str]) -> str:
    """Canonical text of a dataclass without some of its fields."""
    kind: Any = type(value)
    return _dataclass(kind, frozenset(names))(value)


def finite(value: float) -> float:
    """A number that equals no other that is written otherwise: -0.0 becomes 0.0. Raises TypeError on NaN and infinity."""
    if not math.isfinite(value):
        raise TypeError(f"{value} has no canonical form")
    return value or 0.0


def text_key(key: object) -> str:
    """The key of a mapping; raises TypeError on one that is no text."""
    if isinstance(key, Enum):
        return str(key.value)
    if not isinstance(key, str):
        raise TypeError(f"a mapping's key must be text, not {key!r}")
    return key


@functools.cache
def fields_of(kind: type) -> tuple[tuple[str, bool], ...]:
    """Names of a dataclass's fields, and whether each holds a real number: a whole one is then written as a real one."""
    hints = hints_of(kind)
    return tuple((item.name, float in (hints[item.name], *get_args(hints[item.name]))) for item in dataclasses.fields(kind))


@functools.cache
def late_fields(kind: type) -> Mapping[str, object]:
    """The defaults of a dataclass's fields that are left out where they have them, by name."""
    return {item.name: item.default for item in dataclasses.fields(kind) if item.metadata.get("late")}


def _real(value: float) -> str:
    return float.__repr__(finite(value))


def _sequence(value: Any) -> str:
    return f"[{','.join([text_of(item) for item in value])}]"


def _mapping(value: Mapping[object, object]) -> str:
    items = {text_key(key): item for key, item in value.items()}
    return f"{{{','.join([f'{quoted(key)}:{text_of(items[key])}' for key in sorted(items)])}}}"


@functools.cache
def _dataclass(kind: type, without: frozenset[str] = frozenset()) -> Writer:
    fields = [(name, f"{quoted(name)}:", real) for name, real in sorted(fields_of(kind)) if name not in without]
    late = late_fields(kind)

    def write(value: Any) -> str:
        parts = []
        for name, head, real in fields:
            item = getattr(value, name)
            if name in late and item == late[name]:
                continue
            parts.append(head + text_of(float(item) if real and type(item) is int else item))
        return f"{{{','.join(parts)}}}"

    return write


_WRITERS: dict[type, Writer] = {
    str: quoted,
    bool: lambda value: "true" if value else "false",
    int: int.__repr__,
    float: _real,
    type(None): lambda value: "null",
    tuple: _sequence,
    list: _sequence,
    dict: _mapping,
}


def _writer(kind: type) -> Writer:
    """The writer of a type that was not met before; a subclass of str or float may be an Enum, which goes by its value."""
    if dataclasses.is_dataclass(kind):
        made = _dataclass(kind)
    elif issubclass(kind, Enum):
        made = _enum
    elif issubclass(kind, Mapping):
        made = _mapping
    else:
        made = next((_WRITERS[base] for base in (list, tuple, float, str, int) if issubclass(kind, base)), _refuse)
    _WRITERS[kind] = made
    return made


def _enum(value: Enum) -> str:
    return text_of(value.value)


def _refuse(value: object) -> str:
    raise TypeError(f"a {type(value).__name__} has no canonical form")
