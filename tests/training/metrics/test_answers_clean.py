from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.metrics.answers import exact_match, mean_scores, mlqa_marks, normalise_mlqa, token_f1
from training.metrics.clean_answers import clean_scores, normalise_clean

LANGUAGES = ("ar", "de", "el", "en", "es", "fi", "hi", "ja", "ko", "ru", "th", "vi", "zh")


@pytest.mark.parametrize(
    ("text", "language", "normal"),
    [
        ("The Mill, 1999", "en", "mill 1999"),
        ("the Müller’s", "de", "the müllers"),
        ("die Mühle", "de", "mühle"),
        ("الكتاب والسلام", "ar", "كتاب والسلام"),
        ("北京，IBM公司", "zh", "北 京 ibm 公 司"),
        ("東京タワー333", "ja", "東 京 タ ワ ー 333"),
        ("กรุงเทพ 10", "th", "ก รุ ง เ ท พ 10"),
        ("서울 특별시", "ko", "서울 특별시"),
        ("the", "en", "the"),
        ("$", "es", "$"),
        ("  ", "en", ""),
    ],
)
def test_clean_normalisation_follows_the_language(text: str, language: str, normal: str) -> None:
    assert normalise_clean(text, language) == normal


@given(text=st.text(), language=st.sampled_from(LANGUAGES))
def test_clean_normalisation_is_empty_for_blank_text_alone(text: str, language: str) -> None:
    normal = normalise_clean(text, language)
    assert normal == " ".join(normal.split())
    assert bool(normal) == bool(text.split())


@given(text=st.text(), language=st.sampled_from(LANGUAGES))
def test_clean_normalisation_ignores_how_a_character_is_composed(text: str, language: str) -> None:
    forms = {normalise_clean(unicodedata.normalize(form, text), language) for form in ("NFC", "NFD")}
    assert len(forms) == 1


@given(text=st.text(min_size=1), language=st.sampled_from(LANGUAGES))
def test_clean_scores_of_gold_are_full(text: str, language: str) -> None:
    full = 100.0 if text.split() else 0.0
    assert clean_scores({"q": text}, {"q": [text]}, language)["f1"] == full


def test_clean_scores_give_thai_and_japanese_answers_partial_credit() -> None:
    for language, gold, guess in (("th", "กรุงเทพมหานคร", "กรุงเทพ"), ("ja", "東京都", "東京"), ("zh", "北京市", "北京")):
        assert token_f1(guess, gold) == 0.0
        assert clean_scores({"q": guess}, {"q": [gold]}, language)["f1"] > 60.0


def test_clean_scores_take_the_arabic_article_from_the_beginning_of_a_word_alone() -> None:
    assert exact_match("خيال", "خي", lambda text: normalise_mlqa(text, "ar")) == 1.0
    assert mean_scores(mlqa_marks({"q": "خيال"}, {"q": ["خي"]}, "ar"))["exact_match"] == 100.0
    assert clean_scores({"q": "خيال"}, {"q": ["خي"]}, "ar")["exact_match"] == 0.0
    assert clean_scores({"q": "الخيال"}, {"q": ["خيال"]}, "ar")["exact_match"] == 100.0


def test_clean_scores_question_without_gold_is_right_when_left_empty() -> None:
    assert clean_scores({"a": "", "b": "the"}, {"a": [], "b": []}, "en") == {"exact_match": 50.0, "f1": 50.0}
