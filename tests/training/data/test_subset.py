"""Subsets of a training set: nested, the same for every seed and model, by example, in equal parts of the languages."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training import toy
from training.data.columns import lengths_of
from training.data.features import Encoded
from training.data.joined import join
from training.data.subset import chosen_examples, example_count, example_order, subset
from training.identity import Runtime
from training.models.compact import active_tokens
from training.phase import train_phase

counts_of_languages = st.lists(st.integers(1, 40), min_size=1, max_size=4)


@given(counts_of_languages, st.integers(1, 200))
def test_subset_is_part_of_every_larger_one_and_has_as_many_as_were_asked_for(counts: list[int], examples: int) -> None:
    examples = min(examples, sum(counts))
    small = chosen_examples("nli", counts, examples)
    large = chosen_examples("nli", counts, examples + 7)
    assert sum(map(len, small)) == examples
    for part, more, count in zip(small, large, counts, strict=True):
        assert len(set(part.tolist())) == len(part) and (not len(part) or part.max() < count)
        assert set(part.tolist()) <= set(more.tolist())
        assert all(first < second for first, second in pairwise(part.tolist()))


def test_order_depends_on_the_task_and_keeps_when_examples_are_added() -> None:
    order = example_order("mnli", 1000)
    assert sorted(order.tolist()) == list(range(1000))
    assert [place for place in order.tolist() if place < 400] == example_order("mnli", 400).tolist()
    assert order.tolist() != example_order("qqp", 1000).tolist()
    assert np.corrcoef(order, np.arange(1000))[0, 1] == pytest.approx(0.0, abs=0.1)


def test_order_is_the_one_that_stored_phases_were_trained_with() -> None:
    assert example_order("mnli", 10).tolist() == [2, 6, 8, 3, 1, 9, 4, 5, 7, 0]


@pytest.mark.parametrize("examples", [12, 90])
def test_languages_have_equal_parts_of_the_same_sentences_that_one_language_has(examples: int) -> None:
    several, (alone,) = chosen_examples("xnli_all", [100] * 3, examples), chosen_examples("xnli_all", [100], examples)
    assert [len(part) for part in several] == [examples // 3] * 3
    assert sorted(np.concatenate(several).tolist()) == alone.tolist()


def test_windows_of_one_context_and_endings_of_one_question_stay_together(tokenizer: Any) -> None:
    for row in (toy.QA, toy.CHOICE):
        whole = toy.encoded(tokenizer, row, 20)
        part = subset(whole, 8)
        wanted = set(chosen_examples(row.name, [20], 8)[0].tolist())
        assert {feature.example for feature in part.features} == wanted
        assert len(part.features) == sum(feature.example in wanted for feature in whole.features)
        assert (example_count(part), part.tokens) == (8, int(lengths_of(part.features).sum()))


def test_subset_of_all_or_of_more_is_the_set_itself(tokenizer: Any) -> None:
    whole = toy.encoded(tokenizer, toy.NLI, 9)
    assert all(subset(whole, examples) is whole for examples in (0, 9, 50))


def test_language_that_gets_no_example_is_left_out(tokenizer: Any) -> None:
    parts: list[Encoded] = [toy.encoded(tokenizer, toy.MLM, 6, seed=seed) for seed in range(3)]
    found = subset(join(parts), 2)
    assert (example_count(found), len(found)) == (2, 2)


def test_phase_learns_the_subset_alone_and_only_its_words(toy_folder: Path, tokenizer: Any) -> None:
    whole = toy.encoded(tokenizer, toy.NLI, 40)
    part = subset(whole, 10)
    model, vocabulary = toy.fresh(toy_folder, tokenizer, toy.NLI)
    trained = train_phase(model, toy.phase(toy.NLI, batch=5), [part], vocabulary, Runtime())
    assert (trained.steps, trained.tokens) == (2, part.tokens)
    seen = active_tokens([part], vocabulary.size, [])
    assert seen is not None and set(seen.tolist()) == {int(token) for feature in part.features for token in feature.ids}
