from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.training import toy
from training.errors import DivergedError, StorageFullError
from training.identity import PhaseIdentity, Runtime
from training.learning.checkpoint import Position, Snapshot, load_checkpoint, snapshot
from training.learning.optimiser import build_optimiser
from training.models.carry import ChainModel
from training.phase import Trained, train_phase
from training.tasks.row import TaskRow

CASES: dict[str, tuple[TaskRow, ...]] = {row.name: (row,) for row in toy.TRAINED} | {"mixture": (toy.NLI, toy.TAGS, toy.MLM)}


class Stopped(Exception):
    """The process is gone."""


class Case:
    """A phase of some tasks that can be run again and again from the same start."""

    def __init__(
        self, folder: Path, tokenizer: Any, rows: tuple[TaskRow, ...], checkpoint: Path | None = None, epochs: int = 3
    ) -> None:
        self.folder, self.tokenizer, self.rows, self.checkpoint = folder, tokenizer, rows, checkpoint
        self.data = [toy.encoded(tokenizer, row, 36 // len(rows)) for row in rows]
        self.phase: PhaseIdentity = toy.phase(*rows, batch=1, epochs=epochs)
        self.damaged: list[str] = []

    def run(self, *, seconds: float = 0.0) -> tuple[ChainModel, Trained]:
        model, vocabulary = toy.fresh(self.folder, self.tokenizer, *self.rows)
        runtime = Runtime(checkpoint_seconds=seconds)
        trained = train_phase(
            model,
            self.phase,
            self.data,
            vocabulary,
            runtime,
            checkpoint=self.checkpoint,
            on_damage=lambda path, cause: self.damaged.append(f"{path.name}: {cause}"),
        )
        return model, trained


def stop_at(monkeypatch: pytest.MonkeyPatch, step: int, every: int = 5) -> None:
    """Kill the run in the middle of a step, and let it save at each fifth only."""
    steps = 0

    def set_rate(optimiser: Any, rate: float) -> None:
        nonlocal steps
        steps += 1
        if steps == step:
            raise Stopped
        for group in optimiser.param_groups:
            group["lr"] = rate

    write = Snapshot.write

    def save(self: Snapshot, path: Path) -> None:
        if self.position.step % every == 0:
            write(self, path)

    monkeypatch.setattr("training.learning.steps.set_rate", set_rate)
    monkeypatch.setattr(Snapshot, "write", save)


def save_checkpoint(path: Path, model: ChainModel, optimiser: torch.optim.AdamW, position: Position) -> None:
    snapshot(model, optimiser, position, copied=False).write(path)


def assert_same(one: tuple[ChainModel, Trained], other: tuple[ChainModel, Trained]) -> None:
    left, right = one[0].state_dict(), other[0].state_dict()
    assert left.keys() == right.keys()
    assert [name for name in left if not torch.equal(left[name], right[name])] == []
    assert replace(one[1], seconds=0.0, first_step=0) == replace(other[1], seconds=0.0, first_step=0)


@pytest.mark.parametrize("name", CASES)
def test_phase_stopped_anywhere_and_resumed_is_the_undisturbed_one_bit_for_bit(
    dropout_folder: Path, tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    undisturbed = Case(dropout_folder, tokenizer, CASES[name]).run()
    case = Case(dropout_folder, tokenizer, CASES[name], tmp_path / "deep" / "key.safetensors")
    assert undisturbed[1].steps >= 100 and len(undisturbed[1].curve) < undisturbed[1].steps
    dice = np.random.default_rng(sum(map(ord, name)))
    for _ in range(2):
        with monkeypatch.context() as patch, pytest.raises(Stopped):
            stop_at(patch, int(dice.integers(7, 50)))
            case.run()
    assert case.checkpoint is not None and case.checkpoint.is_file()
    assert_same(case.run(), undisturbed)
    assert case.damaged == []


def test_phase_shorter_than_the_time_between_checkpoints_leaves_none(toy_folder: Path, tokenizer: Any, tmp_path: Path) -> None:
    case = Case(toy_folder, tokenizer, (toy.NLI,), tmp_path / "key.safetensors")
    case.run(seconds=3600)
    assert list(tmp_path.iterdir()) == []


def test_checkpoints_come_at_the_time_asked_for_however_rare_the_curve_s_points(
    toy_folder: Path, tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[int] = []
    case = Case(toy_folder, tokenizer, (toy.NLI,), tmp_path / "key.safetensors")
    monkeypatch.setattr("training.learning.schedule.CURVE_POINTS", 2)
    monkeypatch.setattr(Snapshot, "write", lambda self, path: saved.append(self.position.step))
    monkeypatch.setattr("training.learning.resume.Background.begin", lambda self, action: action())
    clock = iter(range(10**6))
    monkeypatch.setattr("training.learning.course.time.monotonic", lambda: float(next(clock)))
    trained = case.run(seconds=4)[1]
    assert len(trained.curve) == 2
    assert saved == list(range(4, 108, 4))


def test_seconds_of_a_resumed_phase_count_both_parts(toy_folder: Path, tokenizer: Any, tmp_path: Path) -> None:
    case = Case(toy_folder, tokenizer, (toy.NLI,), tmp_path / "key.safetensors")
    model, _ = toy.fresh(toy_folder, tokenizer, toy.NLI)
    save_checkpoint(tmp_path / "key.safetensors", model, build_optimiser(model, case.phase), Position(step=100, seconds=500.0))
    assert 500.0 < case.run(seconds=3600)[1].seconds < 560.0


def flipped_at(place: float) -> Any:
    def damage(content: bytes) -> bytes:
        at = int(place * (len(content) - 1))
        return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]

    return damage


DAMAGES = {
    "flipped in the header": flipped_at(0.01),
    "flipped in the weights": flipped_at(0.6),
    "flipped at the end": flipped_at(1.0),
    "cut short": lambda content: content[:-7],
    "empty": lambda content: b"",
    "not of this format": lambda content: b"PK" + content[2:],
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_checkpoint_is_set_aside_and_reported_and_the_phase_starts_again(
    toy_folder: Path, tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    undisturbed = Case(toy_folder, tokenizer, (toy.NLI,), epochs=1).run()
    path = tmp_path / "key.safetensors"
    case = Case(toy_folder, tokenizer, (toy.NLI,), path, epochs=1)
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        stop_at(patch, 20)
        case.run()
    damaged = DAMAGES[name](path.read_bytes())
    path.write_bytes(damaged)
    assert_same(case.run(seconds=3600), undisturbed)
    assert [line.partition(":")[0] for line in case.damaged] == ["key.safetensors"]
    assert path.with_suffix(".damaged").read_bytes() == damaged and not path.exists()


def test_checkpoint_of_another_model_changes_nothing(toy_folder: Path, tokenizer: Any, tmp_path: Path) -> None:
    wide = toy.save_model(tmp_path / "wide", hidden_size=64)
    other, _ = toy.fresh(wide, tokenizer, toy.NLI)
    phase = toy.phase(toy.NLI)
    save_checkpoint(tmp_path / "key.safetensors", other, build_optimiser(other, phase), Position(step=1))
    model, _ = toy.fresh(toy_folder, tokenizer, toy.NLI)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    causes: list[str] = []
    optimiser = build_optimiser(model, phase)
    found = load_checkpoint(tmp_path / "key.safetensors", model, optimiser, lambda path, cause: causes.append(cause))
    assert found is None and len(causes) == 1 and not optimiser.state
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_checkpoint_with_missing_weights_or_of_a_full_disk_never_replaces_the_one_before(
    toy_folder: Path, tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "key.safetensors"
    model, _ = toy.fresh(toy_folder, tokenizer, toy.NLI)
    optimiser = build_optimiser(model, toy.phase(toy.NLI))
    save_checkpoint(path, model, optimiser, Position(step=1))
    before = path.read_bytes()

    def full(*args: object, **options: object) -> None:
        from safetensors import SafetensorError

        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("training.files.tensorfile.save_file", full)
    with pytest.raises(StorageFullError):
        save_checkpoint(path, model, optimiser, Position(step=2))
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_diverged_run_is_never_saved(toy_folder: Path, tokenizer: Any, tmp_path: Path) -> None:
    case = Case(toy_folder, tokenizer, (toy.NLI,), tmp_path / "key.safetensors")
    case.phase = replace(case.phase, lr=1e30, clip=0.0, warmup=0.0)
    with pytest.raises(DivergedError):
        case.run()
    if case.checkpoint is not None and case.checkpoint.is_file():
        with pytest.raises(DivergedError):
            case.run()
    assert case.damaged == []
