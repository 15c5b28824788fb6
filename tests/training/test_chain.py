from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.training import toy
from tests.training.bench import DEV, INTERMEDIATE, TAGS_TEST, XNLI_TEST, XQA, Bench, measured, outcomes
from training.chain import Unwatched
from training.data.corpus import Corpus
from training.errors import ModelError
from training.identity import PhaseIdentity, Role
from training.models.backbone import identify
from training.models.carry import from_pretrained
from training.record import PhaseTrace
from training.stores.store import PhaseStore


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


@pytest.mark.parametrize("before", [(), (INTERMEDIATE,)])
@pytest.mark.parametrize("seed", [2, 3])
def test_chain_seed_of_a_phase_draws_its_new_head(bench: Bench, seed: int, before: tuple[PhaseIdentity, ...]) -> None:
    chain = bench.chain(*before, toy.phase(toy.TAGS, seed=seed, lr=1e-12), evaluations=[])
    bench.run(chain)
    folder = PhaseStore(bench.store).folder_of(chain.phase_keys[-1])
    assert folder is not None
    stored = load_file(str(folder / "model.safetensors"))["heads.tags.out.weight"]
    drawn = from_pretrained(bench.folder, [toy.TAGS], random=False, model_seed=0, seed=seed)[0]
    torch.testing.assert_close(stored, drawn.get_parameter("heads.tags.out.weight").detach())
