"""A phase with a compact vocabulary has the weights of one without, however often it is stopped and gone on with either way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tests.training import toy
from tests.training.bench import Bench
from tests.training.learning.test_checkpoint import Stopped, stop_at
from tests.training.learning.test_rungs import same, weights
from tests.training.stores.test_trunks import run as run_trunk
from tests.training.stores.test_trunks import tagging
from training.identity import Runtime
from training.models.compact import TOKENS
from training.phase import Trained, train_phase
from training.stores.store import PhaseStore
from training.tasks.row import TaskRow

TABLE = "backbone.embeddings.word_embeddings.weight"
MIXTURES: dict[str, tuple[TaskRow, ...]] = {row.name: (row,) for row in toy.TRAINED if row is not toy.MLM}
MIXTURES["mixture"] = (toy.NLI, toy.TAGS, toy.QA)


class Case:
    """A phase that can be run again and again from the same start."""

    def __init__(self, folder: Path, tokenizer: Any, rows: tuple[TaskRow, ...], **changes: Any) -> None:
        self.folder, self.tokenizer, self.rows = folder, tokenizer, rows
        self.data = [toy.encoded(tokenizer, row, 24 // len(rows)) for row in rows]
        self.phase = toy.phase(*rows, **({"batch": 1, "weight_decay": 0.0} | changes))
        self.damaged: list[str] = []

    def run(self, *, compact: bool, packed: bool = True, **options: Any) -> tuple[dict[str, Tensor], Trained]:
        model, vocabulary = toy.fresh(self.folder, self.tokenizer, *self.rows)
        runtime = Runtime(checkpoint_seconds=0.0, compact=compact, packed=packed)
        options["on_damage"] = lambda path, cause: self.damaged.append(cause)
        trained = train_phase(model, self.phase, self.data, vocabulary, runtime, **options)
        return model.state_dict(), trained

    @property
    def active(self) -> list[int]:
        return sorted({1, 4} | {int(token) for part in self.data for feature in part.features for token in feature.ids})


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("name", MIXTURES)
def test_compact_phase_has_the_weights_and_losses_of_the_whole_table(
    dropout_folder: Path, tokenizer: Any, name: str, packed: bool
) -> None:
    case = Case(dropout_folder, tokenizer, MIXTURES[name])
    (found, compact), (wanted, whole) = (case.run(compact=flag, packed=packed) for flag in (True, False))
    assert same(found, wanted)
    assert (compact.word_rows, whole.word_rows) == (len(case.active), len(tokenizer)) and len(case.active) < len(tokenizer) / 2
    assert replace(compact, seconds=0.0, word_rows=0) == replace(whole, seconds=0.0, word_rows=0)


def test_compact_phase_decays_the_other_rows_as_the_whole_table_does(dropout_folder: Path, tokenizer: Any) -> None:
    case = Case(dropout_folder, tokenizer, (toy.TAGS,), weight_decay=0.3, lr=1e-2, epochs=3)
    (found, trained), (wanted, _) = (case.run(compact=flag) for flag in (True, False))
    one, other = found.pop(TABLE), wanted.pop(TABLE)
    assert same(found, wanted) and torch.equal(one[case.active], other[case.active])
    torch.testing.assert_close(one, other, rtol=trained.steps * 2.0**-22, atol=0)
    start = toy.fresh(dropout_folder, tokenizer, toy.TAGS)[0].state_dict()[TABLE]
    rest = [token for token in range(len(start)) if token not in case.active]
    assert bool((one[rest].abs() < 0.95 * start[rest].abs()).all())


def test_phase_that_predicts_words_trains_all_of_them(toy_folder: Path, tokenizer: Any) -> None:
    for rows in ((toy.MLM,), (toy.NLI, toy.MLM)):
        assert Case(toy_folder, tokenizer, rows).run(compact=True)[1].word_rows == len(tokenizer)


SWITCHES = {
    "compact": [True, True, True],
    "compact last": [False, False, True],
    "whole last": [True, True, False],
    "in turn": [True, False, True],
}


@pytest.mark.parametrize("decay", [0.0, 0.3])
@pytest.mark.parametrize("name", SWITCHES)
def test_phase_stopped_and_resumed_with_either_switch_is_the_undisturbed_one(
    dropout_folder: Path, tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, decay: float
) -> None:
    case = Case(dropout_folder, tokenizer, (toy.NLI,), epochs=2, weight_decay=decay)
    last = SWITCHES[name][-1]
    wanted, whole = case.run(compact=last)
    path, dice = tmp_path / "key.safetensors", np.random.default_rng(sum(map(ord, name)))
    for flag in SWITCHES[name][:-1]:
        with monkeypatch.context() as patch, pytest.raises(Stopped):
            stop_at(patch, int(dice.integers(7, 20)))
            case.run(compact=flag, checkpoint=path)
        assert table_of(path).shape[0] == (len(case.active) if flag else len(tokenizer))
    found, trained = case.run(compact=last, checkpoint=path)
    assert trained.first_step >= 10 and case.damaged == [] and trained.curve == whole.curve
    if decay == 0 or last:
        assert same(found, wanted)
    else:
        assert torch.equal(found[TABLE][case.active], wanted[TABLE][case.active])
        torch.testing.assert_close(found[TABLE], wanted[TABLE], rtol=whole.steps * 2.0**-22, atol=0)


def table_of(path: Path) -> Tensor:
    return load_file(str(path))[f"model.{TABLE}"]


def test_checkpoint_of_a_compact_phase_holds_nothing_of_other_rows(toy_folder: Path, tokenizer: Any, tmp_path: Path) -> None:
    case = Case(toy_folder, tokenizer, (toy.NLI,))
    for flag in (True, False):
        state, trained = case.run(compact=flag, checkpoint=tmp_path / f"{flag}.safetensors", until=0.5)
        assert state[TABLE].shape[0] == len(tokenizer) and trained.steps == 12
    compact, whole = (load_file(str(tmp_path / f"{flag}.safetensors")) for flag in (True, False))
    assert compact.pop(TOKENS).tolist() == case.active and compact.keys() == whole.keys()
    for name, value in whole.items():
        assert torch.equal(compact[name], value[case.active] if name.endswith(TABLE) and value.ndim else value)
    moments = [name for name in whole if name.endswith(TABLE) and name.startswith("adam.exp")]
    assert len(moments) == 2 and all(compact[name].any() for name in moments)


def test_checkpoint_of_a_compact_phase_that_is_damaged_is_set_aside(toy_folder: Path, tokenizer: Any, tmp_path: Path) -> None:
    case, path = Case(toy_folder, tokenizer, (toy.NLI,)), tmp_path / "key.safetensors"
    wanted, _ = case.run(compact=True)
    case.run(compact=True, checkpoint=path, until=0.5)
    content = path.read_bytes()
    place = content.index(np.asarray(case.active, dtype="<i4").tobytes())
    path.write_bytes(content[:place] + b"\x07" + content[place + 1 :])
    found, trained = case.run(compact=True, checkpoint=path)
    assert same(found, wanted) and trained.first_step == 0
    assert case.damaged == ["the checkpoint's tensors are not those that were written"]
    assert path.with_suffix(".damaged").is_file()


@pytest.fixture
def dropped(dropout_folder: Path, root: Path, tmp_path: Path) -> Bench:
    return Bench(dropout_folder, root, tmp_path / "phases")


@pytest.mark.parametrize("flags", [(True, False, True), (False, True, False)])
def test_trunk_is_shared_by_phases_of_either_switch(dropped: Bench, tmp_path: Path, flags: tuple[bool, ...]) -> None:
    def found(store: str) -> Mapping[str, Tensor]:
        dropped.store = tmp_path / store
        return weights(dropped, chain)

    for epochs, flag in zip((1, 3, 2), flags, strict=True):
        chain = tagging(dropped, epochs, weight_decay=0.0)
        dropped.store, dropped.runtime = tmp_path / "alone", Runtime(compact=False)
        dropped.run(chain)
        dropped.store, dropped.runtime = tmp_path / "shared", Runtime(compact=flag)
        outcome, steps = run_trunk(dropped, chain)
        assert outcome.damaged == () and len(steps) < epochs * 8 + (epochs == 1)
        assert same(dict(found("shared")), dict(found("alone")))
    tables = {len(table_of(path)) for path in PhaseStore(tmp_path / "shared").root.glob(".trunks/*.safetensors")}
    assert len(tables) == 2
