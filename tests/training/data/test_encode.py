from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.training import toy
from training.data.encode import Encoder
from training.data.examples import Answer, Choices, Question, Sentences, Tagged, Text
from training.data.windows import first_subwords, span_positions
from training.errors import DataError

FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
INVISIBLE = ("\u200b\u0007", "\u0000", "\u0007")
WORDS = st.one_of(
    st.sampled_from(toy.WORDS),
    st.text(alphabet="abcxyz", min_size=1, max_size=14),
    st.sampled_from([*INVISIBLE, "\u0007cat", "cat\u0007", "a\u00a0b", "漢字", "<s>", "</s>", "x-y.z", "..."]),
)


@pytest.fixture(scope="module", params=["wordpiece", "unigram"])
def any_tokenizer(request: pytest.FixtureRequest, tokenizer: Any) -> Any:
    """A tokenizer that drops white space, and one that keeps it in its pieces."""
    return tokenizer if request.param == "wordpiece" else toy.unigram_tokenizer()


def encoder(tokenizer: Any, row: Any, max_length: int = 32, stride: int = 0) -> Encoder:
    return Encoder(tokenizer, row, max_length, stride)


@FEW
@given(st.lists(st.lists(WORDS, min_size=1, max_size=40), min_size=1, max_size=3), st.integers(6, 24), st.integers(0, 6))
@example([["\u0007cat", "dog"]], 8, 0)
@example([["abcabcabcabcab", "cat"] * 4], 8, 0)
@example([["abcabcabcabcab", "cat"] * 4], 14, 3)
def test_tagging_any_sentence_and_window_gives_each_word_one_place(
    any_tokenizer: Any, sentences: list[list[str]], max_length: int, stride: int
) -> None:
    if min((max_length - 4) // 2, max_length - 4 - 2 * stride) < 1:
        return
    items = [Tagged(f"e{n}", tuple(words), tuple(i % 3 for i in range(len(words)))) for n, words in enumerate(sentences)]
    found = encoder(any_tokenizer, toy.TAGS, max_length, stride).encode(items)
    seen: list[tuple[int, int]] = []
    for feature in found.features:
        assert len(feature) <= max_length
        assert feature.positions is not None and feature.words is not None and feature.tags is not None
        assert all(0 < position < len(feature) - 1 for position in feature.positions)
        assert feature.tags.tolist() == [items[feature.example].tags[word] for word in feature.words]
        seen += [(feature.example, int(word)) for word in feature.words]
    assert sorted(seen) == [(n, word) for n, words in enumerate(sentences) for word in range(len(words))]


@FEW
@given(st.lists(st.sampled_from([*toy.WORDS, "abcab", "xyzxyzx"]), min_size=1, max_size=40), st.integers(0, 3))
@example([*["cat"] * 11, "abcab", "dog"], 0)
def test_tagging_places_are_those_of_the_first_sub_words(tokenizer: Any, words: list[str], stride: int) -> None:
    found = encoder(tokenizer, toy.TAGS, 14, stride).encode([Tagged("e", tuple(words), None)])
    first = [tokenizer(word, add_special_tokens=False)["input_ids"][0] for word in words]
    for feature in found.features:
        assert feature.tags is None and feature.positions is not None and feature.words is not None
        assert feature.ids[feature.positions].tolist() == [first[word] for word in feature.words]


def test_tagging_long_sentence_keeps_every_token(tokenizer: Any) -> None:
    words = ("abcabc", "cat", "zyx") * 9
    found = encoder(tokenizer, toy.TAGS, 12, 0).encode([Tagged("e", words, None)])
    ids = [int(i) for feature in found.features for i in feature.ids[1:-1]]
    assert ids == [i for word in words for i in tokenizer(word, add_special_tokens=False)["input_ids"]]


def test_tagging_word_in_two_windows_is_predicted_where_it_stands_farther_from_an_edge(tokenizer: Any) -> None:
    found = encoder(tokenizer, toy.TAGS, 14, 4).encode([Tagged("e", ("cat", "dog") * 10, None)])
    assert [feature.words.tolist() for feature in found.features] == [
        list(range(10)),
        list(range(10, 20)),
    ]


def test_tagging_word_that_tokenises_to_nothing_becomes_the_unknown_token(tokenizer: Any) -> None:
    (feature,) = encoder(tokenizer, toy.TAGS).encode([Tagged("e", ("\u0007", "cat"), (1, 2))]).features
    assert feature.ids.tolist() == [0, tokenizer.unk_token_id, tokenizer.convert_tokens_to_ids("cat"), 2]
    assert feature.positions is not None and feature.positions.tolist() == [1, 2]


def test_first_subwords_stand_where_the_word_changes() -> None:
    places, numbers = first_subwords([None, 3, 3, 4, 5, 5, None])
    assert (places.tolist(), numbers.tolist()) == ([1, 3, 4], [3, 4, 5])


CONTEXT = st.lists(st.sampled_from([*toy.WORDS, "abcab", "xyzxyzx", "cat.", "a-b"]), min_size=1, max_size=60)


@FEW
@given(CONTEXT, st.integers(20, 40), st.integers(0, 7), st.data())
def test_span_answer_inside_a_window_is_found_again_and_marked_absent_elsewhere(
    any_tokenizer: Any, words: list[str], max_length: int, stride: int, data: st.DataObject
) -> None:
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first, min(first + 4, len(words) - 1)))
    context = " ".join(words)
    start = len(" ".join(words[:first])) + (first > 0)
    text = " ".join(words[first : last + 1])
    found = encoder(any_tokenizer, toy.QA, max_length, stride).encode([Question("q", "who ?", context, (Answer(text, start),))])
    holding = 0
    for feature in found.features:
        assert feature.offsets is not None and isinstance(feature.label, tuple) and len(feature) <= max_length
        shown = feature.offsets[feature.offsets[:, 0] >= 0]
        whole = shown[0, 0] <= start and shown[-1, 1] >= start + len(text)
        holding += whole
        one, other = feature.label
        if whole:
            assert context[feature.offsets[one, 0] : feature.offsets[other, 1]].strip() == text
        else:
            assert feature.label == (0, 0)
    tokens = len(any_tokenizer(text, add_special_tokens=False)["input_ids"])
    assert holding or tokens > stride


@FEW
@given(CONTEXT, st.integers(20, 40), st.integers(0, 7))
def test_span_windows_cover_the_whole_context(any_tokenizer: Any, words: list[str], max_length: int, stride: int) -> None:
    context = " ".join(words)
    found = encoder(any_tokenizer, toy.QA, max_length, stride).encode([Question("q", "who ?", context, ())])
    shown = {place for feature in found.features for a, b in feature.offsets.tolist() if a >= 0 for place in range(a, b)}
    assert shown >= {place for place, letter in enumerate(context) if letter != " "}
    assert all(feature.label == (0, 0) for feature in found.features)


def test_span_answer_with_white_space_around_it_is_found_without(tokenizer: Any) -> None:
    question = Question("q", "who ?", " the cat sleeps ", (Answer(" the cat", 0),))
    (feature,) = encoder(tokenizer, toy.QA).encode([question]).features
    assert feature.offsets is not None and isinstance(feature.label, tuple)
    assert question.context[feature.offsets[feature.label[0], 0] : feature.offsets[feature.label[1], 1]] == "the cat"


def test_span_question_longer_than_the_window_leaves_room_for_the_context(tokenizer: Any) -> None:
    question = Question("q", "who eats " * 50, "the cat sleeps " * 10, (Answer("cat", 4),))
    found = encoder(tokenizer, toy.QA, 32, 8).encode([question])
    assert all(len(feature) <= 32 for feature in found.features)
    shown = {tuple(pair) for feature in found.features for pair in feature.offsets.tolist()} - {(-1, -1)}
    assert len(shown) == 30
    assert found.features[0].label != (0, 0)


def test_span_positions_window_without_context_holds_no_answer() -> None:
    assert span_positions(np.full((4, 2), -1, dtype=np.int32), 0, 3) == (0, 0)


def test_encoder_overlap_longer_than_half_a_window_is_refused(tokenizer: Any) -> None:
    with pytest.raises(DataError, match="too short for their overlap"):
        encoder(tokenizer, toy.QA, 32, 16)


def test_choice_long_context_loses_its_beginning_and_endings_stay_whole(tokenizer: Any) -> None:
    endings = ("the dog runs in the field", "a bird")
    found = encoder(tokenizer, toy.CHOICE, 20).encode([Choices("e", "the cat " * 20 + "sleeps", endings, 1)])
    assert found.group == 2 and len(found) == 1
    for feature, ending in zip(found.features, endings, strict=True):
        tokens = tokenizer.convert_ids_to_tokens(feature.ids.tolist())
        assert len(tokens) == 20
        first, second = " ".join(tokens).removeprefix("<s> ").removesuffix(" </s>").split(" </s> </s> ")
        assert second == ending
        assert first.endswith("the cat sleeps") and first.count("cat") < 8
    assert [feature.label for feature in found.features] == [1, 1]
    assert tokenizer.truncation_side == "right"


def test_choice_ending_longer_than_its_context_stays_whole(tokenizer: Any) -> None:
    ending = "the dog runs in the field no a bird"
    found = encoder(tokenizer, toy.CHOICE, 20).encode([Choices("e", "the cat " * 20, (ending, "no"), 0)])
    tokens = tokenizer.convert_ids_to_tokens(found.features[0].ids.tolist())
    assert " ".join(tokens).endswith(f"</s> </s> {ending} </s>") and len(tokens) == 20


def test_choice_ending_longer_than_the_window_is_cut_to_it(tokenizer: Any) -> None:
    found = encoder(tokenizer, toy.CHOICE, 16).encode([Choices("e", "the cat", ("dog " * 40, "no"), 0)])
    assert [len(feature) for feature in found.features] == [16, 7]


def test_choice_examples_with_other_numbers_of_endings_are_refused(tokenizer: Any) -> None:
    items = [Choices("a", "c", ("x", "y"), 0), Choices("b", "c", ("x", "y", "z"), 0)]
    with pytest.raises(DataError, match="number of endings"):
        encoder(tokenizer, toy.CHOICE).encode(items)


def test_classification_pair_has_both_texts_and_the_longer_gives_way(tokenizer: Any) -> None:
    found = encoder(tokenizer, toy.NLI, 16).encode(
        [Sentences("a", "the cat " * 20, "yes dog", 1), Sentences("b", "no", "a", 0)]
    )
    tokens = [" ".join(tokenizer.convert_ids_to_tokens(feature.ids.tolist())) for feature in found.features]
    assert tokens[0].startswith("<s> the cat the") and tokens[0].endswith("</s> </s> yes dog </s>")
    assert tokens[1] == "<s> no </s> </s> a </s>"
    assert [feature.label for feature in found.features] == [1, 0]
    assert [len(feature) for feature in found.features] == [16, 6]


def test_classification_features_do_not_depend_on_their_neighbours(tokenizer: Any) -> None:
    single, pair = Sentences("a", "the cat", "", 0), Sentences("b", "the cat", "no", 1)
    alone = encoder(tokenizer, toy.NLI).encode([single]).features[0]
    beside = encoder(tokenizer, toy.NLI).encode([pair, single]).features
    assert beside[1].ids.tolist() == alone.ids.tolist() and beside[1].example == 1


def test_mlm_pairs_and_single_texts_keep_their_order_and_mark_special_tokens(tokenizer: Any) -> None:
    items = [Text("a", "the cat", "no dog"), Text("b", "a bird"), Text("c", "in", "a")]
    found = encoder(tokenizer, toy.MLM).encode(items)
    assert [" ".join(tokenizer.convert_ids_to_tokens(feature.ids.tolist())) for feature in found.features] == [
        "<s> the cat </s> </s> no dog </s>",
        "<s> a bird </s>",
        "<s> in </s> </s> a </s>",
    ]
    assert found.features[0].special is not None and found.features[0].special.tolist() == [1, 0, 0, 1, 1, 0, 0, 1]
    assert [feature.example for feature in found.features] == [0, 1, 2]


def test_encode_counts_real_tokens(tokenizer: Any) -> None:
    found = encoder(tokenizer, toy.MLM).encode([Text("a", "the cat"), Text("b", "a")])
    assert (found.tokens, len(found)) == (7, 2)


def test_encode_tokenizer_that_truncates_on_the_left_is_turned_round(toy_folder: Path, tmp_path: Path) -> None:
    from training.models.backbone import load_tokenizer

    for name in ("tokenizer.json", "tokenizer_config.json"):
        text = (toy_folder / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace("{", '{"truncation_side": "left",', 1) if "config" in name else text)
    (tmp_path / "config.json").write_bytes((toy_folder / "config.json").read_bytes())
    (feature,) = Encoder(load_tokenizer(tmp_path), toy.MLM, 6, 0).encode([Text("a", "cat dog bird fish horse no")]).features
    assert feature.ids[1] == load_tokenizer(tmp_path).convert_tokens_to_ids("cat")
