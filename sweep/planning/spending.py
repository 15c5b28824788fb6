"""What a launch may cost, for its first line."""

from __future__ import annotations

from sweep.planning.nominal import NominalPlan
from sweep.planning.overview import overview


def may_cost(found: NominalPlan, price: float) -> str:
    """`; may cost 12.30 (8.10 to 20.00) at 3.5 a GPU-hour`, as the plan says."""
    shown = overview(found, price=price)
    cost = shown["money"]
    low, likely, high = (f"{cost[name]:,.2f}" for name in ("low", "likely", "high"))
    unit = "a GPU-hour" if shown["gpu"] else "an hour of a trial"
    return f"; may cost {likely} ({low} to {high}) at {cost['price']:g} {unit}"
