from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from training.data.examples import SentenceQuestion
from training.data.loading import DataSource, load
from training.data.passages import read_xquad_r
from training.data.request import ReadRequest
from training.errors import Faults
from training.tasks.retrieval_rows import LAREQA

CONTEXT = "A cat. A dog! A cat."


def paragraph(**changes: Any) -> dict[str, Any]:
    question = {"id": "q1", "question": "Which?", "answers": [{"text": "dog", "answer_start": 9}]}
    return {"context": CONTEXT, "sentence_breaks": [[0, 6], [7, 13], [14, 20]], "qas": [question]} | changes


def asked(root: Path, *paragraphs: Any) -> ReadRequest:
    folder = root / "lareqa" / "xquad-r"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "de.json").write_text(json.dumps({"data": [{"title": "T", "paragraphs": list(paragraphs)}]}))
    return ReadRequest(LAREQA, root, "test", "de")


def answered(text: str, start: int) -> list[dict[str, Any]]:
    return [{"id": "q1", "question": "Which?", "answers": [{"text": text, "answer_start": start}]}]


def test_xquad_r_answer_is_the_sentence_it_begins_in(tmp_path: Path) -> None:
    (question,) = read_xquad_r(asked(tmp_path, paragraph()))
    assert (question.id, question.question, question.context, question.group) == ("q1", "Which?", CONTEXT, "T")
    assert question.sentences == ("A cat.", "A dog!", "A cat.") and question.gold == (1,)


def test_xquad_r_equal_sentences_of_a_passage_all_answer(tmp_path: Path) -> None:
    (question,) = read_xquad_r(asked(tmp_path, paragraph(qas=answered("cat", 16))))
    assert question.gold == (0, 2)


def test_xquad_r_withheld_answer_is_no_gold(tmp_path: Path) -> None:
    assert read_xquad_r(asked(tmp_path, paragraph(qas=answered("", 0))))[0].gold is None


def test_xquad_r_passages_have_names_of_their_own(tmp_path: Path) -> None:
    second = paragraph(qas=[{**paragraph()["qas"][0], "id": "q2"}])
    assert [item.passage for item in read_xquad_r(asked(tmp_path, paragraph(), second))] == ["de-1", "de-2"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sentence_breaks": [[0, 6], [5, 13]]}, r"sentence_breaks\[1\]: not a sentence"),
        ({"sentence_breaks": [[0, 99]]}, "not a sentence of the context"),
        ({"sentence_breaks": [[True, 6]]}, "not a sentence of the context"),
        ({"sentence_breaks": [[0, 6]]}, "an answer outside every sentence"),
        ({"sentence_breaks": None}, "no list 'sentence_breaks'"),
        ({"context": " "}, "no text 'context'"),
        ({"qas": answered("bird", 0)}, "no answer that stands at its answer_start"),
        ({"qas": answered("dog", -1)}, "no answer that stands at its answer_start"),
        ({"qas": [7]}, "no text 'question'"),
        ({"qas": answered("dog", 9) * 2}, r"qas\[1\]: no id of its own"),
    ],
)
def test_xquad_r_faults_name_their_place(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(Faults, match=message) as caught:
        read_xquad_r(asked(tmp_path, paragraph(**changes)))
    assert "de.json:data[0].paragraphs[0]" in str(caught.value)


@pytest.mark.parametrize("content", ["[", "7", '{"data": 1}', "[" * 100_000])
def test_xquad_r_other_content_is_faults(tmp_path: Path, content: str) -> None:
    request = asked(tmp_path)
    request.path().write_text(content)
    with pytest.raises(Faults):
        read_xquad_r(request)


def test_real_xquad_r_has_the_published_counts(real_root: Path) -> None:
    """README of google-research-datasets/lareqa: 1,190 questions a language, 13,014 candidates over the eleven."""
    candidates = {}
    for language in LAREQA.languages:
        questions = load(DataSource(row=LAREQA, root=real_root), "test", language)
        assert len({item.id for item in questions}) == 1190
        passages = {item.passage: item.sentences for item in questions if isinstance(item, SentenceQuestion)}
        assert all(isinstance(item, SentenceQuestion) and item.gold for item in questions)
        candidates[language] = sum(len(sentences) for sentences in passages.values())
    assert candidates == {
        **{"en": 1180, "ar": 1222, "de": 1276, "el": 1234, "es": 1215, "hi": 1244},
        **{"ru": 1219, "th": 852, "tr": 1167, "vi": 1209, "zh": 1196},
    }
    assert sum(candidates.values()) == 13014
