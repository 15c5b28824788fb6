"""Typed dataclasses to JSON and back, strictly.

What is written is canonical (sorted keys, no white space, no NaN), so that equal values have equal bytes and a digest of the
bytes names the value. What is read must match the type field by field: an unknown key, a missing key or a wrong type is an
error, and all of them are reported at once.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
import types
import typing
from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar, get_args, get_origin

from training.errors import Faults, UserError
from training.files.building import Misfit, builder, hints_of
from training.files.writing import fields_of, finite, late_fields, text_key, text_of

T = TypeVar("T")


def to_payload(value: object) -> Any:
    """Turn dataclasses, mappings, sequences, enums and scalars into JSON values; raises TypeError on anything else."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        late, fields = late_fields(type(value)), [(name, getattr(value, name), real) for name, real in fields_of(type(value))]
        return {name: _field_payload(item, real) for name, item, real in fields if name not in late or item != late[name]}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {text_key(key): to_payload(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_payload(item) for item in value]
    if isinstance(value, float):
        return finite(value)
    if value is None or isinstance(value, (str, bool, int)):
        return value
    raise TypeError(f"a {type(value).__name__} has no canonical form")


def canonical(value: object) -> bytes:
    """Canonical JSON bytes of a value; raises TypeError on what has none (NaN, sets, objects)."""
    return text_of(value).encode("utf-8")


def digest(value: object) -> str:
    """First 16 hex digits of the sha256 of a value's canonical form (64 bits: enough for millions of phases)."""
    return digest_of(canonical(value))


def digest_of(content: bytes) -> str:
    """The digest of a value whose canonical form is at hand."""
    return hashlib.sha256(content).hexdigest()[:16]


def from_payload(kind: type[T], payload: object, subject: str) -> T:
    """Build `kind` from JSON values; raises `Faults` naming every field of `subject` that does not fit.

    What fits is built straight on; only what does not is gone through again, to name its faults.
    """
    try:
        return typing.cast("T", builder(typing.cast("Any", kind))(payload))
    except Misfit:
        pass
    faults: list[UserError] = []
    built = _build(kind, payload, "", faults)
    if faults:
        raise Faults(subject, faults)
    return typing.cast("T", built)


def _field_payload(value: object, real: bool) -> Any:
    """A whole number where a real one belongs is written as real: 1 and 1.0 are one value, so they need the same bytes."""
    return float(value) if real and type(value) is int else to_payload(value)


def _fault(faults: list[UserError], where: str, cause: str, value: object) -> None:
    seen = value if isinstance(value, str) else repr(value)
    faults.append(UserError(f"{where or 'the whole'}: {cause}", seen[:80]))


def _build(kind: Any, value: Any, where: str, faults: list[UserError]) -> Any:
    origin = get_origin(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _build_dataclass(kind, value, where, faults)
    if origin in (typing.Union, types.UnionType):
        return _build_optional(kind, value, where, faults)
    if origin is tuple:
        return _build_tuple(kind, value, where, faults)
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return _build_mapping(kind, value, where, faults)
    return _build_scalar(kind, value, where, faults)


def _build_dataclass(kind: type, value: Any, where: str, faults: list[UserError]) -> Any:
    if not isinstance(value, Mapping):
        return _fault(faults, where, "must be an object", value)
    hints = hints_of(kind)
    fields = {item.name: item for item in dataclasses.fields(kind)}
    before = len(faults)
    for name in sorted(value.keys() - fields.keys()):
        _fault(faults, f"{where}.{name}".lstrip("."), "unknown field", "")
    built = {}
    for name, item in fields.items():
        inner = f"{where}.{name}".lstrip(".")
        if name in value:
            built[name] = _build(hints[name], value[name], inner, faults)
        elif item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
            _fault(faults, inner, "missing field", "")
    return kind(**built) if len(faults) == before else None


def _build_optional(kind: Any, value: Any, where: str, faults: list[UserError]) -> Any:
    options = [option for option in get_args(kind) if option is not type(None)]
    if value is None and len(options) < len(get_args(kind)):
        return None
    for option in options[:-1]:
        trial: list[UserError] = []
        built = _build(option, value, where, trial)
        if not trial:
            return built
    return _build(options[-1], value, where, faults)


def _build_tuple(kind: Any, value: Any, where: str, faults: list[UserError]) -> Any:
    arguments = get_args(kind)
    if not isinstance(value, (list, tuple)):
        return _fault(faults, where, "must be a list", value)
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_build(arguments[0], item, f"{where}[{index}]", faults) for index, item in enumerate(value))
    if len(arguments) != len(value):
        return _fault(faults, where, f"must have {len(arguments)} items", value)
    return tuple(
        _build(inner, item, f"{where}[{index}]", faults)
        for index, (inner, item) in enumerate(zip(arguments, value, strict=True))
    )


def _build_mapping(kind: Any, value: Any, where: str, faults: list[UserError]) -> Any:
    if not isinstance(value, Mapping):
        return _fault(faults, where, "must be an object", value)
    _, inner = get_args(kind)
    return {str(key): _build(inner, item, f"{where}.{key}".lstrip("."), faults) for key, item in value.items()}


def _build_scalar(kind: Any, value: Any, where: str, faults: list[UserError]) -> Any:
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return kind(value)
        except ValueError:
            return _fault(faults, where, f"must be one of {', '.join(str(item.value) for item in kind)}", value)
    if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value) if math.isfinite(value) else _fault(faults, where, "must be a finite number", value)
    if kind is Any or (isinstance(value, kind) and not (isinstance(value, bool) and kind is not bool)):
        return value
    return _fault(faults, where, f"must be {kind.__name__}", value)
