from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, load_file

import training.walk
from tests.training import toy
from tests.training.bench import DEV, INTERMEDIATE, QA_TEST, TAGS_TEST, XNLI_TEST, Bench, outcomes
from training.chain import Unwatched
from training.errors import DivergedError, ModelError
from training.files.tensorfile import write_tensors
from training.identity import Runtime
from training.stores.store import PhaseStore


def test_chain_run_again_trains_nothing_and_says_so(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = bench.chain(INTERMEDIATE, toy.phase(toy.TAGS), selection=(DEV["tags"],), evaluations=[TAGS_TEST])
    first = bench.run(chain)
    monkeypatch.setattr(training.walk, "train_phase", lambda *args, **options: pytest.fail("a phase was trained"))
    again = bench.run(chain)
    assert outcomes(again) == ["reused", "reused"]
    assert [replace(trace, outcome="trained") for trace in again.phases] == list(first.phases)
    assert (again.selection, again.results) == (first.selection, first.results)
    assert "first_step" not in again.timing


def test_chain_reused_phase_that_left_its_heads_behind_keeps_its_own(bench: Bench) -> None:
    """`carry_heads: false` is about the parent's heads: those that the phase trained itself are evaluated."""
    target = toy.phase(toy.NLI, carry_heads=False, lr=0.01, epochs=16)
    chain = bench.chain(INTERMEDIATE, target, selection=(DEV["nli"],), evaluations=[XNLI_TEST])
    first = bench.run(chain)
    assert len(first.phases[1].carry.initialised) == 4
    again = bench.run(chain)
    assert (again.selection, again.results) == (first.selection, first.results)
    assert first.selection is not None and first.selection.score > 60


def test_chain_stored_phase_that_lacks_its_head_is_not_scored(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = bench.chain(toy.phase(toy.NLI), evaluations=[XNLI_TEST])

    def without_head(path: Path, tensors: Any, metadata: Any) -> None:
        write_tensors(path, {name: value for name, value in tensors.items() if not name.startswith("heads.")}, metadata)

    monkeypatch.setattr(training.walk, "write_tensors", without_head)
    bench.run(chain)
    with pytest.raises(ModelError, match=r"stored phase lacks tensors: 'heads\.nli2"):
        bench.run(chain)


def test_chain_intermediate_phase_is_trained_once_for_two_targets(bench: Bench) -> None:
    one = bench.run(bench.chain(INTERMEDIATE, toy.phase(toy.TAGS), evaluations=[TAGS_TEST]))
    other = bench.run(bench.chain(INTERMEDIATE, toy.phase(toy.QA), evaluations=[QA_TEST]))
    assert outcomes(one) == ["trained", "trained"] and outcomes(other) == ["reused", "trained"]
    assert one.phases[0].key == other.phases[0].key
    assert len(list(bench.store.glob("*--*"))) == 3


@pytest.mark.parametrize("number", [0, 1])
def test_chain_damaged_phase_is_trained_again_to_the_same_weights_and_reported(bench: Bench, number: int) -> None:
    chain = bench.chain(INTERMEDIATE, toy.phase(toy.TAGS), selection=(DEV["tags"],), evaluations=[TAGS_TEST])
    first = bench.run(chain)
    store = PhaseStore(bench.store)
    damaged = store.folder_of(chain.phase_keys[number])
    assert damaged is not None
    before = load((damaged / "model.safetensors").read_bytes())
    os.truncate(damaged / "model.safetensors", 1000)
    again = bench.run(chain)
    assert outcomes(again) == ["trained" if place == number else "reused" for place in range(2)]
    assert [line.partition(":")[0] for line in again.damaged] == [damaged.name]
    assert (again.selection, again.results) == (first.selection, first.results)
    after = load_file(str(damaged / "model.safetensors"))
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert len(list((bench.store / "damaged").iterdir())) == 1


def test_chain_damaged_checkpoint_is_reported(bench: Bench) -> None:
    chain = bench.chain(toy.phase(toy.TAGS), evaluations=[TAGS_TEST])
    path = PhaseStore(bench.store).checkpoint_path(chain.phase_keys[0])
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not a checkpoint")
    found = bench.run(chain)
    assert outcomes(found) == ["trained"] and len(found.damaged) == 1 and found.damaged[0].startswith(path.name)


def test_chain_killed_in_a_phase_goes_on_where_it_was(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = bench.chain(INTERMEDIATE, toy.phase(toy.TAGS, epochs=3), selection=(DEV["tags"],), evaluations=[TAGS_TEST])
    undisturbed = bench.run(chain)
    steps: list[int] = []

    class Killer(Unwatched):
        def step(self, step: int, steps_of_phase: int, loss: float) -> None:
            steps.append(step)
            if steps_of_phase == 6 and step == 4 and steps.count(4) == 1:
                raise KeyboardInterrupt

    bench.store = tmp_path / "other"
    bench.runtime = Runtime(checkpoint_seconds=0.0)
    with pytest.raises(KeyboardInterrupt):
        bench.run(chain, Killer())
    assert steps == [1, 2, 1, 2, 3, 4]
    again = bench.run(chain, Killer())
    assert steps == [1, 2, 1, 2, 3, 4, 4, 5, 6]
    assert outcomes(again) == ["reused", "trained"] and again.results == undisturbed.results
    assert again.phases[1].curve == undisturbed.phases[1].curve
    assert list((bench.store / ".inflight").iterdir()) == []


def test_chain_diverging_phase_keeps_those_before(bench: Bench) -> None:
    chain = bench.chain(INTERMEDIATE, toy.phase(toy.TAGS, lr=1e38, warmup=0.0), evaluations=[TAGS_TEST])
    with pytest.raises(DivergedError):
        bench.run(chain)
    assert [path.name for path in bench.store.glob("*--*")] == [f"{INTERMEDIATE.name}--{chain.phase_keys[0]}"]


def test_chain_stored_folder_is_a_model_folder_of_its_own(bench: Bench, tokenizer: Any) -> None:
    chain = bench.chain(toy.phase(toy.TAGS), evaluations=[])
    bench.run(chain)
    folder = PhaseStore(bench.store).folder_of(chain.phase_keys[0])
    assert folder is not None
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        assert (folder / name).read_bytes() == (bench.folder / name).read_bytes()
    assert "backbone.embeddings.word_embeddings.weight" in load_file(str(folder / "model.safetensors"))
