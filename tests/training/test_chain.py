from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, load_file

import training.chain
from tests.training import toy
from training.chain import ChainJob, ChainOutcome, Unwatched, run_chain
from training.data.corpus import CACHE, Corpus
from training.data.loading import DataSource
from training.errors import DivergedError, ModelError
from training.identity import ChainIdentity, EvaluationIdentity, ModelIdentity, PhaseIdentity, Role, Runtime
from training.models.backbone import identify
from training.record import PhaseTrace
from training.store import PhaseStore
from training.tasks.row import TaskRow

XNLI = replace(toy.NLI, name="xnli", train_on="nli", languages=("en", "de"))
XQA = replace(toy.QA, name="xqa", train_on="qa")
ROWS = {row.name: row for row in (*toy.TRAINED, toy.TATOEBA, XNLI, XQA)}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    toy.write_data(folder)
    return folder


def measured(row: TaskRow, split: str, *languages: str) -> EvaluationIdentity:
    return EvaluationIdentity(
        task=row.name,
        version=1,
        split=split,
        languages=languages,
        data="d",
        max_length=row.encoding.max_length,
        stride=row.encoding.stride,
        pooling="mean" if row is toy.TATOEBA else None,
    )


DEV = {row.name: measured(row, "dev", "en") for row in toy.TRAINED}
INTERMEDIATE = toy.phase(toy.NLI, role=Role.INTERMEDIATE)


class Bench:
    """Runs chains of the toy model in one store."""

    def __init__(self, folder: Path, root: Path, store: Path) -> None:
        self.folder, self.store = folder, store
        self.sources = {name: DataSource(row=row, root=root) for name, row in ROWS.items()}
        self.model: ModelIdentity = identify("toy", folder)
        self.runtime = Runtime()

    def chain(
        self, *phases: PhaseIdentity, selection: tuple[EvaluationIdentity, ...] = (), evaluations: Any = ()
    ) -> ChainIdentity:
        return ChainIdentity(model=self.model, phases=phases, selection=selection, evaluations=tuple(evaluations))

    def run(self, chain: ChainIdentity, watcher: Any = None, **changes: Any) -> ChainOutcome:
        job = ChainJob(
            identity=chain,
            model_folder=self.folder,
            store=self.store,
            sources=self.sources,
            runtime=self.runtime,
            **changes,
        )
        return run_chain(job, watcher)


@pytest.fixture
def bench(toy_folder: Path, root: Path, tmp_path: Path) -> Bench:
    CACHE._kept.clear()
    return Bench(toy_folder, root, tmp_path / "phases")


def outcomes(found: ChainOutcome) -> list[str]:
    return [trace.outcome for trace in found.phases]


XNLI_TEST = measured(XNLI, "test", "en", "de")
TAGS_TEST = measured(toy.TAGS, "test", "en", "de")
QA_TEST = measured(toy.QA, "test", "en", "de")


def test_chain_without_an_intermediate_task_trains_its_target_and_scores_every_language(bench: Bench) -> None:
    found = bench.run(bench.chain(toy.phase(toy.TAGS), selection=(DEV["tags"],), evaluations=[TAGS_TEST]))
    (trace,) = found.phases
    assert (trace.outcome, trace.steps, len(trace.curve)) == ("trained", 2, 2)
    assert trace.carry.carried == 37 and trace.carry.initialised == ("heads.tags.out.bias", "heads.tags.out.weight")
    assert set(found.results[0].languages) == {"en", "de"}
    assert found.selection is not None and 0 <= found.selection.score <= 100
    assert (found.selection.task, found.selection.split, found.selection.language) == ("tags", "dev", "en")
    assert not found.selection.oracle and found.damaged == ()
    assert set(found.timing) == {"phases", "evaluation", "first_step"}


def test_chain_goes_on_from_the_intermediate_phase_and_carries_the_head_of_one_name(bench: Bench) -> None:
    target = toy.phase(toy.NLI)
    chain = bench.chain(INTERMEDIATE, target, selection=(DEV["nli"],), evaluations=[XNLI_TEST])
    found = bench.run(chain)
    assert outcomes(found) == ["trained", "trained"]
    assert found.phases[1].carry.initialised == () == found.phases[1].carry.dropped
    assert [trace.key for trace in found.phases] == list(chain.phase_keys)


def test_chain_run_again_trains_nothing_and_says_so(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = bench.chain(INTERMEDIATE, toy.phase(toy.TAGS), selection=(DEV["tags"],), evaluations=[TAGS_TEST])
    first = bench.run(chain)
    monkeypatch.setattr(training.chain, "train_phase", lambda *args, **options: pytest.fail("a phase was trained"))
    again = bench.run(chain)
    assert outcomes(again) == ["reused", "reused"]
    assert [replace(trace, outcome="trained") for trace in again.phases] == list(first.phases)
    assert (again.selection, again.results) == (first.selection, first.results)
    assert "first_step" not in again.timing


def test_chain_reused_phase_that_left_its_heads_behind_keeps_its_own(bench: Bench) -> None:
    """`carry_heads: false` is about the parent's heads: those that the phase trained itself are evaluated."""
    target = toy.phase(toy.NLI, carry_heads=False, lr=0.01, epochs=4)
    chain = bench.chain(INTERMEDIATE, target, selection=(DEV["nli"],), evaluations=[XNLI_TEST])
    first = bench.run(chain)
    assert len(first.phases[1].carry.initialised) == 4
    again = bench.run(chain)
    assert (again.selection, again.results) == (first.selection, first.results)
    assert first.selection is not None and first.selection.score > 60


def test_chain_stored_phase_that_lacks_its_head_is_not_scored(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = bench.chain(toy.phase(toy.NLI), evaluations=[XNLI_TEST])
    write = training.chain.write_tensors

    def without_head(path: Path, tensors: Any, metadata: Any) -> None:
        write(path, {name: value for name, value in tensors.items() if not name.startswith("heads.")}, metadata)

    monkeypatch.setattr(training.chain, "write_tensors", without_head)
    bench.run(chain)
    with pytest.raises(ModelError, match="stored phase lacks tensors: 'heads.nli2"):
        bench.run(chain)


def test_chain_intermediate_phase_is_trained_once_for_two_targets(bench: Bench) -> None:
    one = bench.run(bench.chain(INTERMEDIATE, toy.phase(toy.TAGS), evaluations=[TAGS_TEST]))
    other = bench.run(bench.chain(INTERMEDIATE, toy.phase(toy.QA), evaluations=[QA_TEST]))
    assert outcomes(one) == ["trained", "trained"] and outcomes(other) == ["reused", "trained"]
    assert one.phases[0].key == other.phases[0].key
    assert len(list(bench.store.glob("*--*"))) == 3


def test_chain_only_english_training_data_is_ever_read(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str, str]] = []
    load = Corpus.examples

    def spied(self: Corpus, task: str, split: str, language: str) -> Any:
        asked.append((task, split, language))
        return load(self, task, split, language)

    monkeypatch.setattr(Corpus, "examples", spied)
    mixture = toy.phase(toy.NLI, toy.MLM, role=Role.INTERMEDIATE)
    chain = bench.chain(mixture, toy.phase(toy.QA), selection=(DEV["qa"],), evaluations=[measured(XQA, "test", "en", "de")])
    bench.run(chain)
    assert [item for item in asked if item[1] == "train"] == [
        ("nli", "train", "en"),
        ("mlm", "train", "en"),
        ("qa", "train", "en"),
    ]
    assert [item for item in asked if item[2] != "en"] == [("xqa", "test", "de")]
    assert [item for item in asked if item[1] == "dev"] == [("qa", "dev", "en")]


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


def test_chain_retrieval_takes_the_weights_as_they_are_and_is_chosen_by_the_intermediate_s_dev(bench: Bench) -> None:
    tatoeba = measured(toy.TATOEBA, "test", "de")
    mixture = toy.phase(toy.NLI, toy.TAGS, role=Role.INTERMEDIATE)
    found = bench.run(bench.chain(mixture, selection=(DEV["nli"], DEV["tags"]), evaluations=[tatoeba]))
    assert len(found.phases) == 1
    assert found.selection is not None and (found.selection.task, found.selection.split) == ("nli+tags", "dev")
    single = [bench.run(bench.chain(mixture, selection=(DEV[name],), evaluations=[])).selection for name in ("nli", "tags")]
    assert found.selection.score == pytest.approx(sum(item.score for item in single if item) / 2)
    assert found.results[0].languages["de"]["score"] == 100.0


def test_chain_retrieval_straight_from_the_published_model_has_nothing_to_choose_by(bench: Bench) -> None:
    found = bench.run(bench.chain(evaluations=[measured(toy.TATOEBA, "test", "de")]))
    assert found.phases == () and found.selection is None and len(found.results) == 1
    assert not bench.store.exists()


def test_chain_chosen_by_another_language_s_data_is_marked(bench: Bench) -> None:
    by_target = measured(toy.TAGS, "dev", "en", "de")
    found = bench.run(bench.chain(toy.phase(toy.TAGS), selection=(by_target,), evaluations=[TAGS_TEST]))
    assert found.selection is not None and found.selection.oracle and found.selection.language == "de+en"


def test_chain_model_without_weights_is_pretrained_first_or_refused(bench: Bench, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(bench.folder, tmp_path / "bare"))
    (folder / "model.safetensors").unlink()
    bench.folder, bench.model = folder, identify("bare", folder, 3, pretrained=False)
    pretrain = toy.phase(toy.MLM, role=Role.PRETRAIN)
    found = bench.run(bench.chain(pretrain, toy.phase(toy.TAGS), evaluations=[TAGS_TEST]), pretrain_threads=1)
    assert found.phases[0].carry.carried == 0 and found.phases[1].carry.carried == 37
    assert all(name.startswith("heads.mlm.") for name in found.phases[1].carry.dropped)
    for chain in (bench.chain(toy.phase(toy.TAGS)), bench.chain(evaluations=[measured(toy.TATOEBA, "test", "de")])):
        with pytest.raises(ModelError, match="without weights") as caught:
            bench.run(chain)
        assert "pretrain" in caught.value.remedy


def test_chain_windows_that_the_model_can_t_read_are_refused_before_any_training(bench: Bench) -> None:
    long = replace(toy.QA, encoding=replace(toy.QA.encoding, max_length=200))
    bench.sources["qa"] = replace(bench.sources["qa"], row=long)
    with pytest.raises(ModelError, match="windows of qa are longer"):
        bench.run(bench.chain(INTERMEDIATE, toy.phase(toy.QA)))
    assert not bench.store.exists()


def test_chain_diverging_phase_keeps_those_before(bench: Bench) -> None:
    chain = bench.chain(INTERMEDIATE, toy.phase(toy.TAGS, lr=1e38, warmup=0.0), evaluations=[TAGS_TEST])
    with pytest.raises(DivergedError):
        bench.run(chain)
    assert [path.name for path in bench.store.glob("*--*")] == [f"{INTERMEDIATE.name}--{chain.phase_keys[0]}"]


def test_chain_watcher_hears_every_phase(bench: Bench) -> None:
    heard: list[Any] = []

    class Listener(Unwatched):
        def phase_started(self, number: int, phases: int, phase: PhaseIdentity) -> None:
            heard.append((number, phases, phase.name))

        def step(self, step: int, steps: int, loss: float) -> None:
            heard.append((step, steps))

        def phase_done(self, trace: PhaseTrace) -> None:
            heard.append((trace.outcome, trace.identity.name))

    target = toy.phase(toy.TAGS)
    bench.run(bench.chain(INTERMEDIATE, evaluations=[]), Listener())
    bench.run(bench.chain(INTERMEDIATE, target, evaluations=[TAGS_TEST]), Listener())
    one = [(1, 2), (2, 2)]
    assert heard == [
        (0, 1, INTERMEDIATE.name),
        *one,
        ("trained", INTERMEDIATE.name),
        ("reused", INTERMEDIATE.name),
        (1, 2, target.name),
        *one,
        ("trained", target.name),
    ]


def test_chain_stored_folder_is_a_model_folder_of_its_own(bench: Bench, tokenizer: Any) -> None:
    chain = bench.chain(toy.phase(toy.TAGS), evaluations=[])
    bench.run(chain)
    folder = PhaseStore(bench.store).folder_of(chain.phase_keys[0])
    assert folder is not None
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        assert (folder / name).read_bytes() == (bench.folder / name).read_bytes()
    assert "backbone.embeddings.word_embeddings.weight" in load_file(str(folder / "model.safetensors"))
