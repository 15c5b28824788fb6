from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from tests.training import toy
from tests.training.scripts import KINDS, WORD, WORDS, tokenizer_of
from training.data.encode import Encoder
from training.data.examples import Answer, Question, Sentences, Tagged
from training.data.features import Feature

MANY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
CONTEXT = st.lists(WORD, min_size=1, max_size=25)


@pytest.fixture(scope="module", params=KINDS)
def tokenizer(request: pytest.FixtureRequest) -> Any:
    return tokenizer_of(request.param)


def visible(tokenizer: Any, word: str) -> bool:
    """Whether a tokenizer makes a token of a word at all."""
    return any(a < b for a, b in tokenizer(word, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"])


def answered(tokenizer: Any, words: list[str], first: int, last: int, max_length: int, stride: int) -> tuple[Question, Any]:
    context = " ".join(words)
    start = len(" ".join(words[:first])) + (first > 0)
    question = Question("q", "?", context, (Answer(" ".join(words[first : last + 1]), start),))
    return question, Encoder(tokenizer, toy.QA, max_length, stride).encode([question]).features


def shown(question: Question, feature: Feature) -> str:
    """The text of a window's label, as an answer is read back from token positions."""
    assert isinstance(feature.label, tuple) and feature.offsets is not None
    first, last = feature.label
    return question.context[int(feature.offsets[first, 0]) : int(feature.offsets[last, 1])].strip()


@MANY
@given(CONTEXT, st.data())
@example(["e\u0301"], None)
def test_answer_in_any_script_comes_back_from_its_tokens_character_for_character(
    tokenizer: Any, words: list[str], data: st.DataObject | None
) -> None:
    first = data.draw(st.integers(0, len(words) - 1)) if data else 0
    last = data.draw(st.integers(first, min(first + 3, len(words) - 1))) if data else 0
    assume(visible(tokenizer, words[first]) and visible(tokenizer, words[last]))
    question, (feature,) = answered(tokenizer, words, first, last, 4096, 0)
    assert feature.label != (0, 0)
    assert shown(question, feature) == question.answers[0].text


@pytest.mark.parametrize("word", WORDS)
def test_answer_of_one_word_beside_others_comes_back_character_for_character(tokenizer: Any, word: str) -> None:
    question, (feature,) = answered(tokenizer, ["cat", word, "漢字", word, "dog"], 1, 1, 4096, 0)
    assert shown(question, feature) == word


@MANY
@given(CONTEXT, st.integers(40, 64), st.integers(8, 14), st.data())
def test_answer_in_a_window_that_holds_it_comes_back_and_is_held_by_one(
    tokenizer: Any, words: list[str], max_length: int, stride: int, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(words) - 1))
    assume(visible(tokenizer, words[place]))
    question, features = answered(tokenizer, words, place, place, max_length, stride)
    held = [feature for feature in features if feature.label != (0, 0)]
    assert all(len(feature) <= max_length for feature in features)
    assert all(shown(question, feature) == words[place] for feature in held)
    size = len(tokenizer(f"漢 {words[place]} 漢", add_special_tokens=False)["input_ids"])
    assert held or size > stride


@MANY
@given(st.lists(CONTEXT, min_size=1, max_size=3), st.integers(8, 40), st.integers(0, 8))
def test_tagged_word_in_any_script_has_one_place_across_windows(
    tokenizer: Any, sentences: list[list[str]], max_length: int, stride: int
) -> None:
    assume(max_length - 4 - 2 * stride >= 1)
    items = [
        Tagged(f"e{n}", tuple(words), tuple(place % 3 for place in range(len(words)))) for n, words in enumerate(sentences)
    ]
    seen = []
    for feature in Encoder(tokenizer, toy.TAGS, max_length, stride).encode(items).features:
        assert feature.words is not None and feature.positions is not None and feature.tags is not None
        assert len(feature) <= max_length and all(0 < place < len(feature) - 1 for place in feature.positions)
        assert feature.tags.tolist() == [word % 3 for word in feature.words.tolist()]
        seen += [(feature.example, word) for word in feature.words.tolist()]
    assert sorted(seen) == [(n, word) for n, words in enumerate(sentences) for word in range(len(words))]


@MANY
@given(CONTEXT, CONTEXT, st.integers(10, 60))
def test_pair_in_any_script_loses_the_end_of_its_longer_text_alone(
    tokenizer: Any, first: list[str], second: list[str], max_length: int
) -> None:
    texts = (" ".join(first), " ".join(second))
    (feature,) = Encoder(tokenizer, toy.NLI, max_length, 0).encode([Sentences("e", *texts, 1)]).features
    whole = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    assume(all(whole))
    room = max_length - tokenizer.num_special_tokens_to_add(pair=True)
    kept = tokenizer(*texts, truncation="longest_first", max_length=max_length)
    parts = [[token for token, part in zip(kept["input_ids"], kept.sequence_ids(), strict=True) if part == n] for n in (0, 1)]
    assert feature.ids.tolist() == kept["input_ids"] and feature.label == 1
    assert len(feature) == min(sum(map(len, whole)), room) + tokenizer.num_special_tokens_to_add(pair=True)
    for part, other, ids in zip(parts, parts[::-1], whole, strict=True):
        assert part == ids[: len(part)]
        assert part == ids or len(part) >= len(other) - 1
    assert [len(part) for part in parts if part not in whole] == [] or sum(map(len, parts)) == room
