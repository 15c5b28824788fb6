from __future__ import annotations

import string

import pytest

from training.data.readers import READERS
from training.errors import UserError
from training.metrics.scores import METRICS
from training.tasks.registry import ROWS, row
from training.tasks.row import Kind, Split, TaskRow
from training.world.languages import LANGUAGES

EVERY = pytest.mark.parametrize("found", ROWS.values(), ids=ROWS)


@EVERY
def test_row_names_a_known_reader_and_metric(found: TaskRow) -> None:
    assert ROWS[found.name] is found
    assert found.reader in READERS and found.metric in METRICS


@EVERY
def test_row_files_have_known_splits_and_one_placeholder(found: TaskRow) -> None:
    assert found.scored_on in found.files and set(found.files) <= set(Split)
    for path in found.files.values():
        assert {name for _, name, _, _ in string.Formatter().parse(path) if name} <= {"lang"}
        assert not path.startswith("/") and ".." not in path


@EVERY
def test_row_states_its_languages_labels_and_origin(found: TaskRow) -> None:
    assert found.languages and len(set(found.languages)) == len(found.languages)
    assert bool(found.labels) or found.kind not in (Kind.CLASSIFICATION, Kind.TAGGING)
    assert len(set(found.labels)) == len(found.labels)
    assert found.licence and found.source and (found.citation or found.synthetic)
    assert found.encoding.stride < found.encoding.max_length


@EVERY
def test_row_trains_on_a_row_of_its_kind_with_train_data(found: TaskRow) -> None:
    if not found.trained:
        assert not found.train_on and "train" not in found.files
        return
    teacher = row(found.training_row)
    assert "train" in teacher.files and "en" in (*teacher.languages, "en")
    assert (teacher.kind, teacher.labels, teacher.head) == (found.kind, found.labels, found.head)
    assert teacher.synthetic == found.synthetic


@EVERY
def test_rows_with_one_head_compute_one_function(found: TaskRow) -> None:
    if found.head:
        assert all(
            (other.kind, other.labels or found.labels) == (found.kind, found.labels or other.labels)
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
    ],
)
def test_xtreme_row_has_the_benchmarks_number_of_languages(task: str, count: int) -> None:
    assert len(row(task).languages) == count


def test_labels_are_the_benchmarks() -> None:
    assert len(row("udpos").labels) == 17 and len(row("panx").labels) == 7
    assert set(row("xnli").labels) == {"contradiction", "entailment", "neutral"}


def test_mini_rows_cover_the_mini_world() -> None:
    mini = [found for found in ROWS.values() if found.synthetic]
    assert {found.name for found in mini} == {
        f"mini_{name}" for name in ("mlm", "nli", "hellaswag", "squad", "xnli", "xcopa", "udpos", "panx", "xquad", "tatoeba")
    }
    assert all(found.languages in (LANGUAGES, LANGUAGES[1:], ("en",)) for found in mini)
    assert row("mini_xquad").train_on == "mini_squad" and row("mini_xnli").train_on == "mini_nli"


def test_row_unknown_name_gives_the_nearest_names() -> None:
    with pytest.raises(UserError, match="no task has this name: 'xqad'") as caught:
        row("xqad")
    assert "xquad" in caught.value.remedy


def test_row_name_like_no_other_gives_all_names() -> None:
    with pytest.raises(UserError) as caught:
        row("###")
    assert all(name in caught.value.remedy for name in ROWS)
