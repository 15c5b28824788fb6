"""How numbers are written: on the page, in the answer to a study, in figures."""

from __future__ import annotations

MINUS = "\N{MINUS SIGN}"


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


def several(count: int, what: str) -> str:
    """`1 trial`, `2 trials`."""
    return f"{count:,} {what}" + ("" if count == 1 else "s")
