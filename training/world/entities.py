"""Entities, what is written about them, and where they are mentioned: entity linking in the manner of Mewsli-X.

Persons with a surname and organisations are entities, each at home in one topic. A description is two events of that topic
which the entity brought about; a mention stands in a short report with another such event. A mention and a description have
the name, transcribed from script to script, and the topic in common.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from training.world import lexicon
from training.world.lexicon import Topic
from training.world.meaning import Author, Event, Noun, brief

_FIRST_NUMBER = 900_000_001
"""Far above what Wikidata has given out."""


@dataclass(frozen=True, slots=True)
class Entity:
    """A name with its number and topic, and the events that describe it."""

    number: int
    name: Noun
    topic: Topic
    description: tuple[Event, ...]

    @property
    def id(self) -> str:
        """The identifier, in the form of Wikidata's."""
        return f"Q{self.number}"


@dataclass(frozen=True, slots=True)
class Mention:
    """A report of a few events; the event at `place` is the entity's."""

    entity: Entity
    events: tuple[Event, ...]
    place: int


def names(author: Author) -> list[Noun]:
    """Every entity's name, in random order."""
    persons = [Noun((first, last), "PER") for first in lexicon.FIRST_NAMES for last in lexicon.SURNAMES]
    firms = [Noun((name, kind), "ORG") for name in (*lexicon.BRANDS, *lexicon.CITIES) for kind in lexicon.ORGANISATIONS]
    return author.dice.shuffled([*persons, *firms])


def described(author: Author, name: Noun, number: int) -> Entity:
    """The entity of a name, with a description of two events."""
    topic = author.dice.pick(lexicon.TOPICS)
    return Entity(_FIRST_NUMBER + number, name, topic, tuple(_deed(author, name, topic) for _ in range(2)))


def mentioned(author: Author, entity: Entity) -> Mention:
    """A mention of `entity` in a report of two events, the other one of somebody else."""
    dice = author.dice
    own = _deed(author, entity.name, entity.topic)
    while (other := brief(author.new_event(entity.topic, negated=False))).agent == entity.name:
        pass
    place = dice.below(2)
    return Mention(entity, (own, other) if place == 0 else (other, own), place)


def _deed(author: Author, name: Noun, topic: Topic) -> Event:
    verb = author.dice.pick(topic.chain)
    return replace(brief(author.new_event(topic, agent=name, verb=verb, negated=False)), agent=name)
