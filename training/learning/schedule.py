"""Where a phase's steps lie: the learning rate of each, where a trunk ends, where a rung is, and how often its loss is noted.

With the schedule wsd (warm-up, stable, decay; arXiv 2404.06395) nothing before the decay depends on the number of epochs: the
warm-up is counted in steps of one epoch, and a step's place in the loss curve too. So phases that differ in epochs alone are
one trunk, off which each branches where it begins to decay.
"""

from __future__ import annotations

from training.identity import WSD, PhaseIdentity

CURVE_POINTS = 50
"""Points of a phase's loss curve, about."""
TRUNK_POINTS = 16
"""Points of the loss curve an epoch of a wsd phase, about."""


def rate_at(phase: PhaseIdentity, step: int, steps: int) -> float:
    """Learning rate of optimiser step `step` (from 0) of `steps`.

    It rises linearly over the warm-up, without a step of rate 0, and then falls linearly towards 0 (`linear`: at once; `wsd`:
    from the end of the trunk), or stays (`constant`). Raises ValueError on a schedule of another name.
    """
    if phase.schedule not in ("linear", "constant", WSD):
        raise ValueError(f"no schedule is named {phase.schedule!r}")
    if phase.schedule == WSD:
        return _warmed(phase, step, steps // phase.epochs) * min(1.0, (steps - step) / (steps - branch_step(phase, steps)))
    warm = round(phase.warmup * steps)
    if step < warm or phase.schedule == "constant":
        return _warmed(phase, step, steps)
    return phase.lr * (steps - step) / max(1, steps - warm)


def _warmed(phase: PhaseIdentity, step: int, counted: int) -> float:
    """The rate that rises over the warm-up's share of `counted` steps, and stays."""
    warm = round(phase.warmup * counted)
    return phase.lr * (step + 1) / (warm + 1) if step < warm else phase.lr


def branch_step(phase: PhaseIdentity, steps: int) -> int:
    """Steps of the trunk of a wsd phase of `steps` steps; those after it, one at least, are its decay."""
    return steps - max(1, round(phase.decay * steps))


def rung_step(until: float, steps: int) -> int:
    """Steps after which a phase of `steps` steps has done the share `until`: one at least."""
    return min(steps, max(1, round(until * steps)))


def curve_every(phase: PhaseIdentity, steps: int) -> int:
    """Steps between two points of a phase's loss curve."""
    if phase.schedule == WSD:
        return max(1, steps // phase.epochs // TRUNK_POINTS)
    return max(1, steps // CURVE_POINTS)
