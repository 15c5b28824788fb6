"""From meaning to words: clauses, questions and running text in any language, or in several at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from training.world import lexicon
from training.world.dice import Dice
from training.world.languages import BY_CODE, LANGUAGES, USUAL_ORDER, WORLD, Language
from training.world.meaning import Event, Noun
from training.world.words import plural_of, vocabulary

PARTS = lexicon.content_words() | lexicon.FUNCTION_WORDS
ASKED = {"S": "who", "O": "what", "P": "where", "T": "when"}


@dataclass(slots=True)
class Word:
    """One word of a sentence: its concept, part of speech, entity tag (IOB2), and the clause part it answers for."""

    concept: str
    part: str
    tag: str = "O"
    slot: str = ""
    form: str = ""


class Speaker:
    """Says things. `switching` is the share of words taken from another language (code-switching)."""

    def __init__(self, seed: int) -> None:
        """The speaker of the world made from `seed`."""
        self.forms = {language.code: vocabulary(language, seed) for language in WORLD}

    def clause(self, event: Event, code: str, dice: Dice, *, asked: str = "", switching: float = 0.0) -> list[Word]:
        """An event, or, where `asked` names one of its parts, the question for that part; without a full stop."""
        language = BY_CODE[code]
        order = language.orders[0] if dice.chance(USUAL_ORDER) else dice.pick(language.orders)
        if asked and not language.question_last:
            order = asked + order.replace(asked, "")
        words: list[Word] = []
        for letter in order:
            words += [Word(ASKED[letter], PARTS[ASKED[letter]])] if letter == asked else _part(event, letter, language)
        if asked and language.question_last:
            words.append(Word("asking", "PART"))
        own = self.forms[code]
        for word in words:
            word.form = own[word.concept]
            if switching and dice.chance(switching):
                word.form = self.forms[dice.pick(LANGUAGES)][word.concept]
        return words

    def sentence(self, event: Event, code: str, dice: Dice, *, asked: str = "", switching: float = 0.0) -> list[Word]:
        """A clause with its full stop or question mark, the first letter a capital where the script has them."""
        words = self.clause(event, code, dice, asked=asked, switching=switching)
        return [*words, Word("?" if asked else ".", "PUNCT", form="?" if asked else ".")]

    def phrase(self, event: Event, code: str, slots: Sequence[str]) -> str:
        """Some parts of an event, in the language's order."""
        order = [letter for letter in BY_CODE[code].orders[0] if letter in slots]
        return " ".join(self.forms[code][word.concept] for letter in order for word in _part(event, letter, BY_CODE[code]))

    def text(self, event: Event, code: str, dice: Dice, *, asked: str = "", switching: float = 0.0) -> str:
        """A sentence as a string."""
        return written(self.sentence(event, code, dice, asked=asked, switching=switching))


def written(words: Iterable[Word]) -> str:
    """Words as running text: one space between words, none before a stop; the first letter a capital."""
    text = " ".join(word.form for word in words).replace(" .", ".").replace(" ?", "?")
    return capitalised(text)


def capitalised(text: str) -> str:
    """`text` with a capital first letter, in the scripts that have them in use."""
    return text if "\u10a0" <= text[0] <= "\u10ff" else text[0].upper() + text[1:]


def _part(event: Event, letter: str, language: Language) -> list[Word]:
    if letter == "V":
        verb = [Word(event.verb, "VERB")]
        return [Word("not", "PART"), *verb] if event.negated else verb
    if letter == "A":
        return [Word(event.manner, "ADV")] if event.manner else []
    if letter == "T":
        if not event.time:
            return []
        year = event.time in lexicon.YEARS
        return _with_adposition("in" if year else "on", [Word(event.time, "NUM" if year else "PROPN", slot="T")], language)
    noun = event.object if letter == "O" else event.agent if letter == "S" else event.place
    if noun is None:
        return []
    words = _noun(noun, letter, language)
    if letter == "P":
        return _with_adposition("at" if noun.entity == "ORG" else "in", words, language)
    return _with_adposition("object", words, language) if letter == "O" and language.object_marker else words


def _with_adposition(adposition: str, words: Sequence[Word], language: Language) -> list[Word]:
    marker = Word(adposition, "ADP")
    return [marker, *words] if language.prepositions else [*words, marker]


def _noun(noun: Noun, slot: str, language: Language) -> list[Word]:
    if noun.entity:
        tags = [f"B-{noun.entity}", *[f"I-{noun.entity}"] * (len(noun.words) - 1)]
        return [Word(word, PARTS.get(word, "PROPN"), tag, slot) for word, tag in zip(noun.words, tags, strict=True)]
    many = noun.plural
    head = Word(plural_of(noun.head) if many else noun.head, "NOUN", slot=slot)
    words = [head]
    if noun.adjective:
        adjective = Word(noun.adjective, "ADJ", slot=slot)
        words = [adjective, head] if language.adjective_first else [head, adjective]
    if noun.count:
        return [Word(noun.count, "NUM", slot=slot), *words]
    if many:
        return [Word("many", "DET", slot=slot), *words]
    return [Word("the", "DET", slot=slot), *words] if language.articles else words
