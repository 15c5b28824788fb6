from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.training import toy
from tests.training.retrieval_world import (
    BUCC,
    LINKS,
    QUESTIONS,
    evaluator,
    measured,
    write,
    write_bucc,
    write_links,
    write_questions,
)
from training.errors import DataError, ModelError
from training.inference.retrieval import SCHEMES, where_to_look
from training.inference.vectors import TextVectors, default_layer
from training.models.carry import ChainModel
from training.tasks.retrieval_rows import RETRIEVAL_ROWS


def test_default_layer_is_fourteen_twenty_fourths_of_the_way() -> None:
    assert [default_layer(layers) for layers in (24, 12, 3, 2)] == [14, 7, 2, 1]


def test_schemes_cover_every_reader_of_retrieval() -> None:
    assert {row.reader for row in RETRIEVAL_ROWS} | {toy.TATOEBA.reader, "columns"} == set(SCHEMES)


def test_translations_of_a_task_of_ones_own_stand_beside_each_other(toy_folder: Path, tokenizer: Any, tmp_path: Path) -> None:
    lines = [{"en": text, "other": text} for text in ("the cat sleeps", "a dog in the garden", "the river")]
    write(tmp_path, "mine/de.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    columns = {"queries": "en", "candidates": "other"}
    own = replace(toy.TATOEBA, name="mine", reader="columns", columns=columns, files={"test": "mine/{lang}.jsonl"})
    found = evaluator(toy_folder, tmp_path, tokenizer, own).evaluate(measured(own, "test", "de"))
    assert (found.languages["de"]["score"], found.examples) == (100.0, {"de": 3})


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_translations_that_are_identical_find_themselves(toy_folder: Path, root: Path, tokenizer: Any, pooling: str) -> None:
    one = evaluator(toy_folder, root, tokenizer, toy.TATOEBA)
    found = one.evaluate(measured(toy.TATOEBA, "test", "de", pooling=pooling))
    assert found.languages["de"]["score"] == 100.0
    assert (found.layer, found.pooling, found.examples, found.mean_non_english) == (1, pooling, {"de": 6}, 100.0)
    assert not found.oracle and not found.thresholds


def test_vectors_are_means_of_real_tokens_in_any_batch(toy_folder: Path, root: Path, tokenizer: Any) -> None:
    texts = ["the cat", "the dog sleeps in the garden and in the field", "a", ("the bird", "the river")]

    def vectors(tokens: int) -> Any:
        one = evaluator(toy_folder, root, tokenizer, toy.TATOEBA, evaluation_tokens=tokens)
        one.model.eval()
        encoder = one.corpus.encoder(toy.TATOEBA.name)
        with torch.inference_mode():
            return TextVectors(one.model, encoder, one.vocabulary, one.runtime, 2, "mean").of(texts)

    alone, together = vectors(1), vectors(8192)
    np.testing.assert_allclose(alone, together, atol=1e-6)
    plain = toy.fresh(toy_folder, tokenizer)[0].backbone.eval()
    with torch.inference_mode():
        for text, vector in zip(texts, together, strict=True):
            both = (text,) if isinstance(text, str) else text
            expected = plain(torch.tensor([tokenizer(*both)["input_ids"]])).last_hidden_state[0].mean(0)
            np.testing.assert_allclose(vector, expected.numpy(), atol=1e-6)


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_vectors_are_of_their_layer_and_no_later_one_is_computed(
    toy_folder: Path, root: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch, layer: int
) -> None:
    one = evaluator(toy_folder, root, tokenizer, toy.TATOEBA)
    one.model.eval()
    plain = toy.fresh(toy_folder, tokenizer)[0].backbone.eval()
    ran: list[int] = []
    for number, block in enumerate(one.model.backbone.encoder.layer):
        block.register_forward_hook(lambda *_, number=number: ran.append(number))
    with torch.inference_mode():
        vectors = TextVectors(one.model, one.corpus.encoder("tatoeba"), one.vocabulary, one.runtime, layer, "mean")
        (found,) = vectors.of(["the cat"])
        states = plain(torch.tensor([tokenizer("the cat")["input_ids"]]), output_hidden_states=True).hidden_states
    np.testing.assert_allclose(found, states[layer][0].mean(0).numpy(), atol=1e-6)
    assert ran == list(range(layer))


def test_vectors_of_equal_texts_are_computed_once(
    toy_folder: Path, root: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = evaluator(toy_folder, root, tokenizer, toy.TATOEBA)
    one.model.eval()
    rows: list[int] = []
    encode = ChainModel.encode

    def spied(self: ChainModel, packed: Any, layer: int | None = None) -> Any:
        rows.append(packed.rows)
        return encode(self, packed, layer)

    monkeypatch.setattr(ChainModel, "encode", spied)
    monkeypatch.setattr("training.inference.vectors.BLOCK", 2)
    of = TextVectors(one.model, one.corpus.encoder("tatoeba"), one.vocabulary, one.runtime, 1, "cls").of
    with torch.inference_mode():
        found = of(["the cat", "a dog", "the cat", ("the cat", "a dog"), "a dog"])
        assert of([]).shape == (0, 32)
    assert sum(rows) == 3
    assert found[0].tolist() == found[2].tolist() != found[3].tolist() and found[1].tolist() == found[4].tolist()


@pytest.mark.parametrize("layer", [-1, 3])
def test_layer_that_the_model_lacks_is_named(toy_folder: Path, root: Path, tokenizer: Any, layer: int) -> None:
    one = evaluator(toy_folder, root, tokenizer, toy.TATOEBA)
    with pytest.raises(ModelError, match="no such layer") as caught:
        one.evaluate(measured(toy.TATOEBA, "test", "de", layer=layer))
    assert caught.value.remedy == "use 0 to 2"


def test_translations_without_gold_name_the_language(toy_folder: Path, root: Path, tokenizer: Any, tmp_path: Path) -> None:
    for name in ("de-en.de", "de-en.en"):
        write(tmp_path, f"tatoeba/{name}", (root / "tatoeba" / name).read_text(encoding="utf-8"))
    one = evaluator(toy_folder, tmp_path, tokenizer, toy.TATOEBA)
    with pytest.raises(DataError, match="no gold for a language: 'de'"):
        one.evaluate(measured(toy.TATOEBA, "test", "de"))


def test_mining_dev_is_an_oracle_that_keeps_its_threshold(toy_folder: Path, tokenizer: Any, tmp_path: Path) -> None:
    write_bucc(tmp_path, "dev", 0)
    found = evaluator(toy_folder, tmp_path, tokenizer, BUCC).evaluate(measured(BUCC, "dev", "de"))
    assert found.oracle and found.examples == {"de": 8}
    assert found.thresholds["de"] > 0 and found.languages["de"]["f1"] == found.languages["de"]["score"] > 80
    assert (found.layer, found.pooling, found.split) == (1, "mean", "dev")


def test_mining_test_takes_the_threshold_of_dev(toy_folder: Path, tokenizer: Any, tmp_path: Path) -> None:
    write_bucc(tmp_path, "dev", 0)
    write_bucc(tmp_path, "test", 50, shared=5)
    one = evaluator(toy_folder, tmp_path, tokenizer, BUCC)
    dev, test = (one.evaluate(measured(BUCC, split, "de")) for split in ("dev", "test"))
    assert test.oracle and test.thresholds == dev.thresholds and test.examples == {"de": 5}
    # With the other half of dev's gold the threshold is another, and the same test pairs score differently.
    write(tmp_path, "bucc2018/de-en.dev.gold", "de-9\ten-1\n")
    again = evaluator(toy_folder, tmp_path, tokenizer, BUCC).evaluate(measured(BUCC, "test", "de"))
    assert again.thresholds != test.thresholds


def test_mining_repeated_sentences_are_left_out(toy_folder: Path, tokenizer: Any, tmp_path: Path) -> None:
    write_bucc(tmp_path, "dev", 0)
    path = tmp_path / "bucc2018" / "de-en.dev.en"
    text = path.read_text(encoding="utf-8")
    path.write_text(text + "en-99\t" + text.splitlines()[8].partition("\t")[2] + "\n", encoding="utf-8")
    one = evaluator(toy_folder, tmp_path, tokenizer, BUCC)
    found = one.evaluate(measured(BUCC, "dev", "de")).languages["de"]
    assert found["recall"] <= 100 * 7 / 8


def test_mining_test_without_gold_is_named_before_the_model_runs(
    toy_folder: Path, tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_bucc(tmp_path, "dev", 0)
    write_bucc(tmp_path, "test", 50, gold=False)
    monkeypatch.setattr(ChainModel, "encode", lambda *inputs: pytest.fail("the model ran"))
    with pytest.raises(DataError, match="no gold for a language: 'de'") as caught:
        evaluator(toy_folder, tmp_path, tokenizer, BUCC).evaluate(measured(BUCC, "test", "de"))
    assert "scored_on: dev" in caught.value.remedy


def test_questions_find_answers_in_every_language(toy_folder: Path, tokenizer: Any, tmp_path: Path) -> None:
    for language in ("en", "de"):
        write_questions(tmp_path, language)
    one = evaluator(toy_folder, tmp_path, tokenizer, QUESTIONS)
    both = one.evaluate(measured(QUESTIONS, "test", "en", "de"))
    assert both.examples == {"en": 6, "de": 6} and not both.oracle
    # The languages' files are the same, so each question has its two answers at equal cosine, one behind the other.
    assert both.languages["en"] == both.languages["de"]
    alone = one.evaluate(measured(QUESTIONS, "test", "en"))
    assert 0 < both.languages["en"]["score"] != alone.languages["en"]["score"] <= 100


def test_questions_rank_the_pool_of_all_languages(
    toy_folder: Path, tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With vectors that say which sentence a text begins with, both languages' answers come first: mAP 100."""
    for language in ("en", "de"):
        write_questions(tmp_path, language)
    known: dict[str, int] = {}

    def vectors(self: TextVectors, texts: Any) -> Any:
        firsts = [text if isinstance(text, str) else text[0] for text in texts]
        return np.eye(64, dtype=np.float32)[[known.setdefault(text, len(known)) for text in firsts]]

    monkeypatch.setattr(TextVectors, "of", vectors)
    found = evaluator(toy_folder, tmp_path, tokenizer, QUESTIONS).evaluate(measured(QUESTIONS, "test", "en", "de"))
    assert [scores["map@20"] for scores in found.languages.values()] == [100.0, 100.0]


def test_questions_without_gold_name_the_language(toy_folder: Path, tokenizer: Any, tmp_path: Path) -> None:
    for language in ("en", "de"):
        write_questions(tmp_path, language)
    path = tmp_path / "lareqa" / "xquad-r" / "de.json"
    document = json.loads(path.read_text())
    document["data"][0]["paragraphs"][0]["qas"][0]["answers"] = [{"text": "", "answer_start": 0}]
    path.write_text(json.dumps(document))
    with pytest.raises(DataError, match="no gold for a language: 'de'"):
        evaluator(toy_folder, tmp_path, tokenizer, QUESTIONS).evaluate(measured(QUESTIONS, "test", "en", "de"))


@pytest.mark.parametrize("block", [3, 1000])
def test_entities_rank_candidates_in_blocks_of_any_size(
    toy_folder: Path, tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    write_links(tmp_path)
    monkeypatch.setattr("training.inference.retrieval.CANDIDATE_BLOCK", block)
    one = evaluator(toy_folder, tmp_path, tokenizer, LINKS)
    found = one.evaluate(measured(LINKS, "test", "en", "de"))
    assert found.examples == {"en": 20, "de": 20}
    assert 5 < found.languages["de"]["map@20"] == found.languages["de"]["score"]
    whole = evaluator(toy_folder, tmp_path, tokenizer, LINKS).evaluate(measured(LINKS, "test", "en", "de"))
    assert found == whole


def test_entities_of_pairs_are_their_own_candidates(toy_folder: Path, tokenizer: Any, tmp_path: Path) -> None:
    write_links(tmp_path, count=7)
    (tmp_path / "mewslix" / "candidate_set_entities.jsonl").unlink()
    found = evaluator(toy_folder, tmp_path, tokenizer, LINKS).evaluate(measured(LINKS, "dev", "en", pooling=None))
    assert found.examples == {"en": 7} and found.languages["en"]["map@20"] > 100 / 7


def test_entities_missing_from_the_candidates_are_named(toy_folder: Path, tokenizer: Any, tmp_path: Path) -> None:
    write_links(tmp_path)
    path = tmp_path / "mewslix" / "candidate_set_entities.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:18]))
    with pytest.raises(DataError, match="missing from the candidates: 'Q18, Q19'"):
        evaluator(toy_folder, tmp_path, tokenizer, LINKS).evaluate(measured(LINKS, "test", "de"))


def test_entities_withheld_gold_names_the_language(toy_folder: Path, tokenizer: Any, tmp_path: Path) -> None:
    write_links(tmp_path)
    write(tmp_path, "mewslix/wikinews_labels/test-de.json", json.dumps({f"de-{n}": [""] for n in range(20)}))
    with pytest.raises(DataError, match="no gold for a language: 'de'"):
        evaluator(toy_folder, tmp_path, tokenizer, LINKS).evaluate(measured(LINKS, "test", "en", "de"))


def test_encoder_trained_to_retrieve_is_read_where_it_was_trained(toy_folder: Path, root: Path, tokenizer: Any) -> None:
    student = replace(LINKS, name="student", files={"test": LINKS.files["test"]}, train_on=LINKS.name)
    one = evaluator(toy_folder, root, tokenizer, LINKS, student, QUESTIONS)

    def place(row: Any) -> tuple[int, str | None]:
        return where_to_look(one.corpus, measured(row, "test", "en", pooling="cls", layer=0), one.model)

    assert place(LINKS) == place(student) == (2, "mean")
    assert place(QUESTIONS) == (0, "cls")
