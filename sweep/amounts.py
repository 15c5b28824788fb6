"""Numbers as a person reads them: times, counts, sizes."""

from __future__ import annotations

import math


def duration(seconds: float) -> str:
    """`40 s`, `12 min`, `3 h 05 min`, `2 d 4 h`."""
    whole = max(0, round(seconds))
    if whole < 100:
        return f"{whole} s"
    minutes = round(whole / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest:02d} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def amount(value: float) -> str:
    """`0.42`, `8.1`, `950`, `12.3k`, `4.56M`, `1.2G`: three digits or four."""
    if not math.isfinite(value):
        return "?"
    for suffix, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= size * 0.9995:
            return f"{value / size:.3g}{suffix}" if abs(value) < 999.5 * size else f"{value / size:.0f}{suffix}"
    return f"{value:.0f}" if value == int(value) or abs(value) >= 100 else f"{value:.2g}"


def size(count: float) -> str:
    """Bytes as `0 B`, `512 B`, `12.3 MB`, `4.5 GB` (powers of ten)."""
    for suffix, unit in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= unit:
            return f"{count / unit:.3g} {suffix}" if count < 999.5 * unit else f"{count / unit:.0f} {suffix}"
    return f"{count:.0f} B"


def several(count: int, what: str, many: str = "") -> str:
    """`1 trial`, `3 trials`; `many` is the word for several where it is not `what` with an s."""
    return f"{count} {what}" if count == 1 else f"{count} {many or what + 's'}"
