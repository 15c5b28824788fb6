"""Each language's vocabulary, coined from its own sounds.

A quarter of a language's words are loans, written as in English whatever the script; a further share are cognates, made from
the English-role word by regular sound changes and written in the language's script, as all other words and the names of people
and cities are. Brands, numbers and years are the same everywhere.
"""

from __future__ import annotations

from training.world import lexicon
from training.world.dice import Dice
from training.world.languages import Language
from training.world.scripts import UNCASED, write_in

LOANS = 0.25
_SPELLING = (("sh", "s"), ("ph", "f"), ("ck", "k"), ("th", "t"))
_NEAR = dict(zip("cqxwyjzvfhbp", ("k", "k", "s", "v", "i", "g", "s", "b", "p", "", "p", "b"), strict=True))


def plural_of(concept: str) -> str:
    """The key of a concept's plural form in a vocabulary."""
    return concept + "+"


def vocabulary(language: Language, seed: int) -> dict[str, str]:
    """Every concept's written form in `language`, plurals under `plural_of`."""
    dice = Dice(seed, f"words/{language.code}")
    stems: dict[str, str] = {}
    loans: set[str] = set()
    taken: set[str] = set()
    for concept, part in (lexicon.content_words() | lexicon.FUNCTION_WORDS).items():
        if language.code == "en" or (concept not in lexicon.FUNCTION_WORDS and dice.chance(LOANS)):
            stems[concept] = concept
            loans |= {concept, plural_of(concept)}
        else:
            stems[concept] = _coined(language, concept, part, dice, taken)
        taken.add(write_in(language.script, stems[concept]))
    for concept in lexicon.plural_concepts():
        stems[plural_of(concept)] = _plural(language, stems[concept])
    forms = {concept: stem if concept in loans else write_in(language.script, stem) for concept, stem in stems.items()}
    for name in (*lexicon.FIRST_NAMES, *lexicon.SURNAMES, *lexicon.CITIES):
        written = write_in(language.script, name)
        forms[name] = written if language.script in UNCASED else written.capitalize()
    forms |= {brand: brand.capitalize() for brand in lexicon.BRANDS}
    return forms | {number: number for number in (*lexicon.COUNTS, *lexicon.YEARS)}


def _coined(language: Language, concept: str, part: str, dice: Dice, taken: set[str]) -> str:
    function = concept in lexicon.FUNCTION_WORDS
    cognate = not function and dice.chance(language.cognates)
    while True:
        word = _cognate(language, concept) if cognate else _syllables(language, 1 if function else 2, dice)
        if not function:
            word += dict(language.endings).get(part, "")
        if write_in(language.script, word) not in taken:
            return word
        cognate = False


def _cognate(language: Language, concept: str) -> str:
    """The English-role word in the sounds of `language`: foreign consonants become near ones, a last vowel falls."""
    word = concept.removesuffix("ed").removesuffix("e")
    for written, sound in _SPELLING:
        word = word.replace(written, sound)
    sounds = language.consonants + language.vowels
    return "".join(letter if letter in sounds else _NEAR.get(letter, letter) for letter in word)


def _syllables(language: Language, count: int, dice: Dice) -> str:
    word = "".join(dice.pick(language.consonants) + dice.pick(language.vowels) for _ in range(count))
    return word + (dice.pick(language.consonants) if dice.chance(0.5) else "")


def _plural(language: Language, stem: str) -> str:
    if language.plural.startswith("-"):
        return stem + language.plural[1:]
    return language.plural.removesuffix("-") + stem
