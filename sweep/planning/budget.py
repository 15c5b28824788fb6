"""What a sweep may spend: GPU-hours, money, time. Only work that can still finish is started, and what was left out is named.

A leg is admitted where its highest estimate, together with what has been spent and what running legs may still take, fits into
what is allowed. Estimates follow what was measured: once a leg has ended, the likely seconds of the others are scaled by what
the ended ones took, and less is kept in reserve.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sweep.ending import LeftOut
from sweep.options import LaunchOptions
from sweep.planning.clock import SteadyClock
from sweep.planning.commands import command_of
from sweep.planning.costs import HOUR, Costs, costs_of, spent_seconds
from sweep.planning.limits import Limits, limits_of
from sweep.planning.plan import Plan
from sweep.planning.sizes import sizes_of
from sweep.search.board import Ask, Board
from training.errors import UserError
from training.record import TrialRecord

TOO_LATE = "might not have finished in time or money"
RESERVE = 1.3
"""How much longer than likely a leg may take once others were measured."""


@dataclass
class Budget:
    """The gate of a launch (`sweep.search.board.Gate`); `earlier` are GPU-seconds that trials of earlier launches took.

    `clock` gives seconds since the epoch, and is not to be set while it is used. `calibrate` is the command that measures this
    machine. Where trials hold no GPU, a second of a trial counts as a GPU-second.
    """

    limits: Limits
    costs: Costs
    earlier: float = 0.0
    clock: Callable[[], float] = field(default_factory=SteadyClock)
    calibrate: str = "sweep plan --calibrate 60"
    _running: dict[str, tuple[Ask, float, float]] = field(default_factory=dict, init=False, repr=False)
    _held: float = field(default=0.0, init=False, repr=False)
    _taken: float = field(default=0.0, init=False, repr=False)
    _expected: float = field(default=0.0, init=False, repr=False)
    _likely: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    _refused: dict[str, tuple[Ask, float]] = field(default_factory=dict, init=False, repr=False)
    _started: int = field(default=0, init=False, repr=False)

    def admits(self, ask: Ask) -> bool:
        """Whether a leg can still finish within what is left."""
        need, now = self.need(ask), self.clock()
        fits = self._in_time(now + need) and self._affordable(ask, need)
        if fits:
            self._refused.pop(ask.leg, None)
        else:
            self._refused[ask.leg] = ask, need
        return fits

    def need(self, ask: Ask) -> float:
        """Seconds that a leg may take."""
        span = self.costs.leg(ask)
        if not self._expected:
            return span.high
        return span.likely * (self._taken / self._expected) * RESERVE

    def started(self, ask: Ask) -> None:
        """A leg was handed out."""
        self._started += 1
        self._running[ask.leg] = ask, self.clock(), self.need(ask)
        self._likely[ask.leg] = self.costs.leg(ask).likely

    def ended(self, ask: Ask) -> None:
        """A leg is over: what it took counts, and corrects what others are expected to take."""
        _, began, _ = self._running.pop(ask.leg, (ask, self.clock(), 0.0))
        took = max(0.0, self.clock() - began)
        self._taken += took
        self._held += took * self.costs.gpus(ask.spec)
        self._expected += self._likely.pop(ask.leg, 0.0)

    def spent(self) -> float:
        """GPU-hours that ended and running legs have taken, with those of earlier launches."""
        now = self.clock()
        running = sum(max(0.0, now - began) * self.costs.gpus(ask.spec) for ask, began, _ in self._running.values())
        return (self.earlier + self._held + running) / HOUR

    @property
    def refused(self) -> bool:
        """Whether something that was ready has been refused, and not been started since."""
        return bool(self._refused)

    def fault(self) -> UserError | None:
        """The fault that nothing at all could be started; None where something was, or nothing was refused."""
        if self._started or not self._refused:
            return None
        ask, need = min(self._refused.values(), key=lambda refused: refused[1])
        if not self._in_time(self.clock() + need):
            left = max(0.0, (self.limits.deadline or 0.0) - self.clock())
            seen = f"{left:.0f} s are left, {ask.leg} may take {need:.0f} s"
            remedy = f"give a --deadline later than {need:.0f}s from now"
            return UserError("nothing can be finished before the deadline", seen, remedy)
        ask, hours = min(((ask, self._hours(ask, need)) for ask, need in self._refused.values()), key=lambda item: item[1])
        seen = f"{hours_text(max(0.0, self.left_hours()))} GPU-hours are left, {ask.leg} may take {hours_text(hours)}"
        enough = hours_text(1.01 * (self.spent() + hours))
        remedy = f"allow {enough} GPU-hours or more, or measure this machine: {self.calibrate}"
        return UserError("the budget is too small for any trial that is left", seen, remedy)

    def left_hours(self) -> float:
        """GPU-hours that are neither spent nor promised to what runs."""
        now = self.clock()
        promised = sum(
            self._hours(ask, max(need, now - began) - max(0.0, now - began)) for ask, began, need in self._running.values()
        )
        return (self.limits.hours or 0.0) - self.spent() - promised

    def _hours(self, ask: Ask, seconds: float) -> float:
        """GPU-hours of some seconds of a leg."""
        return seconds * self.costs.gpus(ask.spec) / HOUR

    def _affordable(self, ask: Ask, need: float) -> bool:
        return self.limits.hours is None or self._hours(ask, need) <= self.left_hours()

    def _in_time(self, end: float) -> bool:
        return self.limits.deadline is None or end <= self.limits.deadline


def budget_of(plan: Plan, options: LaunchOptions, records: Iterable[TrialRecord]) -> Budget | None:
    """The gate of a launch that goes on after some earlier trials; None where its options set no limit.

    Raises UserError on limits that make no sense (`limits_of`).
    """
    limits, known = limits_of(options), list(records)
    if not limits:
        return None
    costs = costs_of(plan, sizes_of(plan, records=known), known)
    return Budget(limits, costs, spent_seconds(plan, known), calibrate=command_of("plan", options, "--calibrate", "60"))


def hours_text(hours: float) -> str:
    """Hours for a person: two places after the point, or two digits where there are none before it."""
    return f"{hours:.2f}" if hours >= 0.1 or not hours else f"{hours:.2g}"


def left_out(board: Board) -> list[LeftOut]:
    """What a search has left, by study, when it ends before its time; with early stopping, settings instead of trials."""
    found = []
    for book in board.books:
        if book.done:
            continue
        rules = book.rules
        if rules.stopping:
            settled = {number for number, seed in book.scores if seed == rules.lead} | book.stopped
            left = max(rules.wanted - len(settled), len(book.legs()))
        else:
            left = rules.wanted * len(rules.seeds) - len(book.scores)
        pair = f"{book.spec.name} ({', '.join(book.spec.targets)})"
        found.append(LeftOut(pair=pair, trials=left, reason=TOO_LATE))
    return found
