"""Checkpoints are written while the training goes on, hold one moment, and are whole before anybody relies on them."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, current_thread, main_thread
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tests.training import toy
from training.errors import StorageFullError, StoreError
from training.files.background import Background
from training.identity import Runtime
from training.learning.checkpoint import Snapshot, load_checkpoint, peek_step
from training.learning.optimiser import build_optimiser
from training.learning.resume import Notice, Trunk
from training.models.carry import ChainModel
from training.phase import Trained, train_phase

WAIT = 240


class Stop(Exception):
    pass


class Training:
    """A phase of 24 steps whose clock counts steps: a checkpoint is due after each `every` of them."""

    def __init__(self, folder: Path, tokenizer: Any, path: Path, monkeypatch: pytest.MonkeyPatch, every: int) -> None:
        self.tokenizer, self.folder, self.path = tokenizer, folder, path
        self.phase = toy.phase(toy.NLI, batch=1)
        self.data = [toy.encoded(tokenizer, toy.NLI, 24)]
        self.every, self.step = every, 0
        self.at: dict[int, dict[str, Tensor]] = {}
        """Weights after each step."""
        monkeypatch.setattr("training.learning.course.time.monotonic", lambda: float(self.step))
        monkeypatch.setattr("training.learning.schedule.CURVE_POINTS", 24)

    def run(self, after: Callable[[int], None] = lambda step: None, **options: Any) -> Trained:
        model, vocabulary = toy.fresh(self.folder, self.tokenizer, toy.NLI)

        def progress(step: int, steps: int, loss: float) -> None:
            self.step = step
            self.at[step] = {name: value.clone() for name, value in model.state_dict().items()}
            after(step)

        runtime = Runtime(checkpoint_seconds=self.every, compact=False)
        return train_phase(
            model, self.phase, self.data, vocabulary, runtime, checkpoint=self.path, progress=progress, **options
        )

    def kept(self) -> tuple[int, ChainModel]:
        model, _ = toy.fresh(self.folder, self.tokenizer, toy.NLI)
        position = load_checkpoint(self.path, model, build_optimiser(model, self.phase), pytest.fail)
        assert position is not None
        return position.step, model


class Gate:
    """Lets a write begin when it is told to; notes where and for which step each was done."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, fault: Exception | None = None) -> None:
        self.open, self.begun, self.fault = Event(), Event(), fault
        self.written: list[tuple[int, bool]] = []
        self.files: dict[int, dict[str, Tensor]] = {}
        write = Snapshot.write

        def gated(snapshot: Snapshot, path: Path) -> None:
            self.begun.set()
            assert self.open.wait(WAIT)
            if self.fault is not None:
                raise self.fault
            write(snapshot, path)
            step = snapshot.position.step
            self.written.append((step, current_thread() is main_thread()))
            self.files[step] = {name: value.clone() for name, value in load_file(str(path)).items()}

        monkeypatch.setattr(Snapshot, "write", gated)


@pytest.fixture
def training(toy_folder: Path, tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Training:
    return Training(toy_folder, tokenizer, tmp_path / "key.safetensors", monkeypatch, every=4)


def same(model: ChainModel, state: dict[str, Tensor]) -> bool:
    return all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_training_goes_on_while_a_checkpoint_of_its_moment_is_written(
    training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, seen = Gate(monkeypatch), list[tuple[int, int | None]]()

    def after(step: int) -> None:
        seen.append((step, peek_step(training.path)))
        if step == 15:
            gate.open.set()
            gate.begun.clear()
        if step == 20:
            raise Stop

    with pytest.raises(Stop):
        training.run(after)
    assert [found for step, found in seen if step <= 15] == [None] * 15
    # What was due at steps 8 and 12 was left out: the one of step 4 was still being written.
    assert gate.written[0] == (4, False) and all(step >= 15 for step, _ in gate.written[1:])
    for step, file in gate.files.items():
        assert all(torch.equal(file[f"model.{name}"], value) for name, value in training.at[step].items())
    step, model = training.kept()
    assert step == gate.written[-1][0] and same(model, training.at[step])


def test_phase_s_end_waits_for_what_is_being_written(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, steps = Gate(monkeypatch), list[int]()

    def after(step: int) -> None:
        steps.append(step)
        if step == 24:
            gate.open.set()

    assert training.run(after).steps == 24
    assert steps[-1] == 24 and gate.written == [(4, False)] and peek_step(training.path) == 4


def test_interrupt_waits_for_what_is_being_written(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)

    def after(step: int) -> None:
        if step == 7:
            gate.open.set()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        training.run(after)
    assert gate.written == [(4, False)] and peek_step(training.path) == 4
    assert list(training.path.parent.iterdir()) == [training.path]


def test_rung_and_notice_are_written_before_the_training_goes_on(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, asked, found = Gate(monkeypatch), 0, list[tuple[int, int | None]]()
    gate.open.set()

    def urgent() -> bool:
        nonlocal asked
        asked += 1
        return asked == 6

    trained = training.run(lambda step: found.append((step, peek_step(training.path))), notice=Notice(urgent), until=0.5)
    assert trained.steps == 12 and found[6] == (7, 6)
    assert [step for step, waited in gate.written if waited] == [6, 12] and peek_step(training.path) == 12


def test_trunk_s_claim_is_let_go_when_its_file_is_there(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever gets the claim next begins with that file."""
    put_off: list[Callable[[], None]] = []
    kept, seen = {epochs: training.path.with_name(f"trunk-{epochs}") for epochs in (1, 2)}, list[tuple[int, list[int]]]()

    def settle(self: Background) -> None:
        while put_off:
            put_off.pop()()

    @contextmanager
    def claim() -> Iterator[None]:
        yield
        seen.append((training.step, [epochs for epochs, path in kept.items() if path.exists()]))

    monkeypatch.setattr(Background, "begin", lambda self, action: put_off.append(action))
    monkeypatch.setattr(Background, "settle", settle)
    training.phase = toy.phase(toy.NLI, batch=2, schedule="wsd", epochs=2)
    training.every = 10**6
    training.run(trunk=Trunk(kept=kept, inflight={}, claim=claim))
    assert seen == [(19, [1, 2])]


@pytest.mark.parametrize("late", [False, True])
def test_fault_of_writing_is_raised_at_the_next_step_or_at_the_end(
    training: Training, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    gate, steps = Gate(monkeypatch, StoreError("it can't be written")), list[int]()

    def after(step: int) -> None:
        steps.append(step)
        if step == (24 if late else 9):
            gate.open.set()

    def joined(self: Any) -> bool:
        """Under way until the gate is open, and then waited for: so the step of the fault is known."""
        if gate.open.is_set() and self._thread is not None:
            self._thread.join()
        return self._thread is not None and self._thread.is_alive()

    monkeypatch.setattr("training.learning.resume.Background.busy", property(joined))
    with pytest.raises(StoreError, match="it can't be written"):
        training.run(after)
    assert steps[-1] == (24 if late else 9) and not training.path.exists()


def test_fault_of_the_training_is_not_hidden_by_one_of_writing(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch, StoreError("it can't be written"))

    def after(step: int) -> None:
        if step == 6:
            gate.open.set()
            raise Stop

    with pytest.raises(Stop):
        training.run(after)


def test_full_disk_in_the_thread_is_named_and_the_checkpoint_before_stays(
    training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    training.run(until=0.25)
    before, step = training.path.read_bytes(), peek_step(training.path)

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("training.learning.checkpoint.write_tensors", full)
    with pytest.raises(StorageFullError, match="no space left"):
        training.run()
    assert step == 6 and training.path.read_bytes() == before and list(training.path.parent.iterdir()) == [training.path]
