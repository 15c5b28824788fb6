"""Multiple choice from event knowledge: what comes next, and what was the cause or the effect.

The four verbs of a topic's chain befall one thing in order. The right ending is the neighbouring event of the chain, of the
same agent and thing; wrong ones break the topic, the thing or the direction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from training.world import lexicon
from training.world.lexicon import Topic
from training.world.meaning import Author, Event

BACKWARDS = 0.3


@dataclass(frozen=True, slots=True)
class Choice:
    """A premise, its endings, which one is right, and what was asked for: `cause`, or `effect` (what comes next)."""

    premise: Event
    endings: tuple[Event, ...]
    label: int
    question: str


def continuations(author: Author, count: int) -> list[Choice]:
    """Four-way choices of what comes next, in the manner of HellaSwag."""
    return [chosen(author, "effect", index % 4, 4) for index in range(count)]


def causes_and_effects(author: Author, count: int) -> list[Choice]:
    """Two-way choices of a cause or an effect, in the manner of COPA."""
    return [chosen(author, "cause" if index // 2 % 2 else "effect", index % 2, 2) for index in range(count)]


def neighbours(author: Author, topic: Topic, question: str = "effect") -> tuple[Event, Event, Event | None]:
    """A premise, its effect (or cause), and the event on its other side, if the chain has one; all of one agent and thing."""
    step = 1 if question == "effect" else -1
    at = author.dice.below(3) + (step < 0)
    premise = author.new_event(topic, verb=topic.chain[at], manner="", negated=False)
    after = replace(premise, verb=topic.chain[at + step], place=None, time="")
    other = replace(after, verb=topic.chain[at - step]) if 0 <= at - step < 4 else None
    return premise, after, other


def chosen(author: Author, question: str, label: int, ways: int) -> Choice:
    """A choice among `ways` endings, the right one at `label`; its events are reserved."""
    dice = author.dice
    topic = dice.pick(lexicon.TOPICS)
    premise, right, reverse = neighbours(author, topic, question)
    endings: list[Event] = []
    if reverse is not None and dice.chance(BACKWARDS):
        endings.append(reverse)
    while len(endings) < ways - 1:
        draw = dice.number()
        if draw < 0.3 and ways > 2:
            wrong = replace(right, object=author.thing(topic))
        elif draw < 0.5 and ways > 2:
            wrong = replace(right, agent=author.agent(topic))
        elif dice.chance(0.5):
            wrong = replace(right, verb=dice.pick(dice.other(lexicon.TOPICS, topic).chain))
        else:
            elsewhere = dice.other(lexicon.TOPICS, topic)
            wrong = replace(right, topic=elsewhere.name, verb=dice.pick(elsewhere.chain), object=author.thing(elsewhere))
        if wrong not in (right, *endings):
            endings.append(wrong)
    endings.insert(label, right)
    author.reserve(endings)
    return Choice(premise, tuple(endings), label, question)
