"""The languages: different scripts and orders, a measured share of common words, and the model's tokenizer over them."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from transformers import XLMRobertaModel

from training.world.languages import BY_CODE, LANGUAGES, WORLD
from training.world.lexicon import content_words
from training.world.model import model_config, train_tokenizer
from training.world.words import vocabulary

SHARED_WITH_ENGLISH = (0.15, 0.5)
USED_SCRIPTS = {"Latin": "LATIN", "Cyrillic": "CYRILLIC", "Greek": "GREEK", "Devanagari": "DEVANAGARI", "Georgian": "GEORGIAN"}


def test_there_are_nine_languages_with_private_codes() -> None:
    assert LANGUAGES[0] == "en"
    assert len(set(LANGUAGES)) == 9
    assert all("qaa" <= code <= "qtz" for code in LANGUAGES[1:])


def test_languages_differ_in_order_and_script() -> None:
    assert {language.script for language in WORLD} == set(USED_SCRIPTS)
    usual = {"".join(letter for letter in language.orders[0] if letter in "SVO") for language in WORLD}
    assert usual == {"SVO", "SOV", "VSO"}
    kinds = {(language.orders[0], language.script, language.adjective_first, language.prepositions) for language in WORLD}
    assert len(kinds) == len(WORLD)


@pytest.mark.parametrize("code", LANGUAGES[1:])
def test_share_of_words_common_with_english_is_in_the_band(code: str) -> None:
    own, english = vocabulary(BY_CODE[code], 0), vocabulary(BY_CODE["en"], 0)
    same = sum(own[concept] == english[concept] for concept in content_words()) / len(content_words())
    low, high = SHARED_WITH_ENGLISH
    assert low <= same <= high


@pytest.mark.parametrize("code", LANGUAGES)
def test_words_of_a_language_are_distinct_and_in_its_script_or_latin(code: str) -> None:
    forms = vocabulary(BY_CODE[code], 0)
    content = [forms[concept] for concept in content_words()]
    assert len(set(content)) == len(content)
    script = USED_SCRIPTS[BY_CODE[code].script]
    for form in forms.values():
        names = {unicodedata.name(letter).split()[0] for letter in form if letter.isalpha()}
        assert names <= {script} or names == {"LATIN"}


def test_tokenizer_is_the_same_every_time(world: Path) -> None:
    first, second = train_tokenizer(world), train_tokenizer(world)
    assert first.backend_tokenizer.to_str() == second.backend_tokenizer.to_str()


def test_tokenizer_has_the_special_tokens_and_templates_of_xlm_r(world: Path) -> None:
    tokenizer = train_tokenizer(world)
    assert tokenizer.convert_tokens_to_ids(["<s>", "<pad>", "</s>", "<unk>", "<mask>"]) == [0, 1, 2, 3, 4]
    single, pair = tokenizer("Anna")["input_ids"], tokenizer("Anna", "Bruno")["input_ids"]
    anna, bruno = single[1], tokenizer("Bruno")["input_ids"][1]
    assert single == [0, anna, 2]
    assert pair == [0, anna, 2, 2, bruno, 2]


@pytest.mark.parametrize("code", LANGUAGES)
def test_tokenizer_knows_every_evaluation_word(world: Path, code: str) -> None:
    tokenizer = train_tokenizer(world)
    rows = (world / f"panx/test-{code}.tsv").read_text().splitlines()
    words = [row.split("\t")[0] for row in rows if row]
    encoded = tokenizer(words, is_split_into_words=True, add_special_tokens=False)["input_ids"]
    assert tokenizer.unk_token_id not in encoded
    assert len(encoded) < 1.4 * len(words)


def test_offsets_point_into_the_text(world: Path) -> None:
    tokenizer = train_tokenizer(world)
    text = "The 2 apples, Anna."
    encoded = tokenizer(text, return_offsets_mapping=True, add_special_tokens=False)
    assert [text[start:end] for start, end in encoded["offset_mapping"]][:4] == ["The", "2", "apple", "s"]


def test_model_is_small(world: Path) -> None:
    model = XLMRobertaModel(model_config(len(train_tokenizer(world))), add_pooling_layer=False)
    assert sum(parameter.numel() for parameter in model.parameters()) < 1_000_000
