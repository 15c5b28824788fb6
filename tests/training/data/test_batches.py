from __future__ import annotations

from itertools import repeat
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.training import toy
from training.data.batches import TokenGold, gold_places, mask_tokens, tag_gold, unit_features, unit_lengths
from training.data.features import IGNORED, Feature


def test_unit_length_is_that_of_its_longest_ending(tokenizer: Any) -> None:
    encoded = toy.encoded(tokenizer, toy.CHOICE, 4)
    rows = [len(feature) for feature in encoded.features]
    assert unit_lengths(encoded) == [max(rows[place : place + 2]) for place in range(0, 8, 2)]


def test_unit_features_keep_the_endings_of_a_choice_together(tokenizer: Any) -> None:
    encoded = toy.encoded(tokenizer, toy.CHOICE, 5)
    found = unit_features(encoded, np.asarray([3, 1]))
    assert [feature.example for feature in found] == [3, 3, 1, 1]


def test_tag_gold_stands_at_first_sub_words_alone(tokenizer: Any) -> None:
    encoded = toy.encoded(tokenizer, toy.TAGS, 6)
    for feature in encoded.features:
        assert feature.positions is not None and feature.tags is not None
        gold = tag_gold(feature)
        assert gold.places.tolist() == feature.positions.tolist() and gold.labels.tolist() == feature.tags.tolist()


def test_tag_gold_leaves_out_words_without_a_tag() -> None:
    ids = np.asarray([0, 7, 8, 9, 2])
    feature = Feature(ids, ids * 0, 0, positions=np.asarray([1, 3]), tags=np.asarray([IGNORED, 2]))
    assert (tag_gold(feature).places.tolist(), tag_gold(feature).labels.tolist()) == ([3], [2])
    assert len(tag_gold(Feature(ids, ids * 0, 0))) == 0


def test_gold_of_several_rows_names_row_and_place() -> None:
    two, one = TokenGold(np.asarray([2, 1]), np.asarray([7, 8])), TokenGold(np.asarray([5]), np.asarray([9]))
    golds = [two, TokenGold(*NOTHING), one]
    rows, places, labels = gold_places(golds)
    assert (rows.tolist(), places.tolist(), labels.tolist()) == ([0, 0, 2], [2, 1, 5], [7, 8, 9])
    assert [len(part) for part in gold_places([])] == [0, 0, 0]


NOTHING = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=6)


def features_of(lengths: list[int]) -> list[Feature]:
    made = []
    for example, length in enumerate(lengths):
        ids = np.asarray([0, *range(5, 5 + length), 2], dtype=np.int32)
        special = np.asarray([1, *[0] * length, 1], dtype=np.int32)
        made.append(Feature(ids, np.zeros_like(ids), example, special=special))
    return made


@given(LENGTHS, st.integers(0, 9))
def test_mask_tokens_never_chooses_special_tokens_and_at_least_one_other(lengths: list[int], seed: int) -> None:
    features = features_of(lengths)
    changed, golds = mask_tokens(features, 4, 60, repeat(np.random.default_rng(seed)))
    for feature, other, gold in zip(features, changed, golds, strict=True):
        chosen = gold.places
        free = len(feature) - 2
        assert len(set(chosen.tolist())) == len(chosen) == max(1, round(0.15 * free))
        assert all(0 < place < len(feature) - 1 for place in chosen)
        assert gold.labels.tolist() == feature.ids[chosen].tolist()
        kept = np.setdiff1d(np.arange(len(feature)), chosen)
        assert other.ids[kept].tolist() == feature.ids[kept].tolist()
        assert feature.ids.tolist() == [0, *range(5, 5 + free), 2]


def test_mask_tokens_masks_and_replaces_in_bert_s_proportions() -> None:
    features = features_of([40] * 400)
    changed, golds = mask_tokens(features, 4, 60, repeat(np.random.default_rng(0)))
    pairs = [
        (int(feature.ids[place]), int(other.ids[place]))
        for feature, other, gold in zip(features, changed, golds, strict=True)
        for place in gold.places
    ]
    share = [sum(new == 4 for _, new in pairs), sum(new == old for old, new in pairs)]
    assert len(pairs) == 2400
    assert abs(share[0] / 2400 - 0.8) < 0.03 and abs(share[1] / 2400 - 0.1) < 0.03


def test_mask_tokens_of_one_feature_do_not_depend_on_its_neighbours() -> None:
    features = features_of([9, 30, 17])

    def masked(part: list[Feature]) -> dict[int, list[int]]:
        own = (np.random.default_rng([feature.example, 1]) for feature in part)
        return {feature.example: feature.ids.tolist() for feature in mask_tokens(part, 4, 60, own)[0]}

    assert masked(features) == masked(features[::-1]) == {**masked(features[:1]), **masked(features[1:])}


def test_mask_tokens_text_of_special_tokens_alone_has_nothing_to_predict() -> None:
    feature = Feature(np.asarray([0, 2]), np.asarray([0, 0]), 0, special=np.asarray([1, 1]))
    (gold,) = mask_tokens([feature], 4, 60, repeat(np.random.default_rng(0)))[1]
    assert len(gold) == 0
