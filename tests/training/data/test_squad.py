from __future__ import annotations

import json
from typing import Any

import pytest

from tests.training.data.conftest import Asked
from training.data.readers import READERS
from training.data.squad import WITHHELD
from training.errors import Faults

READ = READERS["squad_json"]
CONTEXT = "Łódź 🙂 lies in Poland."


def question(name: str = "q1", text: str = "Poland", start: int = 15, **more: Any) -> dict[str, Any]:
    return {"id": name, "question": "Where?", "answers": [{"text": text, "answer_start": start}], **more}


def document(*questions: dict[str, Any], **article: Any) -> str:
    return json.dumps({"version": "1.1", "data": [{"paragraphs": [{"context": CONTEXT, "qas": list(questions)}], **article}]})


def test_squad_answer_at_its_code_point_is_read(asked: Asked) -> None:
    (only,) = READ(asked(document(question(), title="Łódź"), "squad_v1"))
    assert (only.id, only.group, only.answers[0].text, only.answers[0].start) == ("q1", "Łódź", "Poland", 15)


def test_squad_article_without_title_groups_by_context(asked: Asked) -> None:
    (only,) = READ(asked(document(question()), "tydiqa", "train"))
    assert only.group == CONTEXT


def test_squad_answer_elsewhere_is_a_fault_that_says_where_it_stands(asked: Asked) -> None:
    utf16 = len(CONTEXT[:15].encode("utf-16-le")) // 2
    with pytest.raises(Faults, match=rf"data\[0\].paragraphs\[0\].qas\[0\].answers\[0\]: .* not stand at {utf16}") as caught:
        READ(asked(document(question(start=utf16)), "squad_v1"))
    assert "15" in caught.value.faults[0].remedy


def test_squad_second_answer_is_checked_too(asked: Asked) -> None:
    two = question()
    two["answers"].append({"text": "Warsaw", "answer_start": 0})
    with pytest.raises(Faults, match=r"answers\[1\]"):
        READ(asked(document(two), "squad_v1"))


def test_squad_negative_start_is_a_fault(asked: Asked) -> None:
    with pytest.raises(Faults, match="not stand at -7"):
        READ(asked(document(question(start=-7)), "squad_v1"))


def test_squad_repeated_id_is_a_fault_in_dev_and_renamed_in_train(asked: Asked) -> None:
    with pytest.raises(Faults, match="an id that is used before"):
        READ(asked(document(question(), question()), "squad_v1"))
    assert [item.id for item in READ(asked(document(question(), question()), "squad_v1", "train"))] == ["q1", "q1#2"]


def test_squad_impossible_question_has_no_answers(asked: Asked) -> None:
    (only,) = READ(asked(document({"id": "q", "question": "Who?", "answers": [], "is_impossible": True}), "squad_v1"))
    assert only.answers == ()


def test_squad_withheld_gold_is_known_in_test_and_a_fault_elsewhere(asked: Asked) -> None:
    blank = document(question(text="", start=0))
    assert READ(asked(blank, "tydiqa", "test", "fi"))[0].answers == WITHHELD
    with pytest.raises(Faults, match="an empty answer"):
        READ(asked(blank, "tydiqa", "train"))


def test_squad_several_faults_are_reported_at_once(asked: Asked) -> None:
    broken = document(
        question("a", start=3),
        {"id": "b", "question": " ", "answers": []},
        {"id": "c", "question": "Who?", "answers": []},
        {"id": "d", "question": "Who?"},
        {"question": "Who?", "answers": [{"text": "Poland", "answer_start": "15"}]},
        question("e", text="\ud800"),
    )
    with pytest.raises(Faults) as caught:
        READ(asked(broken, "squad_v1"))
    text = str(caught.value)
    for part in (
        "not stand at 3",
        "no text 'question'",
        "no answers",
        "no list 'answers'",
        "no id",
        "no text with an answer_start",
    ):
        assert part in text
    assert len(caught.value.faults) == 7


@pytest.mark.parametrize(
    "content", ["[]", "{}", '{"data": 3}', '{"data": [1]}', '{"data": [{"paragraphs": [{"qas": []}]}]}', "{"]
)
def test_squad_other_json_is_faulty_not_a_crash(asked: Asked, content: str) -> None:
    with pytest.raises(Faults):
        READ(asked(content, "squad_v1"))
