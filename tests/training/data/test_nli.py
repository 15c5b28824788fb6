from __future__ import annotations

import json
from typing import Any

import pytest

from tests.training.data.conftest import Asked
from training.data.readers import READERS, remarks
from training.errors import Faults
from training.tasks.registry import row

ANLI, SNLI, PAIRS = READERS["anli_jsonl"], READERS["snli_jsonl"], READERS["sentence_pair_tsv"]


def written(*records: Any) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def snli(gold: Any = "neutral", first: Any = "A man sleeps.", second: Any = "He dreams.") -> dict[str, Any]:
    return {"gold_label": gold, "sentence1": first, "sentence2": second, "annotator_labels": ["neutral"], "pairID": "1"}


def anli(label: Any = "e", **changes: Any) -> dict[str, Any]:
    return {"uid": "u", "context": "Rome is in Italy.", "hypothesis": "Rome is a city.", "label": label, **changes}


def names(task: str, examples: Any) -> list[str]:
    return [row(task).labels[example.label] for example in examples]


def test_anli_letters_are_the_tasks_labels(asked: Asked) -> None:
    found = ANLI(asked(written(anli("e"), anli("n"), anli("c")), "anli_r2"))
    assert names("anli_r2", found) == ["entailment", "neutral", "contradiction"]
    assert (found[0].first, found[0].second, found[0].group) == ("Rome is in Italy.", "Rome is a city.", "Rome is in Italy.")


def test_anli_several_faults_are_reported_at_once(asked: Asked) -> None:
    content = written(anli("x"), anli(["e"]), anli(context=""), anli(hypothesis=None), [anli()])
    with pytest.raises(Faults) as caught:
        ANLI(asked(content, "anli_r1"))
    assert [fault.cause.split(":")[1] for fault in caught.value.faults] == ["1", "2", "3", "4", "5"]


def test_snli_lines_without_a_majority_are_left_out_and_counted(asked: Asked) -> None:
    request = asked(written(snli(), snli("-"), snli("entailment"), snli("-")), "snli")
    found = SNLI(request)
    assert names("snli", found) == ["neutral", "entailment"]
    assert [example.id for example in found] == ["dev-en-0", "dev-en-2"]
    assert list(remarks(request).values()) == [2]


def test_snli_without_undecided_lines_has_no_remarks(asked: Asked) -> None:
    assert remarks(asked(written(snli()), "snli")) == {}


def test_snli_other_labels_are_faults(asked: Asked) -> None:
    with pytest.raises(Faults) as caught:
        SNLI(asked(written(snli(""), snli(None), snli("Neutral"), snli(second=" ")), "snli"))
    assert len(caught.value.faults) == 4


def test_pairs_of_xnlis_machine_translations_have_a_header_and_no_quoting(asked: Asked) -> None:
    content = 'premise\thypo\tlabel\n"wörtlich"\tб\tcontradictory\n'
    (only,) = PAIRS(asked(content, "xnli_all", "train", "de"))
    assert (only.first, only.second, row("xnli_all").labels[only.label]) == ('"wörtlich"', "б", "contradiction")
    assert only.id == "train-de-1"


def test_pairs_of_first_published_pawsx_have_an_id_column(asked: Asked) -> None:
    content = "id\tsentence1\tsentence2\tlabel\n1\teins\tzwei\t0\n2\tdrei\tvier\t1\n"
    assert [(pair.first, pair.label) for pair in PAIRS(asked(content, "pawsx_translated", "train", "de"))] == [
        ("eins", 0),
        ("drei", 1),
    ]
    with pytest.raises(Faults, match=":3: 3 columns, not 4"):
        PAIRS(asked(content.replace("2\tdrei", "drei"), "pawsx_translated", "train", "de"))


def test_pairs_header_alone_is_faulty(asked: Asked) -> None:
    with pytest.raises(Faults, match="no examples"):
        PAIRS(asked("premise\thypo\tlabel\n", "xnli_all", "train", "de"))
