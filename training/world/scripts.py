"""From the Latin letters in which words are coined to the script a language is written in."""

from __future__ import annotations

LATIN = "abcdefghijklmnopqrstuvwxyz"
_ALPHABETS: dict[str, str] = {
    "Cyrillic": "абцдефгхийклмнопкрстувжышз",
    "Greek": "αβκδεφγχιζκλμνοπκρστυβωξυζ",
    "Georgian": "აბცდეფგჰიჯკლმნოპქრსტუვწხყზ",
    "Armenian": "աբցդեֆգհիջկլմնոպքրստուվխըզ",
}
_CONSONANTS = dict(zip("bcdfghjklmnpqrstvwxyz", "बचदफगहजकलमनपकरसतववखयज", strict=True))
_INITIAL = dict(zip("aeiou", "अएइओउ", strict=True))
_SIGN = {"a": "", "e": "े", "i": "ि", "o": "ो", "u": "ु"}
_VIRAMA = "्"
UNCASED = frozenset({"Georgian", "Devanagari"})


def write_in(script: str, word: str) -> str:
    """`word`, coined in lower-case Latin letters, in `script`; anything but a-z is kept."""
    if script == "Latin":
        return word
    if script == "Devanagari":
        return _devanagari(word)
    table = dict(zip(LATIN, _ALPHABETS[script], strict=True))
    return "".join(table.get(letter, letter) for letter in word)


def _devanagari(word: str) -> str:
    written: list[str] = []
    after_consonant = False
    for letter in word:
        if letter in _CONSONANTS:
            written += [_VIRAMA, _CONSONANTS[letter]] if after_consonant else [_CONSONANTS[letter]]
            after_consonant = True
        else:
            written.append(_SIGN[letter] if after_consonant and letter in _SIGN else _INITIAL.get(letter, letter))
            after_consonant = False
    return "".join(written)
