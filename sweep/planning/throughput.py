"""How fast this system trains: tokens a second, as a range, from what was measured or, said to be so, from what is assumed.

Tokens are real ones; there is no padding, but for encoders that can't do without. The peaks are those of float32, the default
precision. Rates are those of a trial that has its GPU alone.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from sweep.planning.architecture import Architecture
from sweep.planning.gpus import ASSUMED, PEAKS, Gpu, trials_a_gpu
from training.errors import UserError
from training.identity import PhaseIdentity
from training.record import PhaseTrace, TrialRecord

Sample = tuple[str, tuple[str, ...], float, float]
"""What was trained, and how long it took: (model, tasks, tokens, seconds)."""
UTILISATION = (0.10, 0.25, 0.45)
"""Of the peak: small batches leave much of a GPU idle between kernels."""
CORE = (10e9, 30e9, 60e9)
"""FLOP/s of a CPU core in small float32 matrices."""
SHARED = (1.0, 1.2, 2.0)
"""What several trials on one GPU train together, in units of one that has it alone: at worst, likely, at best.

One after the other they would be as fast as one; more is what small batches leave of a GPU. Assumed until it was measured.
"""
UNSEEN = (0.6, 1.0, 1.5)
"""How the rate of a phase whose tasks were never measured may differ from the rate of those that were."""
SINGLE = (0.85, 1.0, 1.15)
"""The range of a rate that was measured once."""


@dataclass(frozen=True)
class Rate:
    """Training tokens a second: at worst, likely, at best; and what says so."""

    low: float
    likely: float
    high: float
    basis: str

    def times(self, factors: tuple[float, float, float], basis: str) -> Rate:
        """A rate scaled; `factors` are for low, likely and high."""
        return Rate(self.low * factors[0], self.likely * factors[1], self.high * factors[2], basis)


class Rates(Protocol):
    """Knows the rate of a phase of a model."""

    def of(self, model: str, phase: PhaseIdentity) -> Rate:
        """The rate of a phase."""


@dataclass(frozen=True)
class AssumedRates:
    """Rates from a device's peak; `lengths` are mean tokens of a sequence, by model."""

    architectures: Mapping[str, Architecture]
    device: str
    speeds: tuple[float, float, float]

    def of(self, model: str, phase: PhaseIdentity) -> Rate:
        """The rate of any phase of a model: sequences are taken to have a hundred tokens."""
        flops = self.architectures[model].flops(100.0)
        low, likely, high = (speed / flops for speed in self.speeds)
        return Rate(low, likely, high, f"assumed: {self.device}")


@dataclass(frozen=True)
class MeasuredRates:
    """Rates by model and tasks that were measured; of a phase whose tasks were not, from all of its model; else `otherwise`."""

    by_tasks: Mapping[tuple[str, tuple[str, ...]], Rate]
    by_model: Mapping[str, Rate]
    otherwise: Rates

    def of(self, model: str, phase: PhaseIdentity) -> Rate:
        """The rate of a phase."""
        found = self.by_tasks.get((model, tasks_of(phase)))
        if found is not None:
            return found
        return self.by_model[model] if model in self.by_model else self.otherwise.of(model, phase)


def tasks_of(phase: PhaseIdentity) -> tuple[str, ...]:
    """The names of a phase's tasks."""
    return tuple(use.task for use in phase.tasks)


def measured_rates(samples: Iterable[Sample], otherwise: Rates, said: str) -> Rates:
    """Rates from (model, tasks, tokens, seconds); `said` is what they were taken from."""
    by_tasks: dict[tuple[str, tuple[str, ...]], list[tuple[float, float]]] = defaultdict(list)
    for model, tasks, tokens, seconds in samples:
        if tokens > 0 and seconds > 0:
            by_tasks[model, tasks].append((tokens, seconds))
    rates = {key: _rate(parts, said) for key, parts in by_tasks.items()}
    models = {model for model, _ in rates}
    return (
        MeasuredRates(rates, {model: _of_model(model, rates, by_tasks) for model in models}, otherwise) if rates else otherwise
    )


def _rate(parts: list[tuple[float, float]], said: str) -> Rate:
    likely = sum(tokens for tokens, _ in parts) / sum(seconds for _, seconds in parts)
    seen = [tokens / seconds for tokens, seconds in parts]
    return Rate(min(*seen, likely * SINGLE[0]), likely, max(*seen, likely * SINGLE[2]), f"measured: {said}")


def _of_model(
    model: str,
    rates: Mapping[tuple[str, tuple[str, ...]], Rate],
    parts: Mapping[tuple[str, tuple[str, ...]], list[tuple[float, float]]],
) -> Rate:
    """The rate of phases of other tasks: from the slowest to the fastest that was seen, and further."""
    own = [rate for (name, _), rate in rates.items() if name == model]
    whole = _rate([part for (name, _), listed in parts.items() if name == model for part in listed], "")
    widest = Rate(min(rate.low for rate in own), whole.likely, max(rate.high for rate in own), "")
    return widest.times(UNSEEN, f"{own[0].basis}, of other tasks")


def samples_of(records: Iterable[TrialRecord]) -> list[Sample]:
    """A sample of each phase that earlier trials trained; seconds as of a trial alone on its GPU."""
    traces: dict[str, tuple[str, PhaseTrace, float]] = {}
    for record in records:
        pace = pace_of(shared_by(record) or 1, measured=True)[1]
        for trace in record.phases:
            if trace.outcome == "trained" or trace.key not in traces:
                traces[trace.key] = record.model, trace, trace.seconds / pace
    return [(model, tasks_of(trace.identity), float(trace.tokens), seconds) for model, trace, seconds in traces.values()]


def shared_by(record: TrialRecord) -> int | None:
    """How many trials shared a GPU when a record was made; None where it was made without one, or does not say."""
    gpus = gpus_of_record(record)
    return trials_a_gpu(gpus) if gpus else None


def gpus_of_record(record: TrialRecord) -> float | None:
    """GPUs that a trial held; None where its record does not say."""
    with contextlib.suppress(KeyError, ValueError):
        return float(record.provenance["gpus"])
    return None


def assumed_rates(architectures: Mapping[str, Architecture], *, device: str, gpu: Gpu | None, cores: float) -> Rates:
    """Rates of what nothing was measured on: a whole GPU, or CPU cores; raises UserError on a GPU of unknown speed."""
    if device == "cpu":
        count = max(1.0, cores)
        return AssumedRates(architectures, f"{count:g} CPU cores", (CORE[0] * count, CORE[1] * count, CORE[2] * count))
    name = gpu.name if gpu and gpu.name else ASSUMED
    if name not in PEAKS:
        remedy = f"name one of {', '.join(PEAKS)} with --gpu, or measure with --calibrate"
        raise UserError("nothing is known of this GPU's speed", name, remedy)
    low, likely, high = (PEAKS[name] * used for used in UTILISATION)
    return AssumedRates(architectures, name, (low, likely, high))


def pace_of(trials: int, *, measured: bool) -> tuple[float, float, float]:
    """How much longer a trial takes that shares its GPU with others, `trials` in all: at best, likely, at worst.

    Rates are of a trial alone. `measured` where they come from trials that shared a GPU just so: then one number holds.
    """
    worst, likely, best = (trials / min(float(trials), together) for together in SHARED)
    return (likely, likely, likely) if measured else (best, likely, worst)
