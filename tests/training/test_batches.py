from __future__ import annotations

from itertools import repeat
from typing import Any

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training import toy
from training.data.batches import collate, epoch_draws, mask_tokens, tag_labels, unit_features, unit_lengths
from training.data.features import IGNORED, Feature
from training.identity import Mixing

SIZES = st.lists(st.integers(1, 60), min_size=1, max_size=4)


@settings(deadline=None)
@given(SIZES, st.integers(1, 16), st.integers(1, 80), st.integers(0, 5), st.integers(0, 3))
def test_epoch_draws_take_each_example_once_up_to_the_cap(
    sizes: list[int], batch: int, cap: int, seed: int, epoch: int
) -> None:
    draws = epoch_draws(sizes, batch, Mixing(cap=cap), seed, epoch)
    for source, size in enumerate(sizes):
        parts = [draw.units.tolist() for draw in draws if draw.source == source]
        taken = [unit for part in parts for unit in part]
        assert len(taken) == len(set(taken)) == min(size, cap)
        assert set(taken) <= set(range(size))
        assert sorted(len(part) for part in parts)[1:] == [batch] * (len(parts) - 1)
        assert all(1 <= len(part) <= batch for part in parts)


@given(SIZES, st.integers(0, 5))
def test_epoch_draws_follow_from_seed_and_epoch_alone(sizes: list[int], seed: int) -> None:
    def order(seed: int, epoch: int) -> list[tuple[int, list[int]]]:
        return [(draw.source, draw.units.tolist()) for draw in epoch_draws(sizes, 4, Mixing(), seed, epoch)]

    assert order(seed, 1) == order(seed, 1)
    if sum(sizes) > 20:
        assert order(seed, 1) != order(seed, 2)
        assert order(seed, 1) != order(seed + 1, 1)


@settings(deadline=None)
@given(
    st.lists(st.lists(st.integers(1, 50), min_size=1, max_size=60), min_size=1, max_size=3),
    st.integers(1, 8),
    st.integers(1, 9),
)
def test_epoch_draws_from_pools_sorted_by_length_take_each_example_once(
    lengths: list[list[int]], batch: int, pool: int
) -> None:
    sizes = [len(part) for part in lengths]
    draws = epoch_draws(sizes, batch, Mixing(), 1, 0, lengths=lengths, pool=pool)
    for source, size in enumerate(sizes):
        taken = sorted(unit for draw in draws if draw.source == source for unit in draw.units.tolist())
        assert taken == list(range(size))
        if pool * batch >= size:
            spans = sorted(sorted(lengths[source][unit] for unit in draw.units) for draw in draws if draw.source == source)
            assert [length for span in spans for length in span] == sorted(lengths[source])


def test_unit_length_is_that_of_its_longest_ending(tokenizer: Any) -> None:
    encoded = toy.encoded(tokenizer, toy.CHOICE, 4)
    rows = [len(feature) for feature in encoded.features]
    assert unit_lengths(encoded) == [max(rows[place : place + 2]) for place in range(0, 8, 2)]


def test_epoch_draws_of_several_tasks_are_shuffled_together() -> None:
    sources = [draw.source for draw in epoch_draws([80, 80], 4, Mixing(), 1, 0)]
    assert sources != sorted(sources)
    assert sources.count(0) == sources.count(1) == 20


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
