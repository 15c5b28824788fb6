"""What the user allows a sweep: GPU-hours, money, an end; as the command line says it."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import datetime

from sweep.options import LaunchOptions
from training.errors import UserError

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhd])+")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the user allows: GPU-hours in all, money in all at a price a GPU-hour, and an end (seconds since the epoch)."""

    gpu_hours: float | None = None
    max_cost: float | None = None
    price: float | None = None
    deadline: float | None = None

    @property
    def hours(self) -> float | None:
        """GPU-hours that both limits leave; None where there is none."""
        paid = self.max_cost / self.price if self.max_cost is not None and self.price else None
        return min((hours for hours in (self.gpu_hours, paid) if hours is not None), default=None)

    def __bool__(self) -> bool:
        return self.hours is not None or self.deadline is not None


def limits_of(options: LaunchOptions, now: float | None = None) -> Limits:
    """What a command allows, a deadline counted from `now` (else the present); it is false where there is no limit.

    Raises UserError on numbers that are not above 0, on money without a price, and on a deadline that is none or is over.
    """
    for name, value in (("--budget-gpu-hours", options.budget_gpu_hours), ("--max-cost", options.max_cost)):
        if value is not None and not 0 < value < float("inf"):
            raise UserError(f"{name} must be a number above 0", value, f"for example {name} 2.5")
    if options.max_cost is not None and options.price is None:
        remedy = "give the price of a GPU-hour with --price, or SWEEP_GPU_PRICE"
        raise UserError("money can only be counted with a price", options.max_cost, remedy)
    until = None if options.deadline is None else deadline_of(options.deadline, time.time() if now is None else now)
    return Limits(gpu_hours=options.budget_gpu_hours, max_cost=options.max_cost, price=options.price, deadline=until)


def deadline_of(text: str, now: float) -> float:
    """Seconds since the epoch of `6h`, `1d12h`, `90m` from now, or of an ISO time (local, where it names no zone).

    Raises UserError on anything else, and on a time that is over.
    """
    remedy = "write a duration such as 6h or 1d12h, or a time such as 2027-01-31T08:00"
    if _DURATION.fullmatch(text):
        parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", text)
        until = now + sum(float(number) * _UNITS[unit] for number, unit in parts)
    else:
        try:
            until = datetime.fromisoformat(text).timestamp()
        except (ValueError, OverflowError, OSError):
            raise UserError("--deadline is no duration and no time", text, remedy) from None
    if until <= now:
        raise UserError("the deadline is over", text, remedy)
    return until
