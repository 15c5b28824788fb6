"""The languages of the mini world: how each orders, marks, spells and names things.

`en` plays English: it alone has training data. The others carry codes from the range ISO 639 leaves to private use. Each coins its
own words from its own sounds; a share of them are cognates, made from the English-role word by regular sound changes. Names are
spelt in the language's script, brands and numbers are the same everywhere.

`orders` are clause templates, the usual one first: S subject, V verb, O object, P place, T time, A manner. A sentence takes one of
the others now and then, so that a word's class can't be told from its position alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from training.world import lexicon
from training.world.dice import Dice
from training.world.scripts import UNCASED, write_in

USUAL_ORDER = 0.65
LOANS = 0.25


@dataclass(frozen=True, slots=True)
class Language:
    """One language's typology; `plural` is an affix (`-s`, `ba-`), or empty where number shows in the numeral alone."""

    code: str
    script: str
    orders: tuple[str, ...]
    adjective_first: bool
    prepositions: bool
    articles: bool
    object_marker: bool
    plural: str
    question_last: bool
    cognates: float
    consonants: str = ""
    vowels: str = ""
    endings: tuple[tuple[str, str], ...] = ()

    @property
    def cased(self) -> bool:
        """Whether sentences and names begin with a capital letter."""
        return self.script not in UNCASED


def _language(
    code: str, script: str, orders: str, flags: str, plural: str, cognates: float, consonants: str = "", vowels: str = "", endings: str = ""
) -> Language:
    pairs = tuple((pos, ending) for pos, _, ending in (item.partition(":") for item in endings.split()))
    return Language(
        code, script, tuple(orders.split()), "A" in flags, "P" in flags, "D" in flags, "O" in flags, plural, "Q" in flags, cognates,
        consonants, vowels, pairs,
    )  # fmt: skip


# flags: A adjective before noun, P prepositions (else postpositions), D articles, O object marker, Q a question ends in a particle
WORLD: tuple[Language, ...] = (
    _language("en", "Latin", "SVAOPT PSVAOT TSVAOP OSVAPT SAVOPT", "APD", "-s", 1.0),
    _language("qaa", "Latin", "SVOAPT PSVOAT TSVOAP OVSAPT", "PD", "-n", 0.45, "bdfgklmnprstv", "aeiou", "NOUN:a VERB:ar"),
    _language("qab", "Latin", "STPOAV TSPOAV PSOTAV OSPTAV", "AOQ", "-lar", 0.35, "bcdghjklmnrstyz", "aeiou", "VERB:di"),
    _language("qac", "Latin", "VSOAPT VSAOTP SVOAPT TVSOAP", "P", "-im", 0.4, "bfghklmnpstw", "aiou", "ADJ:e"),
    _language("qad", "Cyrillic", "SVAOPT TPSVAO OVSAPT SOVAPT", "AP", "-y", 0.3, "bdgjklmnprstvz", "aeiou", "VERB:al ADJ:yi"),
    _language("qae", "Cyrillic", "STPAOV SOPATV OSAVPT TSPAOV", "AO", "ba-", 0.3, "bdgklmnprstxz", "aeiou", "VERB:al"),
    _language("qaf", "Greek", "SVOATP VSOAPT SVOAPT TVSOAP", "PD", "-es", 0.3, "dfgklmnprstx", "aeiou", "NOUN:os ADJ:i"),
    _language("qag", "Devanagari", "STPOAV TSPOAV PSTOAV OSPAVT", "AQ", "", 0.3, "bcdghjklmnprst", "aeiou", "VERB:ya"),
    _language("qah", "Georgian", "SVAOTP SOVATP TSVAOP PSVAOT", "A", "-ebi", 0.3, "bdgklmnprstvz", "aeiou", "NOUN:i"),
)
LANGUAGES: tuple[str, ...] = tuple(language.code for language in WORLD)
BY_CODE: dict[str, Language] = {language.code: language for language in WORLD}


def plural_of(concept: str) -> str:
    """The key of a concept's plural form in a vocabulary."""
    return concept + "+"


def vocabulary(language: Language, seed: int) -> dict[str, str]:
    """Every concept's written form in `language`, plurals under `plural_of`."""
    dice = Dice(seed, f"words/{language.code}")
    stems: dict[str, str] = {}
    taken: set[str] = set()
    loans: set[str] = set()
    parts = lexicon.content_words() | lexicon.FUNCTION_WORDS
    for concept, part in parts.items():
        loan = language.code == "en" or (concept not in lexicon.FUNCTION_WORDS and dice.chance(LOANS))
        stems[concept] = stem = concept if loan else _coined(language, concept, part, dice, taken)
        taken.add(stem)
        if loan:
            loans |= {concept, plural_of(concept)}
    for concept in lexicon.plural_concepts():
        stems[plural_of(concept)] = _plural(language, stems[concept])
    forms = {concept: stem if concept in loans else write_in(language.script, stem) for concept, stem in stems.items()}
    for name in (*lexicon.FIRST_NAMES, *lexicon.SURNAMES, *lexicon.CITIES):
        written = write_in(language.script, name)
        forms[name] = written.capitalize() if language.cased else written
    return forms | {brand: brand.capitalize() for brand in lexicon.BRANDS} | {day: day for day in (*lexicon.COUNTS, *lexicon.YEARS)}


def _coined(language: Language, concept: str, part: str, dice: Dice, taken: set[str]) -> str:
    function = concept in lexicon.FUNCTION_WORDS
    cognate = not function and dice.chance(language.cognates)
    while True:
        word = _cognate(language, concept) if cognate else _syllables(language, 1 if function else 2, dice)
        if not function:
            word += next((ending for pos, ending in language.endings if pos == part), "")
        if word not in taken:
            return word
        cognate = False


def _cognate(language: Language, concept: str) -> str:
    """The English-role word in the sounds of `language`: foreign consonants become near ones, a last vowel falls."""
    word = concept.replace("sh", "s").replace("ph", "f").replace("ck", "k").replace("th", "t").removesuffix("ed").removesuffix("e")
    near = {"c": "k", "q": "k", "x": "s", "w": "v", "y": "i", "j": "g", "z": "s", "v": "b", "f": "p", "h": "", "b": "p", "p": "b"}
    sounds = language.consonants + language.vowels
    return "".join(letter if letter in sounds else near.get(letter, letter) for letter in word)


def _syllables(language: Language, count: int, dice: Dice) -> str:
    word = "".join(dice.pick(language.consonants) + dice.pick(language.vowels) for _ in range(count))
    return word + (dice.pick(language.consonants) if dice.chance(0.5) else "")


def _plural(language: Language, stem: str) -> str:
    if language.plural.startswith("-"):
        return stem + language.plural[1:]
    return language.plural.removesuffix("-") + stem
