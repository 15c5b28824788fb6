"""Reading comprehension in the manner of SQuAD 2.0: some questions ask for what the passage does not say.

Such a question is about an event of a topic that the passage does not touch, or about one of its events with the verb or the
thing replaced, or for a part that the event does not have.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from training.world import lexicon
from training.world.meaning import Author, Event, brief
from training.world.reading import Passage, passage

IMPOSSIBLE = 0.33
OTHER_TOPIC, OTHER_PART = 0.7, 0.15


@dataclass(frozen=True, slots=True)
class Puzzle:
    """A passage, and questions (event, asked part's letter) that it does not answer."""

    text: Passage
    impossible: tuple[tuple[Event, str], ...]

    @property
    def events(self) -> tuple[Event, ...]:
        """Every event it states or asks about."""
        return (*self.text.events, *(event for event, _ in self.impossible))


def puzzles(author: Author, count: int) -> list[Puzzle]:
    """Passages of two or three events with two questions each; a share of `IMPOSSIBLE` of the questions has no answer."""
    return [_puzzle(author) for _ in range(count)]


def _puzzle(author: Author) -> Puzzle:
    text = passage(author, 2, (2, 3))
    impossible = sum(author.dice.chance(IMPOSSIBLE) for _ in range(2))
    asked = tuple(_impossible(author, text) for _ in range(impossible))
    return Puzzle(replace(text, questions=text.questions[impossible:]), asked)


def _impossible(author: Author, text: Passage) -> tuple[Event, str]:
    dice = author.dice
    draw, event = dice.number(), dice.pick(text.events)
    touched = {one.topic for one in text.events}
    topic = next(topic for topic in lexicon.TOPICS if topic.name == event.topic)
    absent = [letter for letter in "PT" if not event.slot[letter]]
    if draw >= OTHER_TOPIC + OTHER_PART:
        return event, dice.pick(absent)
    if draw >= OTHER_TOPIC:
        verbs = {one.verb for one in text.events}
        unsaid = [verb for verb in (*topic.chain, *lexicon.GENERAL_VERBS) if verb not in verbs]
        return replace(event, verb=dice.pick(unsaid)), dice.pick("SO")
    elsewhere = next(one for one in dice.shuffled(lexicon.TOPICS) if one.name not in touched)
    return brief(author.new_event(elsewhere, negated=False)), dice.pick("SO")
