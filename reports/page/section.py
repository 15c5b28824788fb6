"""A section of the page: what a maker gives, and a template is filled with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Section:
    """`anchor` is its id and its place in the contents; `template` names a file of `templates/` that is given `values`."""

    anchor: str
    title: str
    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
