"""Sizes of phases: what is published, what a grid cuts of it, what is read and what was counted, and how mixtures add up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces.reading import load_grid
from sweep.options import LaunchOptions
from sweep.planning.needs import needed_splits
from sweep.planning.nominal import nominal_plan, plan_with_what_is_there
from sweep.planning.published import LENGTHS
from sweep.planning.reading import SplitReader
from sweep.planning.sizes import Sizes, epochs_of_records, sizes_of
from sweep.planning.splits import PUBLISHED, SplitSize, published_size
from tests.sweep.plans import plan_of, score_record, study_of
from training.data.corpus import Corpus, EncodedCache
from training.data.draws import epoch_draws
from training.data.loading import DataSource
from training.identity import Mixing, PhaseIdentity, Role, TaskUse
from training.models.backbone import load_tokenizer
from training.record import CarryReport, PhaseTrace
from training.tasks.registry import ROWS

NOWHERE = Path("nowhere")


def _phase(tasks: tuple[str, ...], mixing: Mixing, epochs: int = 2) -> PhaseIdentity:
    uses = tuple(TaskUse(task=task, version=1, head="h", data="d", max_length=8, stride=0) for task in tasks)
    return PhaseIdentity(role=Role.INTERMEDIATE, tasks=uses, lr=1e-5, epochs=epochs, batch=4, seed=1, mixing=mixing)


def _published(task: str, split: str = "train", **changes: object) -> SplitSize:
    row = ROWS[task]
    languages = row.train_languages if split == "train" else row.languages
    return published_size(replace(DataSource(row=row, root=NOWHERE), **changes), split, languages)


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=4),
    mixing=st.one_of(
        st.builds(Mixing, cap=st.integers(1, 80)),
        st.builds(Mixing, kind=st.just("temperature"), temperature=st.floats(1.0, 8.0), cap=st.integers(1, 80)),
    ),
)
def test_epoch_has_the_tokens_of_the_units_that_training_draws(sizes: list[int], mixing: Mixing) -> None:
    tasks = tuple(f"t{place}" for place in range(len(sizes)))
    tokens = [10.0 + place for place in range(len(sizes))]
    splits = {
        ("m", f"{task}/train"): SplitSize((size,), each, "") for task, size, each in zip(tasks, sizes, tokens, strict=True)
    }
    draws = epoch_draws([[size] for size in sizes], 4, mixing, 1, 0)
    drawn = sum(len(part.units) * tokens[part.source] for draw in draws for part in draw.parts)
    assert Sizes(splits).epoch_tokens("m", _phase(tasks, mixing)) == pytest.approx(drawn)


def test_languages_of_a_task_count_together() -> None:
    splits = {("m", "t/train"): SplitSize((30, 10), 5.0, "")}
    assert Sizes(splits).epoch_tokens("m", _phase(("t",), Mixing())) == 200.0


def test_phase_that_was_trained_before_has_the_tokens_that_were_counted() -> None:
    phase = _phase(("t",), Mixing(), epochs=4)
    trace = PhaseTrace(
        key="k", identity=phase, outcome="trained", seconds=1.0, steps=1, tokens=480, curve=(), carry=CarryReport(carried=0)
    )
    record = replace(score_record(study_of(plan_of(), "mini.none.mini_udpos"), 0, 1, {}, 50.0), phases=(trace,), model="m")
    sizes = Sizes({("m", "t/train"): SplitSize((30,), 5.0, "")}, epochs_of_records([record]))
    assert sizes.epoch_tokens("m", replace(phase, lr=1e-3, epochs=9)) == 120.0
    assert sizes.epoch_tokens("m", replace(phase, mixing=Mixing(cap=10))) == 50.0


def test_every_task_that_can_be_trained_has_a_length_of_its_own() -> None:
    real = [row for row in ROWS.values() if not row.synthetic and (row.intermediate or row.target) and not row.parts]
    assert [row.name for row in real if row.name not in LENGTHS] == []
    assert [name for name in LENGTHS if name not in ROWS] == []


def test_published_size_says_examples_tokens_and_what_they_rest_on() -> None:
    size = _published("hellaswag")
    assert size.units == (39_905,)
    assert size.tokens == pytest.approx(4 * 92.9)
    assert size.basis == "published: 39,905 a language (examples, as published) of 371.6 tokens (counted: its dev set)"


def test_task_of_parts_has_their_examples_and_their_mean_length() -> None:
    size = _published("anli_plus")
    parts = [_published(name) for name in ("anli_r1", "anli_r2", "anli_r3", "mnli", "snli")]
    assert size.total == sum(part.total for part in parts) == ROWS["anli_plus"].counts["train"]
    assert size.tokens == pytest.approx(sum(part.total * part.tokens for part in parts) / size.total)


def test_grid_cuts_published_sizes_as_it_cuts_files() -> None:
    assert _published("tydiqa", carve_dev=0.1).units == (3_326,)
    assert _published("tydiqa", "dev", carve_dev=0.1).units[0] == 370
    assert _published("mnli", caps={"train": 500}).units == (500,)
    short = replace(ROWS["squad_v1"], encoding=replace(ROWS["squad_v1"].encoding, max_length=64))
    assert published_size(DataSource(row=short, root=NOWHERE), "train", ("en",)).tokens == 64


def test_scored_split_has_every_language_and_not_the_size_of_its_english_part() -> None:
    assert _published("panx", "dev").units == (6_470,) * 40
    assert published_size(DataSource(row=ROWS["panx"], root=NOWHERE), "dev", ("en",)).units == (10_000,)


def test_plan_without_data_has_sizes_of_all_that_it_reads_and_names_the_published_ones() -> None:
    plan = nominal_plan(load_grid("all"))
    sizes = sizes_of(plan, plan.digests)
    assert {key for _, key in sizes.splits} == {item[0] for item in needed_splits(plan.grid, plan.sources)}
    assert set(sizes.assumed()) == {key.partition("/")[0] for key in plan.digests if key.endswith("/train")}
    assert all(said.startswith(PUBLISHED) for said in sizes.assumed().values())


def test_split_that_is_here_is_sampled_with_the_models_tokenizer_and_counted_once_it_is_encoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_with_what_is_there(LaunchOptions(grid="tiny", run=tmp_path)).plan
    (model,) = plan.grid.models
    key, task, split, languages = next(item for item in needed_splits(plan.grid, plan.sources) if item[0].endswith("/train"))
    monkeypatch.setattr("sweep.planning.reading.encoded_folder", lambda: tmp_path / "cache" / "encoded")
    sampled = SplitReader(plan, model).size(key, task, split, languages)
    resolved = plan.models[model]
    corpus = Corpus(
        plan.sources,
        load_tokenizer(resolved.folder),
        resolved.identity.tokenizer,
        cache=EncodedCache(),
        folder=tmp_path / "cache" / "encoded",
    )
    whole = [corpus.encoded(task, split, language, plan.digests[key]) for language in languages]
    counted = SplitReader(plan, model).size(key, task, split, languages)
    assert sampled is not None and counted is not None
    assert counted.units == tuple(len(encoded) for encoded in whole)
    assert counted.tokens == pytest.approx(sum(encoded.tokens for encoded in whole) / counted.total)
    assert sampled.total == pytest.approx(counted.total, rel=0.05)
    assert sampled.tokens == pytest.approx(counted.tokens, rel=0.1)
    assert (sampled.basis, counted.basis) == ("counted; tokens of 200 examples", "counted: the encoded store")


def test_split_that_cannot_be_read_has_no_size_here(tmp_path: Path) -> None:
    plan = plan_of(run=tmp_path)
    assert SplitReader(plan, "mini").size("mini_nli/train", "mini_nli", "train", ("en",)) is None
