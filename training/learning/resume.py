"""Where a phase begins and what it leaves on the way: its own checkpoint, and those of a trunk that it shares.

* A phase goes on from whatever is furthest and fits: its own in-phase checkpoint, the trunk where another number of epochs
  branches off, or the in-phase checkpoint of such a phase that has not begun its decay. Each leads to the same weights.
* One process at a time trains a trunk. It keeps a copy at each branch that it passes, and lets go at its own.
* Where something is behind the store, what is kept is put there, too, and what is further there is brought from there.
* The training waits for a copy of the model to be made, and not for it to be written. It does wait where what follows needs the
  file: at a notice, at a rung, before a claim is let go, and at the end, however that comes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import torch

from training.files.background import Background
from training.identity import PhaseIdentity
from training.learning.checkpoint import Position, load_checkpoint, peek_step, snapshot
from training.learning.course import Course
from training.learning.schedule import branch_step, rung_step
from training.models.carry import ChainModel
from training.models.compact import WordTable
from training.stores.fetching import bring_checkpoint, put_checkpoint, step_behind


@dataclass(frozen=True, kw_only=True)
class Trunk:
    """What a wsd phase shares with those that differ from it in epochs alone, by their epochs.

    `kept` is where the trunk is kept for a number of epochs, `inflight` the in-phase checkpoint of the phase that has it.
    `claim` holds the right to train the trunk; it may wait, or raise PhaseBusyError.
    """

    kept: Mapping[int, Path]
    inflight: Mapping[int, Path]
    claim: Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True)
class _Candidate:
    """A checkpoint of so many steps, and how many it may have at most; it is on this machine, or behind its store."""

    step: int
    path: Path
    most: int
    here: bool = True


class Notice:
    """Asks whether a checkpoint is wanted at once, and hears each notice once, however many phases it lasts."""

    def __init__(self, urgent: Callable[[], bool] | None = None) -> None:
        self._urgent, self._heard = urgent, False

    def new(self) -> bool:
        """Whether there is a notice that was not there when this was last asked."""
        before, self._heard = self._heard, self._urgent is not None and self._urgent()
        return self._heard and not before


@dataclass
class Checkpoints:
    """The checkpoints of one run of a phase of `steps` steps, which ends after the share `until` of them.

    `own` is the phase's in-phase checkpoint (None: nothing is kept), rewritten every `seconds` (later, while the last is being
    written; 0: after each step, and waited for), at each notice, and where the run ends before the phase does; one that is
    further than this run goes is left alone. A fault of writing is raised after the next step, or at the end.
    """

    phase: PhaseIdentity
    steps: int
    until: float
    own: Path | None
    trunk: Trunk | None
    seconds: float
    notice: Notice
    on_damage: Callable[[Path, str], None]
    words: WordTable | None = None
    stop: int = field(init=False)
    _kept: dict[int, list[Path]] = field(init=False)
    _ahead: bool = field(init=False, default=False)
    _claimed: bool = field(init=False, default=False)
    _held: ExitStack = field(init=False, default_factory=ExitStack)
    _writing: Background = field(init=False, default_factory=lambda: Background("checkpoint"))

    def __post_init__(self) -> None:
        self.stop = rung_step(self.until, self.steps) if self.until < 1 else self.steps
        self._kept = self._branches()

    @contextlib.contextmanager
    def begun(self, model: ChainModel, optimiser: torch.optim.AdamW) -> Iterator[Position]:
        """Restore what is furthest, and hold the trunk's claim while it is trained; raises what that claim does."""
        with self._held:
            self._ahead = self.own is not None and max(peek_step(self.own) or 0, step_behind(self.own) or 0) > self.stop
            if self._trains_trunk(max((found.step for found in self._candidates()), default=0)):
                self._claim()
            position = self._restored(model, optimiser)
            if self._trains_trunk(position.step) and self._claim():
                position = self._restored(model, optimiser)
            try:
                yield position
            except BaseException:
                self._writing.settle()
                raise
            self._writing.wait()

    def after(self, course: Course, model: ChainModel, optimiser: torch.optim.AdamW) -> None:
        """Keep what is to be kept after a step; raises StoreError, and DivergedError where a loss is not finite."""
        self._writing.check()
        for path in self._kept.get(course.step, ()):
            if not path.exists():
                self._save(path, course, model, optimiser)
        if self.trunk and course.step >= branch_step(self.phase, self.steps):
            self._writing.wait()
            self._held.close()
        if course.step < self.stop:
            if self.notice.new() or self.seconds <= 0:
                self._save_own(course, model, optimiser, waited=True)
            elif course.unsaved_seconds() >= self.seconds and not self._writing.busy:
                self._save_own(course, model, optimiser)

    def ended(self, course: Course, model: ChainModel, optimiser: torch.optim.AdamW) -> None:
        """Keep where a run ended before its phase did; raises what `after` does."""
        self._writing.wait()
        if course.step < self.steps and self.own is not None and peek_step(self.own) != course.step:
            self._save_own(course, model, optimiser, waited=True)

    def _save_own(self, course: Course, model: ChainModel, optimiser: torch.optim.AdamW, *, waited: bool = False) -> None:
        if self.own is not None and not self._ahead:
            self._save(self.own, course, model, optimiser, waited=waited)

    def _save(
        self, path: Path, course: Course, model: ChainModel, optimiser: torch.optim.AdamW, *, waited: bool = False
    ) -> None:
        """Keep the moment at `path`; without `waited` it is copied first, and written while the training goes on."""
        self._writing.wait()
        now = snapshot(model, optimiser, course.position(), self.words, copied=not waited)

        def write() -> None:
            now.write(path)
            put_checkpoint(path, now.position.step)

        if waited:
            write()
        else:
            self._writing.begin(write)

    def _claim(self) -> bool:
        """Take the trunk's claim unless it is held; whether it was taken now."""
        if self._claimed or self.trunk is None:
            return False
        self._held.enter_context(self.trunk.claim())
        self._claimed = True
        return True

    def _trains_trunk(self, step: int) -> bool:
        """Whether a run that begins after `step` steps trains some of the trunk."""
        return self.trunk is not None and step < min(self.stop, branch_step(self.phase, self.steps))

    def _restored(self, model: ChainModel, optimiser: torch.optim.AdamW) -> Position:
        for item in self._candidates():
            if item.here or bring_checkpoint(item.path, self.on_damage):
                found = load_checkpoint(item.path, model, optimiser, self.on_damage, most=item.most, words=self.words)
                if found is not None:
                    return found
        return Position()

    def _candidates(self) -> list[_Candidate]:
        """What this run may begin with, the furthest first; one that can't be read counts as far as it may be."""
        found = []
        for path, most in self._places():
            step, behind = peek_step(path), step_behind(path)
            if step is not None and step <= most:
                found.append(_Candidate(most if step < 0 else step, path, most))
            if behind is not None and (step or 0) < behind <= most:
                found.append(_Candidate(behind, path, most, here=False))
        return sorted(found, key=lambda item: -item.step)

    def _places(self) -> Iterator[tuple[Path, int]]:
        """Every checkpoint that this run may begin with, and the most steps with which it is still on this phase's way."""
        if self.own is not None:
            yield self.own, self.stop
        if self.trunk is not None:
            for epochs, path in (*self.trunk.kept.items(), *self.trunk.inflight.items()):
                yield path, min(self.stop, self._branch(epochs), self._branch(self.phase.epochs))

    def _branches(self) -> dict[int, list[Path]]:
        """Where the trunk is to be kept after which step."""
        kept: dict[int, list[Path]] = {}
        for epochs, path in self.trunk.kept.items() if self.trunk else ():
            step = self._branch(epochs)
            if 0 < step <= self._branch(self.phase.epochs):
                kept.setdefault(step, []).append(path)
        return kept

    def _branch(self, epochs: int) -> int:
        """Steps of the trunk of a phase of this many epochs."""
        return branch_step(self.phase, self.steps // self.phase.epochs * epochs)
