"""What training takes: seconds of a piece of training and of a leg, as ranges, and from them GPU-hours, money and storage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sweep.planning.architecture import Architecture, architecture_of
from sweep.planning.gpus import Gpu, gpu_here, trials_a_gpu
from sweep.planning.memory import shape_of, trained_numbers
from sweep.planning.plan import Plan
from sweep.planning.rehearsal import Rehearsal, spans
from sweep.planning.sizes import Sizes
from sweep.planning.studies import StudySpec
from sweep.planning.throughput import (
    Rates,
    Sample,
    assumed_rates,
    gpus_of_record,
    measured_rates,
    pace_of,
    samples_of,
    shared_by,
)
from sweep.planning.tree import Node
from sweep.search.board import Ask
from training.identity import Adapter
from training.record import TrialRecord
from training.tasks.row import Split

FORWARD = 1 / 3
"""A token that is only evaluated, as a share of one that is trained on."""
START = (0.5, 2.0, 15.0)
"""Seconds from handing a leg out to its first step: a warm process, a usual one, a cold one on a fresh machine."""
HOUR = 3600.0


@dataclass(frozen=True)
class Span:
    """A quantity that is not known exactly: at best, likely, at worst."""

    low: float
    likely: float
    high: float

    def __add__(self, other: Span) -> Span:
        return Span(self.low + other.low, self.likely + other.likely, self.high + other.high)

    def __mul__(self, other: Span) -> Span:
        return Span(self.low * other.low, self.likely * other.likely, self.high * other.high)

    def scaled(self, factor: float) -> Span:
        """Everything times a factor."""
        return Span(self.low * factor, self.likely * factor, self.high * factor)

    def payload(self) -> dict[str, float]:
        """For JSON."""
        return {name: round(value, 2) for name, value in (("low", self.low), ("likely", self.likely), ("high", self.high))}


NOTHING = Span(0.0, 0.0, 0.0)


@dataclass
class Costs:
    """Seconds of everything in a plan. `start` is what a leg takes before its first step.

    Rates are those of a trial that has a GPU alone; `shared` names (model, k) of which it was measured what k trials on one
    GPU take.
    """

    plan: Plan
    sizes: Sizes
    rates: Rates
    architectures: Mapping[str, Architecture]
    start: Span = Span(*START)
    shared: frozenset[tuple[str, int]] = frozenset()
    _nodes: dict[str, Span] = field(default_factory=dict, init=False, repr=False)

    def gpus(self, study: StudySpec) -> float:
        """GPUs a trial holds; a trial without one counts as one, so that budgets of CPU sweeps count trials' hours."""
        return self.plan.gpus_of(study) or 1.0

    def pace(self, study: StudySpec) -> Span:
        """How much longer its training takes because others share the GPU."""
        trials = trials_a_gpu(self.plan.gpus_of(study))
        return Span(*pace_of(trials, measured=(study.model, trials) in self.shared))

    def node(self, node: Node) -> Span:
        """Seconds of a piece of training, with a GPU alone."""
        if node.key not in self._nodes:
            self._nodes[node.key] = self._of_tokens(node, self.sizes.node_tokens(node))
        return self._nodes[node.key]

    def likely(self, node: Node) -> float:
        """Likely seconds of a piece of training, with a GPU alone: what the search orders work by."""
        return self.node(node).likely

    def leg(self, ask: Ask) -> Span:
        """Seconds of a leg: its start, what it trains, and the evaluation at its end (of English dev alone at a rung)."""
        trained = NOTHING
        for node, begun, until in spans(ask):
            if node.key in ask.missing and until > begun:
                trained += self.node(node).scaled(until - begun)
        return self.besides(ask) + trained * self.pace(ask.spec)

    def besides(self, ask: Ask) -> Span:
        """Seconds of a leg that are no training."""
        tokens = self.sizes.scored_tokens(self.plan, ask.spec) if ask.rung is None else self._dev_tokens(ask)
        scored = self._of_tokens(ask.nodes[-1], tokens * FORWARD) if ask.nodes else NOTHING
        return self.start + scored * self.pace(ask.spec)

    def leg_gpu_seconds(self, ask: Ask) -> Span:
        """Seconds of a leg, times the GPUs that it holds."""
        return self.leg(ask).scaled(self.gpus(ask.spec))

    def basis(self, nodes: Iterable[Node]) -> list[str]:
        """What the rates of some nodes rest on."""
        return sorted({self.rates.of(node.model, node.phase).basis for node in nodes})

    def storage(self, found: Rehearsal, stored: int, slots: int) -> int:
        """Most bytes that the store takes: every phase is kept, trunks too, and checkpoints of what runs or waits at a rung."""
        largest = max((item.phase_bytes for item in self.architectures.values()), default=0)
        kept = sum(
            self.architectures[node.model].checkpoint_bytes if node.is_trunk else self.architectures[node.model].phase_bytes
            for node in found.nodes
        )
        moving = min(slots, len(found.legs)) + found.most_paused
        return (
            kept + stored * largest + moving * max((item.checkpoint_bytes for item in self.architectures.values()), default=0)
        )

    def _dev_tokens(self, ask: Ask) -> float:
        size = self.sizes.splits.get((ask.spec.model, f"{ask.spec.group}/{Split.DEV}"))
        return size.total * size.tokens if size else 0.0

    def _of_tokens(self, node: Node, tokens: float) -> Span:
        rate = self.rates.of(node.model, node.phase)
        return Span(tokens / rate.high, tokens / rate.likely, tokens / rate.low)


def costs_of(
    plan: Plan,
    sizes: Sizes,
    records: Iterable[TrialRecord] = (),
    *,
    gpu: Gpu | None = None,
    calibrated: Iterable[Sample] = (),
) -> Costs:
    """Costs from a calibration, else from earlier trials, else from what is assumed of `gpu` (None: this machine's) or the CPU.

    Raises UserError on a GPU of unknown speed.
    """
    known = list(records)
    resources = plan.grid.resources
    architectures = {name: _trained(plan, name) for name in plan.grid.models}
    seen = gpu or (gpu_here() if resources.device == "cuda" else None)
    assumed = assumed_rates(architectures, device=resources.device, gpu=seen, cores=resources.cpu)
    rates = measured_rates(samples_of(known), assumed, "earlier trials")
    rates = measured_rates(calibrated, rates, "a calibration on this machine")
    starts = [record.timing["start"] for record in known if "start" in record.timing]
    start = Span(min(starts), sum(starts) / len(starts), max(starts)) if starts else Span(*START)
    shared = frozenset((record.model, trials) for record in known if (trials := shared_by(record)) is not None)
    return Costs(plan, sizes, rates, architectures, start, shared)


def _trained(plan: Plan, name: str) -> Architecture:
    """A model's architecture, with what phases train of it where they have adapters and none pretrains it."""
    model, said = plan.grid.models[name], plan.grid.training.adapter
    found = architecture_of(model, plan.models[name])
    if said is None or model.pretrain is not None:
        return found
    return replace(found, trained=trained_numbers(shape_of(plan, name), Adapter(**said.model_dump())))


def spent_seconds(plan: Plan, records: Iterable[TrialRecord]) -> float:
    """Seconds that earlier trials held their resources, times their GPUs (a trial without one counts as one)."""
    now = {study.label: plan.gpus_of(study) for study in plan.studies}
    return sum(
        record.timing.get("seconds", 0.0) * (gpus_of_record(record) or now.get(record.study) or 1.0) for record in records
    )


def money(hours: Span, price: float | None) -> dict[str, Any] | None:
    """What GPU-hours cost at a price each; None without a price."""
    return None if price is None else {**hours.scaled(price).payload(), "price": price}
