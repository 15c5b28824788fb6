"""Two sentences, or two questions: the same in other words, or one part off.

A paraphrase says an event again with synonyms; its writer then puts it in another order. A near-copy replaces a part or two by
a sibling, so that most words are common to both, as in PAWS. Two questions are duplicates where they ask for the same part of
the same event.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from training.world import lexicon
from training.world.inference import negated, opposed, other_agent, other_place, other_thing, other_time
from training.world.meaning import Author, Event, Noun, brief, with_part

TWO_CHANGES = 0.5


@dataclass(frozen=True, slots=True)
class Pair:
    """Two events, the part asked for in each (empty: they are stated), and whether they come to the same."""

    first: Event
    second: Event
    same: bool
    asked: tuple[str, str] = ("", "")

    @property
    def events(self) -> tuple[Event, ...]:
        """The events and, for questions, what is left of each without the part asked for: two events may give one question."""
        whole, letters = (self.first, self.second), self.asked
        return (*whole, *(_without(event, letter) for event, letter in zip(whole, letters, strict=True) if letter))


def paraphrases(author: Author, count: int) -> list[Pair]:
    """Statements, every other one with its paraphrase, the rest with a near-copy."""
    return [_statement(author, index % 2 == 0) for index in range(count)]


def duplicates(author: Author, count: int) -> list[Pair]:
    """Questions, every other one with its duplicate, the rest with a related question."""
    return [_question(author, index % 2 == 0) for index in range(count)]


def _statement(author: Author, same: bool) -> Pair:
    event = author.new_event()
    return Pair(event, _synonymous(event) if same else _changed(author, event), same)


def _question(author: Author, same: bool) -> Pair:
    dice = author.dice
    event = brief(author.new_event(negated=False))
    # A question for the thing has one order alone where it says neither place nor time.
    letters = [letter for letter in "SOPT" if event.slot[letter] and (letter != "O" or event.place or event.time)]
    letter = dice.pick(letters)
    if same:
        return Pair(event, _synonymous(event), True, (letter, letter))
    if len(letters) > 1 and dice.chance(0.4):
        return Pair(event, event, False, (letter, dice.other(letters, letter)))
    return Pair(event, _changed(author, event, letter), False, (letter, letter))


def _without(event: Event, letter: str) -> Event:
    return with_part(event, letter, letter if letter == "T" else Noun((letter,)))


def _synonymous(event: Event) -> Event:
    """`event` with a synonym wherever there is one."""
    agent = event.agent if event.agent.entity else _renamed(event.agent)
    return replace(event, agent=agent, object=_renamed(event.object), verb=_synonym(event.verb))


def _renamed(noun: Noun) -> Noun:
    return replace(noun, words=tuple(_synonym(word) for word in noun.words), adjective=_synonym(noun.adjective))


def _synonym(word: str) -> str:
    return lexicon.SYNONYMS.get(word, word)


def _changed(author: Author, event: Event, kept: str = "") -> Event:
    """`event` with one or two parts replaced, the part called `kept` left as it is."""
    ways = [("S", other_agent), ("O", other_thing), ("P", other_place), ("T", other_time), ("V", _other_verb)]
    ways += [] if kept else [("A", negated), ("O", opposed)]
    changed = event
    wanted = 1 + author.dice.chance(TWO_CHANGES)
    for letter, change in author.dice.shuffled(ways):
        other = change(author, changed) if letter != kept else None
        if other is not None and other != changed:
            changed, wanted = other, wanted - 1
        if not wanted:
            break
    return changed


def _other_verb(author: Author, event: Event) -> Event | None:
    topic = next(topic for topic in lexicon.TOPICS if topic.name == event.topic)
    return replace(event, verb=author.dice.other(topic.chain, event.verb))
