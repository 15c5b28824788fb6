"""Natural language inference: what follows from an event, what contradicts it, and what is neither.

* entailment: parts left out, a thing named by its class, a synonym;
* contradiction: one part replaced by what excludes it (opposite, sibling, other place, time, number or person), or negated;
* neutral: another deed of the same person, something added, or a thing narrowed from its class.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from training.world import lexicon
from training.world.meaning import Author, Event, Noun

LABELS = ("entailment", "neutral", "contradiction")


@dataclass(frozen=True, slots=True)
class Inference:
    """A premise, a hypothesis and how they stand to one another."""

    premise: Event
    hypothesis: Event
    label: str


def inferences(author: Author, count: int) -> list[Inference]:
    """`count` inferences, each with a premise of its own, the labels in turn."""
    makers: dict[str, Callable[[Author, Event], Event | None]] = {
        "entailment": _entailed,
        "neutral": _neutral,
        "contradiction": _contradicted,
    }
    made: list[Inference] = []
    while len(made) < count:
        label = LABELS[len(made) % len(LABELS)]
        premise = author.new_event()
        hypothesis = makers[label](author, premise)
        if hypothesis is not None and hypothesis != premise:
            made.append(Inference(premise, hypothesis, label))
    author.reserve(inference.hypothesis for inference in made)
    return author.dice.shuffled(made)


def _entailed(author: Author, premise: Event) -> Event | None:
    hypothesis = _shortened(author, premise, 0.6)
    if author.dice.chance(0.35) and hypothesis.object.head in lexicon.KIND_OF:
        hypothesis = replace(hypothesis, object=replace(hypothesis.object, words=(lexicon.KIND_OF[hypothesis.object.head],)))
    if author.dice.chance(0.5):
        hypothesis = replace(hypothesis, verb=lexicon.SYNONYMS.get(hypothesis.verb, hypothesis.verb))
    return hypothesis


def _contradicted(author: Author, premise: Event) -> Event | None:
    dice = author.dice
    changes = (negated, opposed, other_thing, other_place, other_time, other_agent)
    changed = dice.pick([event for event in (change(author, premise) for change in changes) if event is not None])
    kept = {name for name in ("place", "time", "manner") if getattr(changed, name) != getattr(premise, name)}
    return _shortened(author, changed, 0.35, kept)


def _neutral(author: Author, premise: Event) -> Event | None:
    dice = author.dice
    draw = dice.number()
    topic = next(topic for topic in lexicon.TOPICS if topic.name == premise.topic)
    if draw < 0.4:
        elsewhere = dice.other(lexicon.TOPICS, topic)
        thing, verb = author.thing(elsewhere), dice.pick(elsewhere.chain)
        return _shortened(author, replace(premise, topic=elsewhere.name, object=thing, verb=verb), 0.5)
    if draw < 0.55:
        return _shortened(author, replace(premise, verb=dice.other(topic.chain, premise.verb)), 0.5)
    if draw < 0.65 and premise.object.head in lexicon.THINGS_OF:
        return replace(premise, object=replace(premise.object, words=(dice.pick(topic.things),)))
    added: dict[str, Any] = {}
    if premise.place is None:
        added["place"] = author.place(topic)
    if not premise.time:
        added["time"] = author.time()
    if not premise.object.adjective:
        added["object"] = replace(premise.object, adjective=dice.pick(lexicon.ADJECTIVES_OF_THINGS))
    if not added:
        return None
    name = dice.pick(sorted(added))
    return _shortened(author, replace(premise, **{name: added[name]}), 0.3, {name})


def _shortened(author: Author, event: Event, share: float, kept: set[str] | frozenset[str] = frozenset()) -> Event:
    """`event` with each modifier but the `kept` ones left out with probability `share`."""
    drop = author.dice.chance
    place = None if "place" not in kept and drop(share) else event.place
    time = "" if "time" not in kept and drop(share) else event.time
    manner = "" if "manner" not in kept and drop(share) else event.manner
    return replace(event, place=place, time=time, manner=manner)


def negated(author: Author, event: Event) -> Event | None:
    """The opposite statement."""
    return replace(event, negated=not event.negated)


def opposed(author: Author, event: Event) -> Event | None:
    """`event` with the opposite adjective on its thing; None where it has none."""
    noun = event.object
    return replace(event, object=replace(noun, adjective=lexicon.OPPOSITE[noun.adjective])) if noun.adjective else None


def other_thing(author: Author, event: Event) -> Event | None:
    """`event` with another thing of the same class; None where the class itself is named."""
    kind = lexicon.KIND_OF.get(event.object.head)
    if kind is None:
        return None
    other = author.dice.other(lexicon.THINGS_OF[kind], event.object.head)
    return replace(event, object=replace(event.object, words=(other,)))


def other_place(author: Author, event: Event) -> Event | None:
    """`event` at another place of the same sort; None where it has none."""
    if event.place is None:
        return None
    if event.place.entity == "LOC":
        return replace(event, place=Noun((author.dice.other(lexicon.CITIES, event.place.head),), "LOC"))
    return replace(event, place=Noun((author.dice.other(lexicon.PLACES, event.place.head),)))


def other_time(author: Author, event: Event) -> Event | None:
    """`event` on another day, or in another year; None where it has no time."""
    if not event.time:
        return None
    return replace(event, time=author.dice.other(lexicon.YEARS if event.time in lexicon.YEARS else lexicon.DAYS, event.time))


def other_agent(author: Author, event: Event) -> Event | None:
    """`event` done by another person; None where an organisation did it."""
    agent = event.agent
    if agent.entity == "PER":
        first = author.dice.other(lexicon.FIRST_NAMES, agent.words[0])
        return replace(event, agent=Noun((first, *agent.words[1:]), "PER"))
    if agent.entity:
        return None
    return replace(event, agent=replace(agent, words=(author.dice.other(lexicon.PEOPLE, agent.head),)))
