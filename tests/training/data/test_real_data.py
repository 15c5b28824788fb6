"""Counts of the real data sets, read from the folder that SWEEP_DATA names (see docs on data layout)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from training.data.examples import Bitext, Question, Sentences, Tagged
from training.data.loading import DataSource, load
from training.tasks.registry import row

TINY_PANX = {"jv": 100, "my": 100, "yo": 100} | dict.fromkeys("af bn hi kk ml mr ms sw ta te tl ur".split(), 1000)


def source(real_root: Path, task: str, files: Mapping[str, str] | None = None) -> DataSource:
    found = row(task)
    return DataSource(row=replace(found, files=files) if files else found, root=real_root)


@pytest.mark.parametrize(
    ("task", "split", "count"), [("xnli", "dev", 2490), ("xnli", "test", 5010), ("pawsx", "dev", 2000), ("pawsx", "test", 2000)]
)
def test_real_pairs_have_known_counts_in_every_language(real_root: Path, task: str, split: str, count: int) -> None:
    for language in row(task).languages:
        pairs = load(source(real_root, task), split, language)
        assert len(pairs) == count, language
        blank = {pair.label is None for pair in pairs if isinstance(pair, Sentences)}
        assert blank == {split == "test"}


def test_real_xnli_labels_are_balanced(real_root: Path) -> None:
    labels = [pair.label for pair in load(source(real_root, "xnli"), "dev", "sw") if isinstance(pair, Sentences)]
    assert [labels.count(label) for label in range(3)] == [830, 830, 830]


def test_real_pawsx_quoting_is_undone(real_root: Path) -> None:
    for language in row("pawsx").languages:
        for pair in load(source(real_root, "pawsx"), "dev", language):
            assert isinstance(pair, Sentences) and '""' not in pair.first + pair.second


@pytest.mark.parametrize(
    ("task", "split", "count"), [("panx", "train", 20000), ("udpos", "train", 21253), ("udpos", "test", 5440)]
)
def test_real_tagged_english_has_known_counts(real_root: Path, task: str, split: str, count: int) -> None:
    assert len(load(source(real_root, task), split, "en")) == count


def test_real_panx_test_is_blank_with_known_counts(real_root: Path) -> None:
    for language in ("af", "de", "my", "th", "zh"):
        sentences = load(source(real_root, "panx"), "test", language)
        assert len(sentences) == TINY_PANX.get(language, 10000)
        assert all(isinstance(sentence, Tagged) and sentence.tags is None for sentence in sentences)


def test_real_xquad_has_gold_in_every_language(real_root: Path) -> None:
    for language in row("xquad").languages:
        questions = load(source(real_root, "xquad"), "test", language)
        assert len(questions) == 1190
        assert all(isinstance(question, Question) and question.answers for question in questions)


def test_real_squad_and_xquad_do_not_overlap_once_taken_apart(real_root: Path) -> None:
    whole = {item.id for item in load(source(real_root, "squad_v1"), "dev", "en")}
    rest = {item.id for item in load(source(real_root, "squad_v1", {"dev": "squad/dev-v1.1-minus-xquad.json"}), "dev", "en")}
    xquad = {item.id for item in load(source(real_root, "xquad"), "test", "th")}
    assert (len(whole), len(rest), len(xquad)) == (10570, 9380, 1190)
    assert whole == rest | xquad and not rest & xquad


def test_real_squad_v2_has_questions_without_answers(real_root: Path) -> None:
    questions = load(source(real_root, "squad_v1", {"dev": "squad/dev-v2.0.json"}), "dev", "en")
    assert len(questions) == 11873
    assert sum(isinstance(question, Question) and not question.answers for question in questions) == 5945


def test_real_tydiqa_dev_is_carved_from_a_train_file_with_repeated_ids(real_root: Path) -> None:
    files = {"train": "tydiqa/tydiqa.goldp.{lang}.train.json", "test": "tydiqa/tydiqa.goldp.{lang}.dev.blank.json"}
    carved = replace(source(real_root, "tydiqa", files), carve_dev=0.1)
    train, dev = load(carved, "train", "en"), load(carved, "dev", "en")
    assert len(train) + len(dev) == 3696 == len({item.id for item in [*train, *dev]})
    assert 300 < len(dev) < 440
    assert len(load(carved, "test", "ru")) == 812


def test_real_hellaswag_carves_by_activity(real_root: Path) -> None:
    whole = source(real_root, "hellaswag", {"train": "hellaswag/hellaswag_val.from_txt.jsonl"})
    examples = load(whole, "train", "en")
    assert len(examples) == 10042 and len({example.group for example in examples}) == 192


def test_real_xcopa_has_known_counts(real_root: Path) -> None:
    assert len(load(source(real_root, "xcopa"), "train", "en")) == 400
    assert len(load(source(real_root, "xcopa"), "dev", "en")) == 100
    assert [len(load(source(real_root, "xcopa"), "test", language)) for language in ("et", "qu", "zh")] == [500, 500, 500]


def test_real_tatoeba_has_known_counts_and_gold(real_root: Path) -> None:
    short = {"jv": 205, "te": 234, "ta": 307, "sw": 390, "th": 548, "kk": 575, "ml": 687, "ka": 746}
    for language in row("tatoeba").languages:
        (bitext,) = load(source(real_root, "tatoeba"), "test", language)
        assert isinstance(bitext, Bitext)
        assert len(bitext.queries) == len(bitext.candidates) == short.get(language, 1000)
        if language in ("de", "fr", "sw", "th"):
            assert bitext.gold is not None and sorted(bitext.gold) == list(range(len(bitext.queries)))
