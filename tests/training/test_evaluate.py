from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.training import toy
from training.data.corpus import Corpus, EncodedCache
from training.data.features import Encoded, Feature
from training.data.loading import DataSource
from training.errors import DataError
from training.evaluate import MAX_ANSWER_TOKENS, Evaluator, best_spans
from training.identity import EvaluationIdentity, Runtime
from training.models.carry import ChainModel
from training.tasks.row import TaskRow

LOGITS = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 3), st.integers(3, 45), st.just(2)),
    elements=st.floats(-8, 8, width=16),
)


def window(length: int, first: int, last: int) -> Feature:
    offsets = np.full((length, 2), -1, dtype=np.int32)
    for place in range(first, last):
        offsets[place] = (place, place + 1)
    return Feature(np.zeros(length, dtype=np.int32), np.zeros(length, dtype=np.int32), 0, offsets=offsets)


def brute_force(logits: Any, feature: Feature) -> float:
    assert feature.offsets is not None
    inside = [place for place in range(len(feature)) if feature.offsets[place, 0] >= 0]
    sums = [
        np.float32(logits[first, 0]) + np.float32(logits[last, 1])
        for first in inside
        for last in inside
        if first <= last < first + MAX_ANSWER_TOKENS
    ]
    return float(max(sums))


@settings(deadline=None)
@given(LOGITS, st.data())
def test_best_spans_are_those_of_a_plain_loop(logits: Any, data: st.DataObject) -> None:
    features = []
    for _ in range(len(logits)):
        length = data.draw(st.integers(2, logits.shape[1]))
        first = data.draw(st.integers(0, length - 1))
        features.append(window(length, first, data.draw(st.integers(first + 1, length))))
    for row, feature, (value, first, last) in zip(logits, features, best_spans(logits, features), strict=True):
        assert feature.offsets is not None
        assert feature.offsets[first, 0] >= 0 and feature.offsets[last, 0] >= 0
        assert 0 <= last - first < MAX_ANSWER_TOKENS
        assert value == brute_force(row, feature) == float(row[first, 0] + row[last, 1])


def test_best_spans_window_without_context_has_the_worst_score() -> None:
    ((value, first, last),) = best_spans(np.ones((1, 4, 2), dtype=np.float32), [window(4, 2, 2)])
    assert (value, first, last) == (-np.inf, 0, 0)


def evaluator(folder: Path, root: Path, tokenizer: Any, *rows: TaskRow, tokens: int = 8192) -> Evaluator:
    model, vocabulary = toy.fresh(folder, tokenizer, *rows)
    sources = {row.name: DataSource(row=row, root=root) for row in rows}
    corpus = Corpus(sources, tokenizer, "t", EncodedCache())
    return Evaluator(model, corpus, vocabulary, Runtime(evaluation_tokens=tokens))


def measured(row: TaskRow, split: str = "test", languages: tuple[str, ...] = ("en", "de"), **more: Any) -> EvaluationIdentity:
    return EvaluationIdentity(
        task=row.name, version=1, split=split, languages=languages, data="d", max_length=32, stride=0, **more
    )


@pytest.mark.parametrize("row", toy.TRAINED, ids=lambda row: row.name)
def test_scores_do_not_depend_on_how_batches_are_cut(toy_folder: Path, root: Path, tokenizer: Any, row: TaskRow) -> None:
    found = [evaluator(toy_folder, root, tokenizer, row, tokens=size).evaluate(measured(row)) for size in (1, 100, 8192)]
    assert found[0] == found[1] == found[2]
    assert set(found[0].languages) == {"en", "de"} and found[0].examples == {"en": 16, "de": 16}


@pytest.mark.parametrize("row", toy.TRAINED, ids=lambda row: row.name)
def test_scores_of_a_language_do_not_depend_on_the_others(toy_folder: Path, root: Path, tokenizer: Any, row: TaskRow) -> None:
    both = evaluator(toy_folder, root, tokenizer, row).evaluate(measured(row))
    alone = evaluator(toy_folder, root, tokenizer, row).evaluate(measured(row, languages=("de",)))
    assert alone.languages["de"] == both.languages["de"]


@pytest.mark.parametrize("row", [toy.NLI, toy.CHOICE, toy.QA], ids=lambda row: row.name)
def test_outputs_do_not_depend_on_how_batches_are_cut(toy_folder: Path, root: Path, tokenizer: Any, row: TaskRow) -> None:
    """Logits, and (score, first, last) of answers."""

    def outputs(tokens: int) -> Any:
        one = evaluator(toy_folder, root, tokenizer, row, tokens=tokens)
        with torch.inference_mode():
            one.model.eval()
            return one._forward(row, one.corpus.encoded(row.name, "test", "de", "d").features)

    np.testing.assert_allclose(outputs(1), outputs(8192), atol=1e-6)


def test_masking_in_evaluation_is_the_same_each_time_and_in_any_batch(toy_folder: Path, root: Path, tokenizer: Any) -> None:
    def gold(tokens: int) -> list[list[int]]:
        one = evaluator(toy_folder, root, tokenizer, toy.MLM, tokens=tokens)
        with torch.inference_mode():
            outputs = one._forward(toy.MLM, one.corpus.encoded("mlm", "dev", "de", "d").features)
        return [[other for _, other in pairs] for pairs in outputs]

    assert gold(8192) == gold(8192) == gold(60)
    assert all(gold(8192))


def test_mean_is_over_languages_and_mean_non_english_leaves_english_out(
    toy_folder: Path, root: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    values = {"en": 90.0, "de": 40.0, "sw": 20.0}
    row = replace(toy.NLI, languages=("en", "de", "sw"), synthetic=True)
    (tmp_path / "nli").mkdir()
    for language in values:
        (tmp_path / "nli" / f"test-{language}.tsv").write_bytes((root / "nli" / "test-de.tsv").read_bytes())
    monkeypatch.setattr("training.evaluate.score", lambda row, language, *rest: {"score": values[language], "other": 1.0})
    one = evaluator(toy_folder, tmp_path, tokenizer, row)
    found = one.evaluate(measured(row, languages=("en", "de", "sw")))
    assert (found.mean, found.mean_non_english) == (50.0, 30.0)
    assert found.synthetic and found.layer is None and found.pooling is None
    english = one.evaluate(measured(row, languages=("en",)))
    assert (english.mean, english.mean_non_english) == (90.0, None)


def test_blank_gold_is_named_before_the_model_runs(
    toy_folder: Path, root: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "nli").mkdir()
    for language in ("en", "de"):
        content = (root / "nli" / f"test-{language}.tsv").read_text(encoding="utf-8")
        lines = [line.rpartition("\t")[0] if language == "de" else line for line in content.splitlines()]
        (tmp_path / "nli" / f"test-{language}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    one = evaluator(toy_folder, tmp_path, tokenizer, toy.NLI)
    monkeypatch.setattr(ChainModel, "encode", lambda *inputs: pytest.fail("the model ran"))
    with pytest.raises(DataError, match="16 of 16 examples carry no gold") as caught:
        one.evaluate(measured(toy.NLI))
    assert "gold" in caught.value.remedy


def test_span_answers_are_the_best_over_all_windows(toy_folder: Path, tokenizer: Any, tmp_path: Path) -> None:
    """A model that starts and ends at `bird` finds the one in the third window."""
    context = "the cat sleeps in the house " * 6 + "a bird sings " + "no dog waits " * 12
    (tmp_path / "qa").mkdir()
    question = {"id": "q", "question": "who ?", "answers": [{"text": "bird", "answer_start": context.index("bird")}]}
    document = {"data": [{"title": "t", "paragraphs": [{"context": context, "qas": [question]}]}]}
    (tmp_path / "qa" / "test-en.json").write_text(json.dumps(document))
    one = evaluator(toy_folder, tmp_path, tokenizer, toy.QA)
    bird = tokenizer.convert_tokens_to_ids("bird")
    encoded = one.corpus.encoded("qa", "test", "en", "d")
    assert len(encoded.features) > 3
    one.model.encode = lambda inputs: (inputs["input_ids"] == bird).float()[..., None].expand(-1, -1, 2)  # type: ignore[method-assign]
    one.model.heads["span"] = torch.nn.Identity()
    found = one.evaluate(measured(toy.QA, languages=("en",)))
    assert set(found.languages["en"].values()) == {100.0}


def test_cache_forgets_the_split_that_was_used_longest_ago() -> None:
    cache = EncodedCache(limit=10)
    parts = {name: Encoded(toy.NLI, (), (), tokens=4) for name in "abcd"}
    for name in "abc":
        cache.put((name,), parts[name])
        cache.get(("b",))
    assert [name for name in "abc" if cache.get((name,)) is not None] == ["b", "c"]
    cache.put(("d",), Encoded(toy.NLI, (), (), tokens=99))
    assert cache.get(("d",)) is not None and cache.get(("b",)) is None


def test_corpus_split_is_read_once_for_a_digest(root: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    load = Corpus.examples

    def spied(self: Corpus, task: str, split: str, language: str) -> Any:
        reads.append(split)
        return load(self, task, split, language)

    monkeypatch.setattr(Corpus, "examples", spied)
    sources = {"nli": DataSource(row=toy.NLI, root=root)}
    corpus = Corpus(sources, tokenizer, "t", EncodedCache())
    first = corpus.encoded("nli", "dev", "en", "d")
    assert corpus.encoded("nli", "dev", "en", "d") is first and reads == ["dev"]
    corpus.encoded("nli", "dev", "en", "other data")
    corpus.encoded("nli", "test", "en", "d")
    shorter = replace(toy.NLI, encoding=replace(toy.NLI.encoding, max_length=10))
    other = Corpus({"nli": DataSource(row=shorter, root=root)}, tokenizer, "t", corpus.cache)
    assert max(map(len, other.encoded("nli", "dev", "en", "d").features)) == 10
    Corpus(sources, tokenizer, "another tokenizer", corpus.cache).encoded("nli", "dev", "en", "d")
    assert reads == ["dev", "dev", "test", "dev", "dev"]
