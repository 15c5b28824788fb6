from __future__ import annotations

import string

import pytest

from training.data.named_columns import FIELDS
from training.data.readers import READERS
from training.data.supertags import READER as SUPERTAGS
from training.errors import UserError
from training.metrics.scores import METRICS
from training.tasks.nli_rows import NLI_LABELS
from training.tasks.registry import ROWS, row
from training.tasks.row import Kind, Split, TaskRow

INTERMEDIATE = ("anli_plus", "mnli", "qqp", "squad_v2", "squad_v1", "hellaswag", "ccg", "cosmosqa", "commonsenseqa")
EVERY = pytest.mark.parametrize("found", ROWS.values(), ids=ROWS)


@EVERY
def test_row_names_a_known_reader_and_metric(found: TaskRow) -> None:
    assert ROWS[found.name] is found
    assert (found.reader in READERS) is not bool(found.parts) and found.metric in METRICS


@EVERY
def test_row_files_have_known_splits_and_one_placeholder(found: TaskRow) -> None:
    assert (found.scored_on in found.files) is not bool(found.parts) and set(found.files) <= set(Split)
    for path in found.files.values():
        assert {name for _, name, _, _ in string.Formatter().parse(path) if name} <= {"lang"}
        assert not path.startswith("/") and ".." not in path


@EVERY
def test_row_states_its_languages_labels_and_origin(found: TaskRow) -> None:
    assert found.languages and len(set(found.languages)) == len(found.languages)
    assert bool(found.labels) or found.kind not in (Kind.CLASSIFICATION, Kind.TAGGING) or found.reader == SUPERTAGS
    assert len(set(found.labels)) == len(found.labels)
    assert found.licence and found.source and (found.citation or found.synthetic)
    assert found.encoding.stride < found.encoding.max_length


@EVERY
def test_row_trains_on_a_row_of_its_kind_with_train_data(found: TaskRow) -> None:
    if not found.trained:
        assert not found.train_on and "train" not in found.files
        return
    teacher = row(found.training_row)
    assert "train" in teacher.files or (teacher.parts and all("train" in part.files for part in teacher.parts))
    if found.kind is not Kind.RETRIEVAL:
        assert (teacher.kind, teacher.labels, teacher.head) == (found.kind, found.labels, found.head)
    assert teacher.synthetic == found.synthetic


@EVERY
def test_rows_with_one_head_compute_one_function(found: TaskRow) -> None:
    if found.head:
        assert all(
            (other.kind, other.labels or found.labels) == (found.kind, found.labels or other.labels)
            # A choice's head scores one ending, however many there are.
            or other.kind == found.kind == Kind.CHOICE
            for other in ROWS.values()
            if other.head == found.head
        )


@pytest.mark.parametrize(
    ("task", "count"),
    [
        ("xnli", 15),
        ("pawsx", 7),
        ("udpos", 33),
        ("panx", 40),
        ("xquad", 11),
        ("mlqa", 7),
        ("tydiqa", 9),
        ("tatoeba", 36),
        ("xcopa", 11),
        ("bucc2018", 4),
        ("udpos_xr", 38),
        ("panx_xr", 48),
        ("xquad_xr", 12),
        ("tatoeba_xr", 41),
        ("lareqa", 11),
        ("mewslix", 11),
        ("xnli_all", 15),
        ("squad_v1_translated", 10),
        ("pawsx_translated", 6),
        ("xtreme_mlm", 40),
    ],
)
def test_xtreme_row_has_the_benchmarks_number_of_languages(task: str, count: int) -> None:
    assert len(row(task).languages) == count


def test_targets_with_one_set_of_items_in_every_language_are_the_translated_ones() -> None:
    parallel = {found.name for found in ROWS.values() if found.target and found.parallel}
    translated = {"xnli", "pawsx", "xquad", "xquad_xr", "xcopa", "lareqa"}
    assert {name for name in parallel if not row(name).synthetic} == translated
    made_up = {f"mini_{name}" for name in (*translated, "mlqa", "xcopa_xr")}
    assert {name for name in parallel if row(name).synthetic} == made_up


@pytest.mark.parametrize("name", INTERMEDIATE)
def test_row_of_the_study_is_an_intermediate_task_in_english(name: str) -> None:
    found = row(name)
    assert found.intermediate and found.languages == found.train_languages == ("en",) and found.scored_on == Split.DEV


@EVERY
def test_row_with_training_data_of_its_own_is_an_intermediate_task(found: TaskRow) -> None:
    own = bool(found.parts) or "train" in found.files
    if not found.synthetic:
        assert found.intermediate is (own and found.kind is not Kind.RETRIEVAL)


@EVERY
def test_row_with_other_training_languages_has_a_file_a_language(found: TaskRow) -> None:
    if found.train_languages != ("en",):
        assert set(found.train_languages) <= set(found.languages)
        assert "{lang}" in found.files["train"] or found.synthetic


@EVERY
def test_row_on_the_hub_names_fields_of_its_kind_and_splits_it_has(found: TaskRow) -> None:
    if found.hub:
        assert set(found.hub.columns) <= set(FIELDS[found.kind])
        assert set(found.hub.splits) <= set(found.files)
        assert set(found.hub.label_names.values()) <= {*found.labels, "", *map(str, range(5))}


def test_anli_plus_is_the_sum_of_its_parts() -> None:
    parts = row("anli_plus").parts
    assert [part.name for part in parts] == ["anli_r1", "anli_r2", "anli_r3", "mnli", "snli"]
    assert all(
        (part.kind, part.labels, part.head, part.metric) == (row("mnli").kind, NLI_LABELS, "nli3", "accuracy") for part in parts
    )
    assert row("anli_plus").counts["train"] == sum(part.counts["train"] for part in parts) == 1_104_934


def test_extended_rows_learn_what_xtremes_rows_learn() -> None:
    taught = {name: row(name).train_on for name in ("udpos_xr", "panx_xr", "xquad_xr", "tatoeba_xr", "lareqa")}
    assert taught == {"udpos_xr": "udpos", "panx_xr": "panx", "xquad_xr": "squad_v1", "tatoeba_xr": "", "lareqa": "squad_v1"}


def test_labels_are_the_benchmarks() -> None:
    assert len(row("udpos").labels) == 17 and len(row("panx").labels) == 7
    assert set(row("xnli").labels) == {"contradiction", "entailment", "neutral"}


def test_xcopa_learns_social_iqa_first_with_the_head_of_copa() -> None:
    first, second = row(row("xcopa").train_first), row("xcopa")
    assert first.name == "siqa" and first.head == second.head == "copa" and first.kind == second.kind


def test_row_unknown_name_gives_the_nearest_names() -> None:
    with pytest.raises(UserError, match="no task has this name: 'xqad'") as caught:
        row("xqad")
    assert "xquad" in caught.value.remedy


def test_row_name_like_no_other_gives_all_names() -> None:
    with pytest.raises(UserError) as caught:
        row("###")
    assert all(name in caught.value.remedy for name in ROWS)
