"""Text of users as files can hold it: names of files, one line of characters that can be seen."""

from __future__ import annotations

import re
import unicodedata

from reports.numbers import MINUS

UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode's categories of what has no shape of its own: controls, marks of direction, halves of characters."""


def seen(text: str) -> str:
    """One line without controls and marks of direction, which no picture shows and some files can't hold."""
    joined = "".join(" " if char in "\r\n\t" else char for char in text)
    return " ".join("".join(char for char in joined if unicodedata.category(char) not in UNSEEN).split()) or "?"


def short(text: str, most: int) -> str:
    """At most so many characters; what is longer loses its middle."""
    text = seen(text)
    if len(text) <= most:
        return text
    left = (most - 1) // 2
    return f"{text[:left]}…{text[len(text) - (most - 1 - left) :]}"


def file_name(*parts: str) -> str:
    """A name that every file system takes: letters, digits, `.`, `_` and `-`."""
    cleaned = (re.sub(r"[^A-Za-z0-9._-]+", "-", part).strip("-.") or "x" for part in parts)
    return "-".join(part[:60] for part in cleaned)


def signed(value: float, digits: int = 1) -> str:
    """A difference with its sign and a real minus; one that rounds to nothing is +0."""
    text = f"{round(value, digits) + 0.0:+.{digits}f}"
    return text.replace("-", MINUS)
