"""Exact match and token F1 of extracted answers, by SQuAD 1.1's scorer or by MLQA's, which knows languages.

SQuAD's rules serve XQuAD and TyDiQA too, in every language: English articles, ASCII punctuation, white-space tokens, so a
Chinese or Thai answer is one token or few. MLQA removes ASCII and Unicode punctuation and each language's articles, and splits
Chinese into characters.
"""

from __future__ import annotations

import re
import string
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial

MLQA_LANGUAGES = ("en", "ar", "de", "es", "hi", "vi", "zh")

_ASCII_PUNCTUATION = dict.fromkeys(map(ord, string.punctuation))
ARTICLES = {
    "en": re.compile(r"\b(?:a|an|the)\b"),
    "es": re.compile(r"\b(?:un|una|unos|unas|el|la|los|las)\b"),
    "vi": re.compile(r"\b(?:của|là|cái|chiếc|những)\b"),
    "de": re.compile(r"\b(?:ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b"),
    # The official pattern is `\sال^|ال`; its first half can't match, so the article goes wherever it stands, inside words too.
    "ar": re.compile("ال"),
}
_HAN = re.compile("[\u4e00-\u9fa5]")

Normalise = Callable[[str], str]


def normalise_squad(text: str) -> str:
    """Lower-cased text without ASCII punctuation and English articles, words joined by single spaces (SQuAD 1.1)."""
    bare = text.lower().translate(_ASCII_PUNCTUATION)
    return " ".join(ARTICLES["en"].sub(" ", bare).split())


def normalise_mlqa(text: str, language: str) -> str:
    """Text by MLQA's rules for one of its languages; Chinese characters stand apart. Raises ValueError on another language."""
    if language not in MLQA_LANGUAGES:
        raise ValueError(f"MLQA's scorer has no rules for language {language!r}")
    bare = text.lower().translate(unicode_punctuation())
    if language in ARTICLES:
        bare = ARTICLES[language].sub(" ", bare)
    if language == "zh":
        bare = _HAN.sub(r" \g<0> ", bare)
    return " ".join(bare.split())


def squad_marks(predicted: Mapping[str, str], gold: Mapping[str, Sequence[str]]) -> list[tuple[float, float]]:
    """(exact match, F1) of each question, 0..1, by SQuAD's rules: the best over its gold answers.

    A question without a prediction scores 0. One without gold answers (SQuAD 2.0) is right when the prediction is empty.
    """
    return answer_marks(predicted, gold, normalise_squad)


def mlqa_marks(predicted: Mapping[str, str], gold: Mapping[str, Sequence[str]], language: str) -> list[tuple[float, float]]:
    """(exact match, F1) of each question, 0..1, by MLQA's rules for the answers' language; otherwise as `squad_marks`."""
    return answer_marks(predicted, gold, partial(normalise_mlqa, language=language))


def token_f1(predicted: str, gold: str, normalise: Normalise = normalise_squad) -> float:
    """F1 (0..1) of two answers as bags of normalised tokens; 0 when they share none, even if both are empty."""
    left, right = normalise(predicted).split(), normalise(gold).split()
    shared = sum((Counter(left) & Counter(right)).values())
    return 2.0 * shared / (len(left) + len(right)) if shared else 0.0


def exact_match(predicted: str, gold: str, normalise: Normalise = normalise_squad) -> float:
    """1.0 when two answers are equal after normalisation, else 0.0."""
    return float(normalise(predicted) == normalise(gold))


def answer_scores(predicted: Mapping[str, str], gold: Mapping[str, Sequence[str]], normalise: Normalise) -> dict[str, float]:
    """`exact_match` and `f1` (0..100) by the rules of `normalise`, as in `squad_marks`; raises ValueError on no questions."""
    return mean_scores(answer_marks(predicted, gold, normalise))


def answer_marks(
    predicted: Mapping[str, str], gold: Mapping[str, Sequence[str]], normalise: Normalise
) -> list[tuple[float, float]]:
    """(exact match, F1) of each question, 0..1, in the order of `gold`."""
    return [_marks(predicted.get(name), answers, normalise) for name, answers in gold.items()]


def mean_scores(marks: Sequence[tuple[float, float]]) -> dict[str, float]:
    """`exact_match` and `f1` (0..100) over questions; raises ValueError on none."""
    if not marks:
        raise ValueError("no questions to score against")
    matched = overlap = 0.0
    for exact, f1 in marks:
        matched, overlap = matched + exact, overlap + f1
    return {"exact_match": 100.0 * matched / len(marks), "f1": 100.0 * overlap / len(marks)}


def _marks(text: str | None, answers: Sequence[str], normalise: Normalise) -> tuple[float, float]:
    if text is None:
        return 0.0, 0.0
    if not answers:
        empty = exact_match(text, "", normalise)
        return empty, empty
    exact = max(exact_match(text, answer, normalise) for answer in answers)
    return exact, max(token_f1(text, answer, normalise) for answer in answers)


@cache
def unicode_punctuation() -> dict[int, None]:
    """A table for `str.translate` that removes ASCII punctuation and every character of a Unicode category P*."""
    found = (point for point in range(sys.maxunicode) if unicodedata.category(chr(point)).startswith("P"))
    return dict.fromkeys(found) | _ASCII_PUNCTUATION
