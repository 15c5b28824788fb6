from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.training import toy
from training.data.corpus import Corpus, EncodedCache
from training.data.features import Encoded
from training.data.loading import DataSource
from training.data.packs import Pack
from training.errors import DataError
from training.evaluate import Evaluator
from training.identity import EvaluationIdentity, Runtime
from training.metrics.scores import Measured
from training.metrics.units import matches
from training.models.carry import ChainModel
from training.tasks.row import TaskRow


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


def kept(one: Evaluator, *targets: EvaluationIdentity) -> Any:
    """What is kept of each feature of some targets, from one pass."""
    one.model.eval()
    parts = [
        part for place, target in enumerate(targets) for part in one._parts(place, target, one.corpus.sources[target.task].row)
    ]
    with torch.inference_mode():
        return one._pass(parts)


@pytest.mark.parametrize("row", [toy.CHOICE, toy.QA], ids=lambda row: row.name)
def test_outputs_do_not_depend_on_how_batches_are_cut(toy_folder: Path, root: Path, tokenizer: Any, row: TaskRow) -> None:
    """Scores of endings, and (score, first, last) of answers."""
    alone, together = (kept(evaluator(toy_folder, root, tokenizer, row, tokens=size), measured(row)) for size in (1, 8192))
    np.testing.assert_allclose(alone[0], together[0], atol=1e-6)
    assert alone[1].tolist() == together[1].tolist()


def test_masking_in_evaluation_is_the_same_each_time_and_in_any_batch(toy_folder: Path, root: Path, tokenizer: Any) -> None:
    def gold(tokens: int) -> Any:
        values, bounds = kept(evaluator(toy_folder, root, tokenizer, toy.MLM, tokens=tokens), measured(toy.MLM, "dev"))
        return values[:, 1].tolist(), bounds.tolist()

    assert gold(8192) == gold(8192) == gold(60)
    assert min(np.diff(gold(8192)[1])) > 0


def watched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The tokens of each pack that is encoded from now on."""
    seen: list[int] = []
    encode = ChainModel.encode

    def spied(self: ChainModel, packed: Pack, layer: int | None = None) -> torch.Tensor:
        seen.append(len(packed.ids))
        return encode(self, packed, layer)

    monkeypatch.setattr(ChainModel, "encode", spied)
    return seen


TWIN = replace(toy.QA, name="twin", files=toy.QA.files)
"""Another task with the same head and the same files."""


def test_targets_that_share_a_head_are_encoded_together_and_score_as_alone(
    toy_folder: Path, root: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = (toy.QA, toy.TAGS, TWIN, toy.CHOICE)
    one = evaluator(toy_folder, root, tokenizer, *rows)
    targets = [measured(toy.QA, "dev", ("en",)), *(measured(row) for row in rows)]
    alone = [one.evaluate(target) for target in targets]
    seen = watched(monkeypatch)
    assert [found.result for found in one.evaluate_all(targets)] == alone
    assert len(seen) == 3


def test_rows_that_several_targets_have_are_encoded_once(
    toy_folder: Path, root: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = evaluator(toy_folder, root, tokenizer, toy.QA, TWIN, toy.TAGS)
    english, both = measured(toy.QA, "test", ("en",)), measured(TWIN)
    seen = watched(monkeypatch)
    one.evaluate(both)
    alone = sum(seen)
    seen.clear()
    assert [found.result for found in one.evaluate_all([english, both])] == [one.evaluate(english), one.evaluate(both)]
    assert seen[0] < alone  # some questions of the test files are equal
    assert seen[0] == sum({feature.ids.tobytes(): len(feature) for feature in features(one, both)}.values())


def features(one: Evaluator, target: EvaluationIdentity) -> list[Any]:
    return [
        feature
        for language in target.languages
        for feature in one.corpus.encoded(target.task, target.split, language, target.data).features
    ]


@pytest.mark.parametrize("row", toy.TRAINED, ids=lambda row: row.name)
def test_batches_hold_real_tokens_alone_and_no_more_than_asked_for(
    toy_folder: Path, root: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch, row: TaskRow
) -> None:
    one = evaluator(toy_folder, root, tokenizer, row, tokens=64)
    lengths = [len(feature) for feature in features(one, measured(row))]
    seen = watched(monkeypatch)
    one.evaluate(measured(row))
    assert sum(seen) == sum(lengths) and max(seen) <= 64
    assert len(seen) <= 2 * sum(lengths) // 64 + 1


def fixed(value: float) -> Measured:
    return Measured({"score": value, "other": 1.0}, matches([0], [0]))


def test_mean_is_over_languages_and_mean_non_english_leaves_english_out(
    toy_folder: Path, root: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    values = {"en": 90.0, "de": 40.0, "sw": 20.0}
    row = replace(toy.NLI, languages=("en", "de", "sw"), synthetic=True)
    (tmp_path / "nli").mkdir()
    for language in values:
        (tmp_path / "nli" / f"test-{language}.tsv").write_bytes((root / "nli" / "test-de.tsv").read_bytes())
    monkeypatch.setattr("training.evaluate.measure", lambda row, language, *rest: fixed(values[language]))
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


def test_blank_gold_of_a_later_target_is_named_before_the_model_runs(
    toy_folder: Path, root: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "tags").symlink_to(root / "tags")
    (tmp_path / "nli").mkdir()
    text = (root / "nli" / "test-en.tsv").read_text(encoding="utf-8")
    blank = "".join(line.rpartition("\t")[0] + "\n" for line in text.splitlines())
    (tmp_path / "nli" / "test-en.tsv").write_text(blank, encoding="utf-8")
    one = evaluator(toy_folder, tmp_path, tokenizer, toy.NLI, toy.TAGS)
    monkeypatch.setattr(ChainModel, "encode", lambda *inputs: pytest.fail("the model ran"))
    with pytest.raises(DataError, match="16 of 16 examples carry no gold"):
        one.evaluate_all([measured(toy.TAGS), measured(toy.NLI, languages=("en",))])


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
    one.model.encode = lambda packed: (packed.ids == bird).float()[:, None].expand(-1, 2)
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
