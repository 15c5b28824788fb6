from __future__ import annotations

import json
from typing import Any

import pytest

from tests.data.conftest import Asked
from training.data.readers import READERS
from training.errors import Faults

HELLASWAG, COPA = READERS["hellaswag_jsonl"], READERS["copa_jsonl"]
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
