"""Languages in groups: by their resources, or as a user's file says."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from reports.languages_data import BANDS, language
from training.errors import UserError
from training.record import ENGLISH

FILE = "languages.csv"
"""A file of this name in a run folder puts its languages into groups."""


def group_of(code: str, groups: Mapping[str, str]) -> str:
    """The group of a language: the user's where there are any (`other` for one that is in none), else its resource band."""
    return groups.get(code, "other") if groups else language(code).resources


def grouped(codes: Sequence[str], groups: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Group to its languages, English in none; bands from high to low, then the user's in their order, then `other`."""
    found: dict[str, list[str]] = {}
    for code in sorted(set(codes) - {ENGLISH}):
        found.setdefault(group_of(code, groups), []).append(code)
    rank = {name: place for place, name in enumerate(dict.fromkeys([*BANDS, *groups.values()]))}
    return {name: tuple(found[name]) for name in sorted(found, key=lambda name: (rank.get(name, len(rank)), name))}


def read_groups(path: Path) -> dict[str, str]:
    """Language to group, from a file with a line `code,group` each; a first line `code,group` is its heading.

    Raises UserError on a file that can't be read, a line that is not two entries, and a language that is named twice.
    """
    try:
        lines = list(csv.reader(io.StringIO(path.read_text("utf-8-sig"))))
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise UserError(
            "the groups of languages can't be read", f"{path}: {fault}", "give a UTF-8 file with lines `code,group`"
        ) from fault
    found: dict[str, str] = {}
    for place, line in enumerate(lines, 1):
        entries = [entry.strip() for entry in line]
        if not any(entries) or entries[0].startswith("#") or (place == 1 and entries[:2] == ["code", "group"]):
            continue
        if len(entries) != 2 or not all(entries):
            raise UserError(
                "a line of the groups of languages is not `code,group`",
                f"{path}:{place}: {','.join(line)}",
                "write, for example, `sw,low`",
            )
        if entries[0] in found:
            raise UserError("a language is in two groups", f"{path}:{place}: {entries[0]}", "keep one of the lines")
        found[entries[0]] = entries[1]
    if not found:
        raise UserError("the groups of languages are empty", path, "write a line `code,group` for each language")
    return found
