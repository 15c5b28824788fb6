"""Which language a text is in: by the script of its letters, and for Latin script by its commonest words.

Good enough to tell a training set in the wrong language, where many rows agree; a single short row may be misjudged.
"""

from __future__ import annotations

import functools
import unicodedata
from collections import Counter
from collections.abc import Mapping

_LATIN, _CYRILLIC, _ARABIC, _DEVANAGARI = ("LATIN",), ("CYRILLIC",), ("ARABIC",), ("DEVANAGARI",)
SCRIPTS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("ar", "fa", "ur"), _ARABIC),
    **dict.fromkeys(("bg", "kk", "ru", "uk"), _CYRILLIC),
    **dict.fromkeys(("hi", "mr"), _DEVANAGARI),
    "bn": ("BENGALI",),
    "el": ("GREEK",),
    "gu": ("GUJARATI",),
    "he": ("HEBREW",),
    "ja": ("HIRAGANA", "KATAKANA", "CJK"),
    "ka": ("GEORGIAN",),
    "ko": ("HANGUL", "CJK"),
    "ml": ("MALAYALAM",),
    "my": ("MYANMAR",),
    "pa": ("GURMUKHI", "ARABIC"),
    "ta": ("TAMIL",),
    "te": ("TELUGU",),
    "th": ("THAI",),
    "zh": ("CJK",),
}
"""Scripts of the benchmark's languages, by the first word of their letters' Unicode names; every other language is Latin."""

_COMMON: Mapping[str, str] = {
    "en": "the of and to in is was that for it with as on by are this be from at which",
    "de": "der die und das von den mit ist nicht auf eine für dem ein sich des zu wird",
    "es": "el que los las una por con para del se su como más fue pero esta entre",
    "fi": "ja on oli että hän myös kuin mutta ovat joka sen se ei vuonna missä milloin mikä",
    "fr": "les des est une dans que qui pour sur pas par avec sont du au cette être",
    "id": "yang dan dari untuk pada dengan adalah dalam tidak ini itu oleh sebagai apa berapa kapan",
    "it": "che di il della per non sono una con dei è nel gli alla più anche",
    "nl": "het een van en dat is niet op te voor met zijn aan er werd ook",
    "pt": "que não uma os com para por mais dos foi como ao são pelo sua também",
    "sw": "ya na wa kwa ni katika la za cha kuwa hii yake ambayo ilikuwa nini ilianzishwa",
    "tr": "ve bir bu için ile olarak da de çok daha olan gibi ne kadar sonra",
    "vi": "của và là có trong được cho không các một người với những năm từ này",
}
_COMMON_WORDS = {language: frozenset(words.split()) for language, words in _COMMON.items()}
_ENOUGH_WORDS, _ENOUGH_HITS = 8, 3


def script_share(text: str, language: str) -> float:
    """Share of a text's letters that belong to the scripts of a language; 1 for a text without letters."""
    wanted = SCRIPTS.get(language, _LATIN)
    counts: Counter[str] = Counter()
    for letter, count in Counter(text).items():
        counts[_script(letter)] += count
    total = counts.total() - counts[""]
    return sum(counts[script] for script in wanted) / total if total else 1.0


@functools.cache
def _script(letter: str) -> str:
    if not letter.isalpha():
        return ""
    name = unicodedata.name(letter, "").split(" ")[0]
    return name.split("-")[0]  # "CJK" of CJK UNIFIED IDEOGRAPH-4E00, say


def looks_foreign(text: str) -> bool:
    """Whether a text is plainly not English: mostly in another script, or full of another language's commonest words."""
    if script_share(text, "en") < 0.5:
        return True
    words = text.lower().split()
    if len(words) < _ENOUGH_WORDS:
        return False
    hits = {language: sum(word in common for word in words) for language, common in _COMMON_WORDS.items()}
    english = hits.pop("en")
    most = max(hits.values())
    return most >= _ENOUGH_HITS and most > 2 * english
