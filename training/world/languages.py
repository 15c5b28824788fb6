"""The languages of the mini world: how each orders, marks and writes what is said.

`en` plays English: it alone has training data. The others carry codes from the range that ISO 639 leaves to private use.
`orders` are clause templates, the usual one first: S subject, V verb, O object, P place, T time, A manner. A sentence takes one
of the others now and then, so that a word's class can't be told from its position alone.
"""

from __future__ import annotations

from dataclasses import dataclass

USUAL_ORDER = 0.65


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """One language's typology and sounds.

    `plural` is an affix (`-s`, `ba-`), or empty where number shows in the numeral alone. `cognates` is the share of words made
    from the English-role word by sound changes. `endings` are what the words of a class end in.
    """

    code: str
    script: str
    orders: tuple[str, ...]
    adjective_first: bool = True
    prepositions: bool = False
    articles: bool = False
    object_marker: bool = False
    question_last: bool = False
    plural: str = ""
    cognates: float = 0.3
    consonants: str = ""
    vowels: str = "aeiou"
    endings: tuple[tuple[str, str], ...] = ()


WORLD: tuple[Language, ...] = (
    Language(
        code="en", script="Latin", orders=("SVAOPT", "PSVAOT", "TSVAOP", "OSVAPT", "SAVOPT"), prepositions=True, articles=True,
        plural="-s",
    ),
    Language(
        code="qaa", script="Latin", orders=("SVOAPT", "PSVOAT", "TSVOAP", "OVSAPT"), adjective_first=False, prepositions=True,
        articles=True, plural="-n", cognates=0.45, consonants="bdfgklmnprstv", endings=(("NOUN", "a"), ("VERB", "ar")),
    ),
    Language(
        code="qab", script="Latin", orders=("STPOAV", "TSPOAV", "PSOTAV", "OSPTAV"), object_marker=True, question_last=True,
        plural="-lar", cognates=0.35, consonants="bcdghjklmnrstyz", endings=(("VERB", "di"),),
    ),
    Language(
        code="qac", script="Latin", orders=("VSOAPT", "VSAOTP", "SVOAPT", "TVSOAP"), adjective_first=False, prepositions=True,
        plural="-im", cognates=0.4, consonants="bfghklmnpstw", vowels="aiou", endings=(("ADJ", "e"),),
    ),
    Language(
        code="qad", script="Cyrillic", orders=("SVAOPT", "TPSVAO", "OVSAPT", "SOVAPT"), prepositions=True, plural="-y",
        consonants="bdgjklmnprstvz", endings=(("VERB", "al"), ("ADJ", "yi")),
    ),
    Language(
        code="qae", script="Cyrillic", orders=("STPAOV", "SOPATV", "OSAVPT", "TSPAOV"), object_marker=True, plural="ba-",
        consonants="bdgklmnprstxz", endings=(("VERB", "al"),),
    ),
    Language(
        code="qaf", script="Greek", orders=("SVOATP", "VSOAPT", "SVOAPT", "TVSOAP"), adjective_first=False, prepositions=True,
        articles=True, plural="-es", consonants="dfgklmnprstx", endings=(("NOUN", "os"), ("ADJ", "i")),
    ),
    Language(
        code="qag", script="Devanagari", orders=("STPOAV", "TSPOAV", "PSTOAV", "OSPAVT"), question_last=True,
        consonants="bcdghjklmnprst", endings=(("VERB", "ya"),),
    ),
    Language(
        code="qah", script="Georgian", orders=("SVAOTP", "SOVATP", "TSVAOP", "PSVAOT"), plural="-ebi",
        consonants="bdgklmnprstvz", endings=(("NOUN", "i"),),
    ),
)  # fmt: skip
LANGUAGES: tuple[str, ...] = tuple(language.code for language in WORLD)
BY_CODE: dict[str, Language] = {language.code: language for language in WORLD}
