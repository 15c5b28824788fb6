"""Text of users in MLflow's notes: shown as it is, whatever Markdown or HTML it looks like."""

from __future__ import annotations

import re
import unicodedata

_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
_MEANT = re.compile(r"[^\w \-.,:;()=/→±+%…\N{MINUS SIGN}]|_")
"""What Markdown, HTML or a table may read as its own; everything else is itself in both."""


def one_line(text: str) -> str:
    """Text on one line, without marks of direction and controls."""
    return " ".join("".join(" " if char.isspace() else char for char in text if _visible(char)).split())


def plain(text: str) -> str:
    """One line, its special characters as entities."""
    return _MEANT.sub(lambda found: f"&#{ord(found.group())};", one_line(text))


def _visible(char: str) -> bool:
    return char.isspace() or unicodedata.category(char) not in _UNSEEN


def row(cells: list[str]) -> str:
    """A table's row of cells that are Markdown already."""
    return "| " + " | ".join(cells) + " |"
