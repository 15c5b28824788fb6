"""Categories of a categorial grammar for English sentences, in CCGbank's notation.

A category follows from a word's part in the clause and its place in it: an adposition before the subject takes a noun phrase
and gives a modifier of the sentence, the same word after the verb gives one of the verb phrase, and an adverb's category says
on which side of what it stands. So the tags are a function of the sentence, and can't be read off a list of words.
"""

from __future__ import annotations

from collections.abc import Sequence

from training.world.render import Word

NOUN, NOUN_MODIFIER, DETERMINER = "N", "N/N", "NP[nb]/N"
TRANSITIVE, FRONTED = r"(S[dcl]\NP)/NP", r"(S[dcl]/NP)\NP"
BEFORE_VERB, AFTER_VERB, AFTER_TRANSITIVE = r"(S\NP)/(S\NP)", r"(S\NP)\(S\NP)", r"((S\NP)/NP)\((S\NP)/NP)"
SENTENCE_PREPOSITION, VERB_PREPOSITION, STOP = "(S/S)/NP", r"((S\NP)\(S\NP))/NP", "."
CATEGORIES: tuple[str, ...] = (
    NOUN, NOUN_MODIFIER, DETERMINER, TRANSITIVE, FRONTED, BEFORE_VERB, AFTER_VERB, AFTER_TRANSITIVE, SENTENCE_PREPOSITION,
    VERB_PREPOSITION, STOP,
)  # fmt: skip


def categories(words: Sequence[Word]) -> list[str]:
    """The category of each word of a sentence in the English-role language."""
    verb = next(place for place, word in enumerate(words) if word.part == "VERB")
    subject = next(place for place, word in enumerate(words) if word.slot == "S")
    thing = next(place for place, word in enumerate(words) if word.slot == "O")
    return [_category(words, place, subject, verb, thing) for place in range(len(words))]


def _category(words: Sequence[Word], place: int, subject: int, verb: int, thing: int) -> str:
    part = words[place].part
    if part == "PUNCT":
        return STOP
    if part == "VERB":
        return TRANSITIVE if verb < thing else FRONTED
    if part == "ADP":
        return SENTENCE_PREPOSITION if place < subject else VERB_PREPOSITION
    if part == "DET":
        return DETERMINER
    if part == "PART" or (part == "ADV" and place < verb):
        return BEFORE_VERB
    if part == "ADV":
        return AFTER_TRANSITIVE if place < thing else AFTER_VERB
    if place + 1 < len(words) and words[place].slot and words[place + 1].slot == words[place].slot:
        return NOUN_MODIFIER
    return NOUN
