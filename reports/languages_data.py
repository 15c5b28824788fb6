"""What is known of the languages that tasks are scored in: family, script, and how much text there is.

* Codes are ISO 639-1 as XTREME writes them; script codes are ISO 15924.
* Families are written as in the appendix of XTREME (Hu et al. 2020, arXiv 2003.11080): the branch within Indo-European.
* `resources` is a band of Wikipedia's size in articles in 2020, as that appendix and XTREME-R's (arXiv 2104.07412) count them:
  high from a million, middle from a hundred thousand, low below. **Recalled, not checked against the papers**: Arabic, Chinese,
  Japanese, Portuguese and Ukrainian lie near the million, Bengali and Tagalog near the hundred thousand.
* The made-up languages of the mini world (`training/world`) are in the table, so that its pages group as real ones do.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from training.record import ENGLISH

SOURCE = (
    "Families and scripts as in the appendix of XTREME (arXiv 2003.11080) and ISO 15924; resources are bands of Wikipedia's"
    " articles in 2020 (high: a million and more, middle: a hundred thousand and more, low: fewer), recalled."
)
UNKNOWN = "not in the table"
BANDS = ("high", "middle", "low")
"""The values of `resources`, in their order."""


class Language(NamedTuple):
    """One language: its code, English name, family, script and resource band."""

    code: str
    name: str
    family: str
    script: str
    resources: str


_TABLE = """
af Afrikaans|IE: Germanic|Latn|low
ar Arabic|Afro-Asiatic|Arab|high
az Azerbaijani|Turkic|Latn|middle
bg Bulgarian|IE: Slavic|Cyrl|middle
bn Bengali|IE: Indo-Aryan|Beng|low
de German|IE: Germanic|Latn|high
el Greek|IE: Greek|Grek|middle
en English|IE: Germanic|Latn|high
es Spanish|IE: Romance|Latn|high
et Estonian|Uralic|Latn|middle
eu Basque|Basque|Latn|middle
fa Persian|IE: Iranian|Arab|middle
fi Finnish|Uralic|Latn|middle
fr French|IE: Romance|Latn|high
gu Gujarati|IE: Indo-Aryan|Gujr|low
he Hebrew|Afro-Asiatic|Hebr|middle
hi Hindi|IE: Indo-Aryan|Deva|middle
ht Haitian Creole|Creole|Latn|low
hu Hungarian|Uralic|Latn|middle
id Indonesian|Austronesian|Latn|middle
it Italian|IE: Romance|Latn|high
ja Japanese|Japonic|Jpan|high
jv Javanese|Austronesian|Latn|low
ka Georgian|Kartvelian|Geor|middle
kk Kazakh|Turkic|Cyrl|middle
ko Korean|Koreanic|Kore|middle
lt Lithuanian|IE: Baltic|Latn|middle
ml Malayalam|Dravidian|Mlym|low
mr Marathi|IE: Indo-Aryan|Deva|low
ms Malay|Austronesian|Latn|middle
my Burmese|Sino-Tibetan|Mymr|low
nl Dutch|IE: Germanic|Latn|high
pa Punjabi|IE: Indo-Aryan|Guru|low
pl Polish|IE: Slavic|Latn|high
pt Portuguese|IE: Romance|Latn|high
qu Quechua|Quechuan|Latn|low
ro Romanian|IE: Romance|Latn|middle
ru Russian|IE: Slavic|Cyrl|high
sw Swahili|Niger-Congo|Latn|low
ta Tamil|Dravidian|Taml|middle
te Telugu|Dravidian|Telu|low
th Thai|Kra-Dai|Thai|middle
tl Tagalog|Austronesian|Latn|low
tr Turkish|Turkic|Latn|middle
uk Ukrainian|IE: Slavic|Cyrl|high
ur Urdu|IE: Indo-Aryan|Arab|middle
vi Vietnamese|Austro-Asiatic|Latn|high
wo Wolof|Niger-Congo|Latn|low
yo Yoruba|Niger-Congo|Latn|low
zh Chinese|Sino-Tibetan|Hans|high
"""
_MADE_UP = {
    "Latn": "qaa qab qac",
    "Cyrl": "qad qae",
    "Grek": "qaf",
    "Deva": "qag",
    "Geor": "qah",
}


def _read() -> dict[str, Language]:
    found = {}
    for line in _TABLE.strip().splitlines():
        code, _, rest = line.partition(" ")
        found[code] = Language(code, *rest.split("|"))
    for script, codes in _MADE_UP.items():
        for code in codes.split():
            found[code] = Language(code, code, "made up", script, "made up")
    return found


LANGUAGES: Mapping[str, Language] = MappingProxyType(_read())


def language(code: str) -> Language:
    """What is known of a language; one that the table lacks is `not in the table` in every respect."""
    return LANGUAGES.get(code) or Language(code, code, UNKNOWN, UNKNOWN, UNKNOWN)


def english_first(code: str) -> tuple[bool, str]:
    """The order of languages, as a key to sort by."""
    return code != ENGLISH, code
