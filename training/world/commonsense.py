"""Multiple choice in three more manners: a story with a question, a question alone, and what someone does before or after.

All of it asks for what the topics hold together: their people, places and things, and the order of their four verbs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from training.world import lexicon
from training.world.choices import Choice, chosen
from training.world.lexicon import Topic
from training.world.meaning import Author, Event, Noun, with_part

NONE_OFFERED, NONE_RIGHT = 0.25, 0.25


@dataclass(frozen=True, slots=True)
class Story:
    """A context of two events, the second of which is asked about, and endings; None stands for "none of the above"."""

    context: tuple[Event, Event]
    endings: tuple[Event | None, ...]
    label: int
    question: str

    @property
    def events(self) -> tuple[Event, ...]:
        """Every event it states."""
        return (*self.context, *(ending for ending in self.endings if ending is not None))


@dataclass(frozen=True, slots=True)
class Riddle:
    """A question for one part of an event (letter S, O or P), and noun phrases to choose from."""

    event: Event
    asked: str
    nouns: tuple[Noun, ...]
    label: int


def stories(author: Author, count: int) -> list[Story]:
    """Four-way choices after two sentences, in the manner of Cosmos QA; at times the last is that none is right."""
    return [_story(author, index) for index in range(count)]


def before_and_after(author: Author, count: int) -> list[Choice]:
    """Three-way choices of what came before or after, in the manner of Social IQa."""
    return [chosen(author, "cause" if index // 3 % 2 else "effect", index % 3, 3) for index in range(count)]


def riddles(author: Author, count: int) -> list[Riddle]:
    """Five-way choices of who, what or where, in the manner of CommonsenseQA: the right noun phrase is of the verb's topic."""
    return [_riddle(author, index % 5) for index in range(count)]


def _story(author: Author, index: int) -> Story:
    dice = author.dice
    question = "cause" if index // 4 % 2 else "effect"
    choice = chosen(author, question, index % 4, 4)
    endings: list[Event | None] = list(choice.endings)
    label = choice.label
    if dice.chance(NONE_OFFERED):
        if dice.chance(NONE_RIGHT):
            right = choice.endings[label]
            elsewhere = next(topic for topic in dice.shuffled(lexicon.TOPICS) if topic.name != right.topic)
            verb, thing = dice.pick(elsewhere.chain), author.thing(elsewhere)
            endings[label] = replace(right, topic=elsewhere.name, verb=verb, object=thing)
            label = 3
        elif label == 3:
            label = dice.below(3)
            endings[label] = endings[3]
        endings[3] = None
    return Story(_context(author, choice), tuple(endings), label, question)


def _context(author: Author, choice: Choice) -> tuple[Event, Event]:
    """An event of another topic, then the premise."""
    elsewhere = next(topic for topic in author.dice.shuffled(lexicon.TOPICS) if topic.name != choice.premise.topic)
    return author.new_event(elsewhere, negated=False, place=None, time="", manner=""), choice.premise


def _riddle(author: Author, label: int) -> Riddle:
    dice = author.dice
    topic = dice.pick(lexicon.TOPICS)
    asked = dice.pick("SOP")
    nouns: dict[str, Callable[[Topic], tuple[str, ...]]] = {
        "S": lambda one: one.people,
        "O": lambda one: one.things,
        "P": lambda one: one.places,
    }
    right = Noun((dice.pick(nouns[asked](topic)),))
    event = author.new_event(topic, verb=dice.pick(topic.chain), negated=False, manner="")
    event = with_part(event, asked, right)
    others = [one for one in dice.shuffled(lexicon.TOPICS) if one != topic][:4]
    offered = [Noun((dice.pick(nouns[asked](one)),)) for one in others]
    offered.insert(label, right)
    return Riddle(event, asked, tuple(offered), label)
