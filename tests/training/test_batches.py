from __future__ import annotations

from itertools import repeat
from typing import Any

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training import toy
from training.data.batches import collate, mask_tokens, tag_labels, unit_features, unit_lengths
from training.data.features import IGNORED, Feature


def test_unit_length_is_that_of_its_longest_ending(tokenizer: Any) -> None:
    encoded = toy.encoded(tokenizer, toy.CHOICE, 4)
    rows = [len(feature) for feature in encoded.features]
    assert unit_lengths(encoded) == [max(rows[place : place + 2]) for place in range(0, 8, 2)]


def test_unit_features_keep_the_endings_of_a_choice_together(tokenizer: Any) -> None:
    encoded = toy.encoded(tokenizer, toy.CHOICE, 5)
    found = unit_features(encoded, np.asarray([3, 1]))
    assert [feature.example for feature in found] == [3, 3, 1, 1]


def test_collate_pads_to_the_longest_and_masks_the_padding(tokenizer: Any) -> None:
    features = [Feature(np.asarray([0, 7, 2]), np.asarray([0, 0, 1]), 0), Feature(np.asarray([0, 2]), np.asarray([0, 0]), 1)]
    found = collate(features, 1, torch.device("cpu"), types=True)
    assert found["input_ids"].tolist() == [[0, 7, 2], [0, 2, 1]]
    assert found["attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]
    assert found["token_type_ids"].tolist() == [[0, 0, 1], [0, 0, 0]]
    assert "token_type_ids" not in collate(features, 1, torch.device("cpu"), types=False)


def test_tag_labels_stand_at_first_sub_words_alone(tokenizer: Any) -> None:
    encoded = toy.encoded(tokenizer, toy.TAGS, 6)
    labels = tag_labels(encoded.features)
    for row, feature in zip(labels, encoded.features, strict=True):
        assert feature.positions is not None and feature.tags is not None
        assert row[feature.positions].tolist() == feature.tags.tolist()
        assert int((row != IGNORED).sum()) == len(feature.tags)


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
    changed, labels = mask_tokens(features, 4, 60, repeat(np.random.default_rng(seed)))
    assert labels.shape == (len(lengths), max(lengths) + 2)
    for feature, other, row in zip(features, changed, labels, strict=True):
        chosen = np.flatnonzero(row.numpy() != IGNORED)
        free = len(feature) - 2
        assert len(chosen) == max(1, round(0.15 * free))
        assert all(0 < place < len(feature) - 1 for place in chosen)
        assert row[chosen].tolist() == feature.ids[chosen].tolist()
        kept = np.setdiff1d(np.arange(len(feature)), chosen)
        assert other.ids[kept].tolist() == feature.ids[kept].tolist()
        assert feature.ids.tolist() == [0, *range(5, 5 + free), 2]


def test_mask_tokens_masks_and_replaces_in_bert_s_proportions() -> None:
    features = features_of([40] * 400)
    changed, labels = mask_tokens(features, 4, 60, repeat(np.random.default_rng(0)))
    pairs = [
        (int(feature.ids[place]), int(other.ids[place]))
        for feature, other, row in zip(features, changed, labels, strict=True)
        for place in np.flatnonzero(row.numpy() != IGNORED)
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
    assert (mask_tokens([feature], 4, 60, repeat(np.random.default_rng(0)))[1] == IGNORED).all()
