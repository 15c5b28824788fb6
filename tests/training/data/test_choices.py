from __future__ import annotations

import json
from typing import Any

import pytest

from tests.training.data.conftest import Asked
from training.data.readers import READERS
from training.errors import Faults

HELLASWAG, COPA, COSMOS = READERS["hellaswag_jsonl"], READERS["copa_jsonl"], READERS["cosmosqa_csv"]
COMMONSENSE, SIQA = READERS["commonsenseqa_jsonl"], READERS["siqa_jsonl"]
ENDINGS = ["one.", "two.", "three.", "four."]


def written(*records: Any) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def clip(**changes: Any) -> dict[str, Any]:
    return {"ctx": "Canoeing: A man paddles. he", "endings": ENDINGS, "label": 2, **changes}


def copa(**changes: Any) -> dict[str, Any]:
    return {"premise": "It rained.", "choice1": "A.", "choice2": "B.", "question": "effect", "label": 1, "idx": 0, **changes}


def test_hellaswag_group_is_the_activity(asked: Asked) -> None:
    original = clip(ctx="A man paddles.", activity_label="Canoeing", source_id="x", label="3")
    first, second, third = HELLASWAG(asked(written(clip(), original, clip(ctx="No activity here")), "hellaswag"))
    assert (first.context, first.label, first.group) == ("Canoeing: A man paddles. he", 2, "Canoeing")
    assert (second.context, second.label, second.group) == ("A man paddles.", 3, "Canoeing")
    assert third.group == ""


def test_hellaswag_line_separators_inside_text_are_kept(asked: Asked) -> None:
    (only,) = HELLASWAG(asked(written(clip(ctx="A\u2028B\u0085C")), "hellaswag"))
    assert only.context == "A\u2028B\u0085C"


def test_hellaswag_test_line_without_label_has_none(asked: Asked) -> None:
    without = clip()
    del without["label"]
    assert HELLASWAG(asked(written(without), "hellaswag", "test"))[0].label is None
    with pytest.raises(Faults, match="a label outside the endings"):
        HELLASWAG(asked(written(without), "hellaswag"))


def test_hellaswag_several_faults_are_reported_at_once(asked: Asked) -> None:
    content = written(
        clip(label=4),
        clip(label=True),
        clip(endings=ENDINGS[:3]),
        clip(endings=[*ENDINGS[:3], ""]),
        clip(ctx=""),
        clip(endings="four"),
        clip(label="\u0662"),
        ["not", "an", "object"],
    )
    with pytest.raises(Faults) as caught:
        HELLASWAG(asked(content + "{broken\n", "hellaswag"))
    assert [fault.cause.split(":")[1] for fault in caught.value.faults] == [str(number) for number in range(1, 10)]


def test_choices_of_a_row_without_labels_must_agree_with_the_first_line(asked: Asked) -> None:
    content = written(clip(endings=ENDINGS[:3]), clip())
    with pytest.raises(Faults, match=":2: 4 endings, not 3"):
        HELLASWAG(asked(content, "mini_hellaswag"))


def test_copa_question_is_visible_in_the_context(asked: Asked) -> None:
    effect, cause = COPA(asked(written(copa(), copa(question="cause", label=0)), "xcopa", "dev", "et"))
    assert effect.context == "It rained. What happened as a result?"
    assert cause.context == "It rained. What was the cause?"
    assert (effect.endings, effect.label, cause.label) == (("A.", "B."), 1, 0)


def test_copa_unknown_question_and_label_are_faults(asked: Asked) -> None:
    with pytest.raises(Faults) as caught:
        COPA(asked(written(copa(question="why"), copa(label=2), copa(choice2=None)), "xcopa"))
    assert [fault.value for fault in caught.value.faults] == ["why", "2", ""]


def test_copa_test_file_with_every_label_0_carries_no_gold(asked: Asked) -> None:
    blank = written(*(copa(label=0) for _ in range(50)))
    assert {example.label for example in COPA(asked(blank, "xcopa", "test", "et"))} == {None}
    assert {example.label for example in COPA(asked(blank, "xcopa", "dev", "et"))} == {0}
    assert {example.label for example in COPA(asked(blank + written(copa()), "xcopa", "test", "et"))} == {0, 1}
    assert {example.label for example in COPA(asked(written(copa(label=0)), "xcopa", "test", "et"))} == {0}


def commonsense(count: int = 5, answer: Any = "B", **changes: Any) -> dict[str, Any]:
    choices = [{"label": letter, "text": f"choice {letter}"} for letter in "ABCDEF"[:count]]
    return {"answerKey": answer, "id": "x", "question": {"stem": "Where?", "choices": choices, **changes}}


def social(answer: Any = "C", key: str = "correct", **changes: Any) -> dict[str, Any]:
    return {"context": "Kai ran.", "question": "Why?", "answerA": "a", "answerB": "b", "answerC": "c", key: answer, **changes}


@pytest.mark.parametrize("count", [3, 5])
def test_commonsenseqa_of_either_version_is_read(asked: Asked, count: int) -> None:
    first, second = COMMONSENSE(asked(written(commonsense(count), commonsense(count, "A")), "commonsenseqa"))
    assert (first.context, first.endings[1], len(first.endings), first.label, second.label) == (
        "Where?",
        "choice B",
        count,
        1,
        0,
    )


def test_commonsenseqa_test_line_without_answer_has_none(asked: Asked) -> None:
    blank = commonsense()
    del blank["answerKey"]
    assert COMMONSENSE(asked(written(blank), "commonsenseqa", "test"))[0].label is None
    with pytest.raises(Faults, match="a label outside the endings"):
        COMMONSENSE(asked(written(blank), "commonsenseqa", "train"))


def test_commonsenseqa_several_faults_are_reported_at_once(asked: Asked) -> None:
    swapped = commonsense()
    swapped["question"]["choices"].reverse()
    content = written(
        commonsense(),
        commonsense(3),
        commonsense(answer="F"),
        swapped,
        commonsense(stem=""),
        commonsense(choices=[1]),
        {"question": 1},
    )
    with pytest.raises(Faults) as caught:
        COMMONSENSE(asked(content, "commonsenseqa"))
    assert [fault.cause.split(":")[1] for fault in caught.value.faults] == ["2", "3", "4", "5", "6", "7"]


@pytest.mark.parametrize("key", ["correct", "label_letter"])
def test_siqa_answer_may_stand_under_either_name(asked: Asked, key: str) -> None:
    (only,) = SIQA(asked(written(social(key=key)), "siqa"))
    assert (only.context, only.endings, only.label, only.group) == ("Kai ran. Why?", ("a", "b", "c"), 2, "Kai ran.")


def test_siqa_faults_are_reported_at_once(asked: Asked) -> None:
    with pytest.raises(Faults) as caught:
        SIQA(asked(written(social("D"), social(None), social(answerB=""), social(["A"])), "siqa"))
    assert len(caught.value.faults) == 4


COSMOS_HEADER = "id,context,question,answer0,answer1,answer2,answer3,label\n"


def test_cosmosqa_quoted_fields_may_hold_commas_and_line_ends(asked: Asked) -> None:
    content = COSMOS_HEADER + 'x,"He ran, then\nslept.",Why?,a,"b ""c""",d,e,1\ny,C,Q,a,b,c,d,0\n'
    first, second = COSMOS(asked(content, "cosmosqa", name="file.csv"))
    assert (first.context, first.endings[1], first.label) == ("He ran, then\nslept. Why?", 'b "c"', 1)
    assert (second.id, second.label) == ("dev-en-1", 0)


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("x,C,Q,a,b,c,d,4", "a label outside the endings"),
        ("x,C,Q,a,b,c,d", "7 columns, not 8"),
        ("x,,Q,a,b,c,d,1", "no text 'context'"),
        ('x,"C"D,Q,a,b,c,d,1', "not csv"),
        ('x,"C,Q,a,b,c,d,1', "not csv"),
    ],
)
def test_cosmosqa_fault_names_its_line(asked: Asked, line: str, cause: str) -> None:
    with pytest.raises(Faults, match=rf"file.csv:3: {cause}"):
        COSMOS(asked(COSMOS_HEADER + f"w,C,Q,a,b,c,d,1\n{line}\n", "cosmosqa", name="file.csv"))


def test_cosmosqa_without_a_column_names_it(asked: Asked) -> None:
    with pytest.raises(Faults, match="no text 'answer3'"):
        COSMOS(asked("id,context,question,answer0,answer1,answer2,label\nw,C,Q,a,b,c,1\n", "cosmosqa", name="file.csv"))


def test_json_line_with_a_key_twice_is_a_fault(asked: Asked) -> None:
    line = json.dumps(copa())[:-1] + ', "label": 0}\n'
    with pytest.raises(Faults, match="the key 'label' twice"):
        COPA(asked(line, "xcopa"))


@pytest.mark.parametrize(
    "line", ["[" * 100_000, '{"label": ' + "9" * 5000 + "}", '{"question": ["cause"]}', '{"question": {}}']
)
def test_json_line_that_breaks_parsers_is_a_fault(asked: Asked, line: str) -> None:
    with pytest.raises(Faults):
        COPA(asked(line + "\n", "xcopa"))
