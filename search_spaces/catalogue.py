"""The grids that are shipped: every YAML file beside this module."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from search_spaces.document import read_document


def grids() -> Mapping[str, Path]:
    """Name and file of every shipped grid, in alphabetical order."""
    return {path.stem: path for path in sorted(Path(__file__).parent.glob("*.yaml"))}


def abouts() -> Mapping[str, str]:
    """Name and `about` line of every shipped grid."""
    return {name: _about(path) for name, path in grids().items()}


def _about(path: Path) -> str:
    value = read_document(path.read_text("utf-8")).value
    return str(value.get("about", "")) if isinstance(value, dict) else ""
