"""Where a pretrained model comes from, told by how its source is written."""

from __future__ import annotations

from enum import StrEnum

PACKAGE = "package:"
MINI_MODELS = ("small", "large", "english", "decoder", "encoder-decoder")
"""What may follow `mini_world/`: models of other sizes and families, which learn from the same made-up world."""


class SourceKind(StrEnum):
    """The kinds of source; anything that is none of the others is a hub name."""

    MINI_WORLD = "mini_world"
    FOLDER = "folder"
    PACKAGE = "package"
    HUB = "hub"


def source_kind(source: str) -> SourceKind:
    """Tell the kind of a source: a folder starts with `.`, `/` or `~`, a package with `package:`."""
    if source.partition("/")[0] == SourceKind.MINI_WORLD:
        return SourceKind.MINI_WORLD
    if source.startswith(PACKAGE):
        return SourceKind.PACKAGE
    return SourceKind.FOLDER if source.startswith((".", "/", "~")) else SourceKind.HUB


def mini_model(source: str) -> str:
    """Which model of the mini world a source names (empty: the world's own)."""
    return source.partition("/")[2]


def package_place(source: str) -> tuple[str, str]:
    """Split `package:<python package>/<folder>` into the package and the folder in it (empty for the package's own folder)."""
    package, _, folder = source.removeprefix(PACKAGE).partition("/")
    return package, folder
