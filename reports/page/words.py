"""How numbers, names and places are written on the page."""

from __future__ import annotations

import re
from hashlib import blake2s

from markupsafe import Markup

from training.record import ENGLISH

MINUS = "\N{MINUS SIGN}"
LONGEST = 32


def visible(value: object) -> object:
    """Text whose unseen characters (controls, changes of direction, halves of pairs) are spelt out; markup stays as it is."""
    if not isinstance(value, str) or isinstance(value, Markup) or value.isprintable():
        return value
    return "".join(each if each.isprintable() or each == "\n" else each.encode("unicode_escape").decode() for each in value)


def number(value: float | None, digits: int = 1) -> str:
    """A number, or `…` where there is none."""
    return "…" if value is None else f"{round(value, digits) + 0.0:,.{digits}f}".replace("-", MINUS)


def signed(value: float | None, digits: int = 1) -> str:
    """A difference with its sign; what rounds to nothing has none."""
    if value is None:
        return "…"
    rounded = round(value, digits) + 0.0
    return number(0.0, digits) if rounded == 0 else f"{rounded:+,.{digits}f}".replace("-", MINUS)


def span(low: float, high: float) -> str:
    """An interval in points; an end that is not 0 is not shown as 0, since its side decides what the interval says."""
    return f"{_end(low)} to {_end(high)}"


def _end(value: float) -> str:
    digits = next((digits for digits in (1, 2, 3) if round(value, digits)), 1)
    return signed(value, digits)


def amount(value: float) -> str:
    """A small or large number with three digits that matter: 0.0123, 4.56, 1,230."""
    if not value:
        return "0"
    return (f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}").replace("-", MINUS)


def breakable(name: str) -> Markup:
    """A name that a narrow column may break where its words end."""
    parts = re.split(r"(?<=[_./-])(?=.)", str(visible(name)))
    return Markup("<wbr>").join(parts)


def several(count: int, what: str) -> str:
    """`1 trial`, `2 trials`."""
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def anchor(kind: str, *names: str) -> str:
    """An id for what these names stand for, the same in every page: plain letters, and a digest that tells like names apart."""
    digest = blake2s("\x1f".join((kind, *names)).encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    plain = re.sub(r"[^a-z0-9]+", "-", "-".join(names).lower()).strip("-")[:LONGEST].strip("-")
    return "-".join(part for part in (kind, plain, digest) if part)


def english_first(language: str) -> tuple[bool, str]:
    """The order of languages."""
    return language != ENGLISH, language
