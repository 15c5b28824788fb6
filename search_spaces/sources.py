"""Where a pretrained model comes from, told by how its source is written."""

from __future__ import annotations

from enum import StrEnum

PACKAGE = "package:"


class SourceKind(StrEnum):
    """The kinds of source; anything that is none of the others is a hub name."""

    MINI_WORLD = "mini_world"
    FOLDER = "folder"
    PACKAGE = "package"
    HUB = "hub"


def source_kind(source: str) -> SourceKind:
    """Tell the kind of a source: a folder starts with `.`, `/` or `~`, a package with `package:`."""
    if source == SourceKind.MINI_WORLD:
        return SourceKind.MINI_WORLD
    if source.startswith(PACKAGE):
        return SourceKind.PACKAGE
    return SourceKind.FOLDER if source.startswith((".", "/", "~")) else SourceKind.HUB


def package_place(source: str) -> tuple[str, str]:
    """Split `package:<python package>/<folder>` into the package and the folder in it (empty for the package's own folder)."""
    package, _, folder = source.removeprefix(PACKAGE).partition("/")
    return package, folder
