from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.metrics.spans import f1_of, iob2_spans, official_tag_counts, seqeval_spans, span_counts, span_f1
from training.tasks.xtreme_rows import IOB2, UPOS

GOLDENS = json.loads((Path(__file__).parent / "goldens" / "seqeval_0_0_12.json").read_text())
Sentences = list[list[str]]


def sentences(tags: tuple[str, ...]) -> st.SearchStrategy[Sentences]:
    return st.lists(st.lists(st.sampled_from(tags), max_size=6), max_size=5)


@pytest.mark.parametrize("case", GOLDENS["iob2"] + GOLDENS["upos"])
def test_official_tag_f1_agrees_with_seqeval(case: dict[str, Any]) -> None:
    gold, predicted = ([line.split() for line in case[side]] for side in ("gold", "predicted"))
    assert f1_of(official_tag_counts(predicted, gold)) == pytest.approx(case["f1"])


@pytest.mark.parametrize("case", GOLDENS["iob2"])
def test_span_f1_agrees_with_seqeval_on_iob2(case: dict[str, Any]) -> None:
    gold, predicted = ([line.split() for line in case[side]] for side in ("gold", "predicted"))
    assert span_f1(predicted, gold) == pytest.approx(case["f1"])


@given(tags=st.lists(st.sampled_from(IOB2)))
def test_iob2_spans_are_what_seqeval_finds_and_partition_the_inside(tags: list[str]) -> None:
    spans = iob2_spans(tags)
    assert spans == seqeval_spans(tags)
    covered = sorted(index for _, start, end in spans for index in range(start, end + 1))
    assert covered == [index for index, tag in enumerate(tags) if tag != "O"]


@given(gold=sentences(IOB2))
def test_span_f1_of_gold_is_full_unless_there_are_no_spans(gold: Sentences) -> None:
    assert span_f1(gold, gold) == (100.0 if any(tag != "O" for tags in gold for tag in tags) else 0.0)


@given(data=st.data(), gold=sentences(IOB2))
def test_span_f1_is_symmetric_and_bounded(data: st.DataObject, gold: Sentences) -> None:
    guess = [data.draw(st.lists(st.sampled_from(IOB2), min_size=len(tags), max_size=len(tags))) for tags in gold]
    assert 0.0 <= span_f1(guess, gold) == span_f1(gold, guess) <= 100.0


@given(tags=st.lists(st.sampled_from([tag for tag in UPOS if not tag.startswith("S")])))
def test_bare_tag_spans_are_runs_of_equal_tags(tags: list[str]) -> None:
    runs = sum(index == 0 or tags[index - 1] != tag for index, tag in enumerate(tags))
    assert len(seqeval_spans(tags)) == runs


def test_bare_tags_beginning_with_s_are_spans_of_one_word() -> None:
    assert seqeval_spans(["SYM", "SYM", "NOUN", "NOUN"]) == {("SYM", 0, 0), ("SYM", 1, 1), ("NOUN", 2, 3)}


def test_official_tag_f1_tells_cconj_from_sconj() -> None:
    assert f1_of(official_tag_counts([["CCONJ"]], [["SCONJ"]])) == 0.0


def test_spans_do_not_cross_sentences() -> None:
    assert span_f1([["B-PER"], ["I-PER"]], [["B-PER"], ["B-PER"]]) == 100.0


@pytest.mark.parametrize(
    ("predicted", "gold"), [([["O"]], []), ([["O"]], [["O", "O"]]), ([["O"], ["O", "O"]], [["O", "O"], ["O"]])]
)
def test_f1_of_different_lengths_is_an_error(predicted: Sentences, gold: Sentences) -> None:
    for measure in (span_counts, official_tag_counts):
        with pytest.raises(ValueError, match="differ in number"):
            measure(predicted, gold)
