"""Reading comprehension: a short context of events, and a question for one part of one of them."""

from __future__ import annotations

from dataclasses import dataclass

from training.world import lexicon
from training.world.dice import Dice
from training.world.meaning import Author, Event, brief
from training.world.render import Speaker, Word, written


@dataclass(frozen=True, slots=True)
class Passage:
    """Events told one after the other, and the questions: which event, and the asked part's letter (S O P T)."""

    events: tuple[Event, ...]
    questions: tuple[tuple[int, str], ...]


def passages(author: Author, count: int, questions: int = 2, sentences: tuple[int, int] = (3, 4)) -> list[Passage]:
    """Contexts of three or four events (or as said) with different agents and verbs, each with `questions` questions."""
    return [passage(author, questions, sentences) for _ in range(count)]


def passage(author: Author, questions: int, sentences: tuple[int, int] = (3, 4)) -> Passage:
    """One context; no agent, thing or verb comes twice in it."""
    dice = author.dice
    events: list[Event] = []
    length = sentences[0] + dice.below(sentences[1] - sentences[0] + 1)
    topics = dice.shuffled(lexicon.TOPICS)[:2]
    while len(events) < length:
        event = brief(author.new_event(dice.pick(topics), negated=False))
        if all(_apart(event, other) for other in events):
            events.append(event)
    author.reserve(events)
    asked = [(at, letter) for at, event in enumerate(events) for letter in "SOPT" if event.slot[letter]]
    return Passage(tuple(events), tuple(dice.shuffled(asked)[:questions]))


def told(events: tuple[Event, ...], speaker: Speaker, code: str, dice: Dice) -> tuple[str, list[dict[str, tuple[int, str]]]]:
    """The context in one language, and for each event the first character and the text of each part."""
    context, parts = "", []
    for event in events:
        words = speaker.sentence(event, code, dice)
        start = len(context) + 1 if context else 0
        context = (context + " " if context else "") + written(words)
        parts.append(_spans(words, start, context))
    return context, parts


def _spans(words: list[Word], start: int, context: str) -> dict[str, tuple[int, str]]:
    spans: dict[str, tuple[int, int]] = {}
    at = start
    for word in words:
        end = at + len(word.form)
        if word.slot:
            spans[word.slot] = (spans.get(word.slot, (at, end))[0], end)
        at = end + 1
    return {slot: (first, context[first:end]) for slot, (first, end) in spans.items()}


def _apart(event: Event, other: Event) -> bool:
    return event.agent.head != other.agent.head and event.object.head != other.object.head and event.verb != other.verb
