"""The pretraining text: what teaches a model this small that the languages speak of one world.

A line is running text, or a sentence and its translation with a tab between. Plain text in one language at a time does not align a
small model in a minute; translations side by side and code-switched sentences do, so they make up most of it.
"""

from __future__ import annotations

from training.world import lexicon
from training.world.choices import neighbours
from training.world.dice import Dice
from training.world.languages import LANGUAGES
from training.world.meaning import Author, brief
from training.world.reading import passage, told
from training.world.render import Speaker, capitalised

GLOSSES, PAIRS, SWITCHED, STORIES = 0.3, 0.3, 0.15, 0.12
SWITCHING = 0.4
ASKED_FOR = {"cause": "What was the cause?", "effect": "What happened as a result?"}


def training_lines(author: Author, speaker: Speaker, count: int) -> list[str]:
    """The training text: translations, code-switched sentences, stories of two events, and questions with their answers."""
    return [_line(author, speaker, author.dice) for _ in range(count)]


def plain_lines(author: Author, speaker: Speaker, code: str, count: int) -> list[str]:
    """Sentences of one language alone."""
    return [speaker.text(author.new_event(), code, author.dice) for _ in range(count)]


def _line(author: Author, speaker: Speaker, dice: Dice) -> str:
    draw = dice.number()
    code = dice.pick(LANGUAGES)
    other = dice.other(LANGUAGES, code) if code == "en" or dice.chance(0.2) else "en"
    if draw < GLOSSES:
        event = author.event(dice.pick(lexicon.TOPICS))
        slots = dice.shuffled([slot for slot in "SVOPTA" if event.slot[slot]])[: 2 + dice.below(2)]
        return "\t".join(speaker.phrase(event, language, dice, slots) for language in dice.shuffled((code, other)))
    draw -= GLOSSES
    if draw < PAIRS:
        event = author.new_event()
        return speaker.text(event, code, dice) + "\t" + speaker.text(event, other, dice)
    if draw < PAIRS + SWITCHED:
        return speaker.text(author.new_event(), code, dice, switching=SWITCHING)
    if draw < PAIRS + SWITCHED + STORIES:
        return _story(author, speaker, code, dice)
    return _dialogue(author, speaker, code, dice)


def _story(author: Author, speaker: Speaker, code: str, dice: Dice) -> str:
    """An event and its effect, or its cause, often after the question that choice tasks ask."""
    question = "cause" if dice.chance(0.4) else "effect"
    premise, after, _ = neighbours(author, dice.pick(lexicon.TOPICS), question)
    told_in = code if dice.chance(0.5) else dice.pick(LANGUAGES)
    link = f" {ASKED_FOR[question]} " if question == "cause" or dice.chance(0.5) else " "
    return speaker.text(brief(premise), code, dice) + link + speaker.text(after, told_in, dice)


def _dialogue(author: Author, speaker: Speaker, code: str, dice: Dice) -> str:
    """One or two events, a question for one part and its answer; the question in another language at times."""
    text = passage(author, 1, (1, 2))
    at, letter = text.questions[0]
    context, parts = told(text.events, speaker, code, dice)
    answer = parts[at][letter][1]
    asked_in = code if dice.chance(0.5) else dice.pick(LANGUAGES)
    question = speaker.text(text.events[at], asked_in, dice, asked=letter)
    return f"{context} {question} {capitalised(answer)}."
