"""Exact match and token F1 of extracted answers by rules of one's own language, for every question answering task.

MLQA's rules, carried on to the languages that XTREME scores with English ones, and mended where they misfire:

1. Unicode NFC, then lower case: canonically equal texts are equal.
2. ASCII and Unicode punctuation is removed.
3. Articles of en, es, de and vi are removed as MLQA removes them; in Arabic the article at the beginning of a word alone. No
   other language has a list (MLQA publishes none).
4. Tokens are separated by white space; in zh, ja and th each character of the language's script is a token of its own, a
   Thai one with its vowel and tone marks.
5. A text of which nothing is left (`the`, `$`) is compared as step 1 leaves it, so that it equals itself and nothing else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import partial

from training.metrics.answers import ARTICLES, answer_scores, unicode_punctuation

_ARTICLES = {**ARTICLES, "ar": re.compile(r"\bال(?=\w)")}
_HAN = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_SCRIPTS = {
    "zh": re.compile(f"[{_HAN}]"),
    "ja": re.compile(f"[{_HAN}\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9f]"),
    "th": re.compile("[\u0e01-\u0e7f][\u0e31\u0e34-\u0e3a\u0e47-\u0e4e]*"),
}


def normalise_clean(text: str, language: str) -> str:
    """Text as it is compared, tokens joined by single spaces; empty only where `text` is blank."""
    written = unicodedata.normalize("NFC", text).lower()
    bare = written.translate(unicode_punctuation())
    if language in _ARTICLES:
        bare = _ARTICLES[language].sub(" ", bare)
    if language in _SCRIPTS:
        bare = _SCRIPTS[language].sub(r" \g<0> ", bare)
    return " ".join(bare.split()) or " ".join(written.split())


def clean_scores(predicted: Mapping[str, str], gold: Mapping[str, Sequence[str]], language: str) -> dict[str, float]:
    """`exact_match` and `f1` (0..100) by the module's rules; otherwise as `training.metrics.answers.squad_marks`."""
    return answer_scores(predicted, gold, partial(normalise_clean, language=language))
