"""Real data of tasks beyond XTREME's first nine, from the folder that SWEEP_DATA names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from training.data.examples import Choices, Sentences, Tagged
from training.data.loading import DataSource, load
from training.data.readers import ReadRequest, remarks
from training.tasks.registry import row


def read(real_root: Path, task: str, split: str, language: str = "en", files: Mapping[str, str] | None = None) -> list[Any]:
    found = replace(row(task), files=files) if files else row(task)
    return list(load(DataSource(row=found, root=real_root), split, language))


@pytest.mark.parametrize(
    ("task", "count", "labels"), [("anli_r1", 1000, None), ("anli_r2", 1000, None), ("anli_r3", 1198, [396, 402, 400])]
)
def test_real_anli_has_known_counts(real_root: Path, task: str, count: int, labels: list[int] | None) -> None:
    pairs = read(real_root, task, "dev")
    assert len(pairs) == count and all(isinstance(pair, Sentences) for pair in pairs)
    found = Counter(pair.label for pair in pairs)
    assert [found[label] for label in range(3)] == labels if labels else len(found) == 3


@pytest.mark.parametrize(("split", "damaged"), [("dev", 83), ("test", 72)])
def test_real_question_pairs_are_balanced_and_their_damage_is_counted(real_root: Path, split: str, damaged: int) -> None:
    pairs = read(real_root, "qqp", split)
    assert Counter(pair.label for pair in pairs) == {0: 5000, 1: 5000}
    assert list(remarks(ReadRequest(row("qqp"), real_root, split, "en")).values()) == [damaged]
    assert not any(pair.first.startswith('"') and pair.first.endswith('""') for pair in pairs)


def test_real_commonsenseqa_1_0_has_three_choices(real_root: Path) -> None:
    for split, count in (("train", 7610), ("dev", 950), ("test", 940)):
        examples = read(real_root, "commonsenseqa", split)
        assert len(examples) == count and {len(example.endings) for example in examples} == {3}
        assert {example.label for example in examples} == ({None} if split == "test" else {0, 1, 2})


def test_real_cosmosqa_has_known_counts(real_root: Path) -> None:
    examples = read(real_root, "cosmosqa", "dev")
    assert Counter(example.label for example in examples) == {0: 744, 1: 729, 2: 761, 3: 751}
    assert all(isinstance(example, Choices) and len(example.endings) == 4 for example in examples)


def test_real_social_iqa_has_known_counts(real_root: Path) -> None:
    files = {"dev": "socialiqa/socialIQa_v1.4_dev.jsonl", "test": "socialiqa/socialIQa_v1.4_tst.jsonl"}
    assert Counter(example.label for example in read(real_root, "siqa", "dev", files=files)) == {0: 643, 1: 654, 2: 657}
    assert len(read(real_root, "siqa", "test", files=files)) == 2224


def test_real_squad_v2_has_questions_without_answers(real_root: Path) -> None:
    questions = read(real_root, "squad_v2", "dev")
    assert len(questions) == 11873 and sum(not question.answers for question in questions) == 5945


def test_real_xcopa_test_files_carry_balanced_gold(real_root: Path) -> None:
    for language in row("xcopa").languages:
        assert Counter(example.label for example in read(real_root, "xcopa", "test", language)) == {0: 250, 1: 250}


def test_real_panx_of_xtreme_r_has_48_languages(real_root: Path) -> None:
    for language in row("panx_xr").languages:
        sentences = read(real_root, "panx_xr", "test", language)
        assert sentences and all(isinstance(sentence, Tagged) and sentence.tags is None for sentence in sentences)


def test_real_xquad_of_xtreme_r_has_romanian(real_root: Path) -> None:
    assert len(read(real_root, "xquad_xr", "test", "ro")) == 1190


def test_real_tatoeba_of_xtreme_r_has_five_more_languages(real_root: Path) -> None:
    for language in ("az", "lt", "pl", "ro", "uk"):
        (bitext,) = read(real_root, "tatoeba_xr", "test", language)
        assert len(bitext.queries) == len(bitext.candidates) == 1000


def test_real_mlqa_has_dev_gold_in_every_language(real_root: Path) -> None:
    """Contexts of each language with questions in another, in the same format as those of one language."""
    for language in row("mlqa").languages:
        other = "de" if language == "en" else "en"
        files = {"dev": f"mlqa/dev-context-{{lang}}-question-{other}.json"}
        assert all(question.answers for question in read(real_root, "mlqa", "dev", language, files))
