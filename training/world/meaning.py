"""What is said, before any language says it: noun phrases, events, and the author who thinks of them.

An event is a tuple of choices and nothing else, so that "has this been said already?" is set membership: the evaluation sets
reserve their events first, and training sets and corpus then never state one of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from training.world import lexicon
from training.world.dice import Dice
from training.world.lexicon import Topic


@dataclass(frozen=True, slots=True)
class Noun:
    """A noun phrase. `entity` is PER, LOC or ORG for names, whose `words` are more than one at times."""

    words: tuple[str, ...]
    entity: str = ""
    adjective: str = ""
    count: str = ""
    plural: bool = False

    @property
    def head(self) -> str:
        """The concept the phrase is about."""
        return self.words[-1]


@dataclass(frozen=True, slots=True)
class Event:
    """Who did what to what, where, when and how; absent parts are None or empty. `topic` is not said."""

    topic: str = field(compare=False)
    agent: Noun
    verb: str
    object: Noun
    place: Noun | None = None
    time: str = ""
    manner: str = ""
    negated: bool = False

    @property
    def slot(self) -> dict[str, Noun | str | None]:
        """The parts by the letters that clause templates use."""
        return {"S": self.agent, "V": self.verb, "O": self.object, "P": self.place, "T": self.time, "A": self.manner}


def brief(event: Event) -> Event:
    """`event` with one modifier at most: its place, or else its time."""
    return replace(event, manner="", time="" if event.place else event.time)


def bare(event: Event) -> Event:
    """`event` without its modifiers: who did what."""
    return replace(event, place=None, time="", manner="")


def with_part(event: Event, letter: str, part: Noun | str) -> Event:
    """`event` with another agent (S), object (O), place (P) or time (T, which is a str)."""
    changed: dict[str, Any] = {{"S": "agent", "O": "object", "P": "place", "T": "time"}[letter]: part}
    return replace(event, **changed)


class Author:
    """Thinks of events, each different from all that any author sharing `said` thought of before."""

    def __init__(self, dice: Dice, said: set[Event]) -> None:
        """An author who draws from `dice`."""
        self.dice, self._said = dice, said

    def new_event(self, topic: Topic | None = None, **fixed: Any) -> Event:
        """An event nobody has stated, with the given parts fixed."""
        while True:
            event = self.event(topic or self.dice.pick(lexicon.TOPICS), **fixed)
            if event not in self._said:
                self._said.add(event)
                return event

    def new_events(self, count: int) -> list[Event]:
        """`count` events nobody has stated."""
        return [self.new_event() for _ in range(count)]

    def reserve(self, events: Iterable[Event]) -> None:
        """Events that nobody shall state from now on."""
        self._said.update(events)

    def event(self, topic: Topic, **fixed: Any) -> Event:
        """An event of a topic, with the given parts fixed; it may have been stated before."""
        dice = self.dice
        event = Event(
            topic.name,
            self.agent(topic),
            dice.pick(topic.chain) if dice.chance(0.8) else dice.pick(lexicon.GENERAL_VERBS),
            self.thing(topic),
            self.place(topic) if dice.chance(0.4) else None,
            self.time() if dice.chance(0.25) else "",
            dice.pick(lexicon.ADVERBS) if dice.chance(0.1) else "",
            dice.chance(0.12),
        )
        return replace(event, **fixed) if fixed else event

    def agent(self, topic: Topic) -> Noun:
        """Someone who acts: a person of the topic, a named person, or an organisation."""
        dice, draw = self.dice, self.dice.number()
        if draw < 0.5:
            adjective = dice.pick(lexicon.ADJECTIVES_OF_PEOPLE) if dice.chance(0.3) else ""
            return Noun((dice.pick(topic.people),), adjective=adjective)
        return self.person() if draw < 0.9 else self.organisation()

    def person(self) -> Noun:
        """A named person."""
        first = self.dice.pick(lexicon.FIRST_NAMES)
        return Noun((first, self.dice.pick(lexicon.SURNAMES)) if self.dice.chance(0.3) else (first,), "PER")

    def organisation(self) -> Noun:
        """A brand, or a bank, club, hotel or agency named after a brand or a city."""
        dice = self.dice
        name = dice.pick(lexicon.BRANDS) if dice.chance(0.6) else dice.pick(lexicon.CITIES)
        kind = (dice.pick(lexicon.ORGANISATIONS),) if name in lexicon.CITIES or dice.chance(0.6) else ()
        return Noun((name, *kind), "ORG")

    def thing(self, topic: Topic) -> Noun:
        """One thing of the topic or several, seldom by the name of its class."""
        dice = self.dice
        word = topic.kind if dice.chance(0.12) else dice.pick(topic.things)
        adjective = dice.pick(lexicon.ADJECTIVES_OF_THINGS) if dice.chance(0.35) else ""
        draw = dice.number()
        return Noun((word,), "", adjective, dice.pick(lexicon.COUNTS) if draw < 0.2 else "", draw < 0.3)

    def place(self, topic: Topic) -> Noun:
        """A place of the topic, a city or an organisation."""
        draw = self.dice.number()
        if draw < 0.5:
            return Noun((self.dice.pick(topic.places),))
        return Noun((self.dice.pick(lexicon.CITIES),), "LOC") if draw < 0.85 else self.organisation()

    def time(self) -> str:
        """A day or a year."""
        return self.dice.pick(lexicon.DAYS) if self.dice.chance(0.6) else self.dice.pick(lexicon.YEARS)
