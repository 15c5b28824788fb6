"""Writes the entity-linking files: candidates, English pairs to learn from, mentions in every language.

Entities are split as in Mewsli-X: none of dev or test occurs in the training pairs, and the candidates hold the entities of all
evaluation sets and others beside them, each described in a language of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from training.world import retrieval_formats
from training.world.entities import Entity, Mention, described, mentioned, names
from training.world.languages import LANGUAGES
from training.world.meaning import Author, Event, Noun
from training.world.render import Speaker
from training.world.sieve import Sieve, Sift

SHARES = {"test": 60, "dev": 30, "pairs": 20, "others": 20}
"""Entities by what they are for; the rest are learned from."""
MENTIONS_OF_TRAINED, MENTIONS = 6, 2


class Linking:
    """The entities of a world, and the files about them."""

    def __init__(self, author: Author, speaker: Speaker, sieve: Sieve) -> None:
        """Describe every entity; descriptions of candidates count as evaluation data."""
        self._author, self._speaker, self._sieve = author, speaker, sieve
        left = list(enumerate(names(author)))
        self._entities: dict[str, list[Entity]] = {}
        for share, count in SHARES.items():
            taken, left = left[:count], left[count:]
            self._entities[share] = [self._described(number, name, sieve.evaluation) for number, name in taken]
        self._rest = left

    def files(self, split: str) -> Iterator[tuple[str, str]]:
        """The files of a split; the candidates come with test."""
        if split == "train":
            trained = [self._described(number, name, self._sieve.training) for number, name in self._rest]
            yield self._pairs(trained, MENTIONS_OF_TRAINED, split)
            return
        if split == "test":
            every = [entity for entities in self._entities.values() for entity in entities]
            chosen = [(entity, self._author.dice.pick(LANGUAGES)) for entity in sorted(every, key=lambda one: one.number)]
            name = "mewslix/candidate_set_entities.jsonl"
            yield name, retrieval_formats.candidates(chosen, self._speaker, self._author.dice)
        else:
            yield self._pairs(self._entities["pairs"], MENTIONS, split)
        for code in LANGUAGES:
            found = self._mentions(self._entities[split], MENTIONS, split)
            mentions, labels = retrieval_formats.wikinews(found, self._speaker, code, self._author.dice, split)
            yield f"mewslix/wikinews_mentions/{split}-{code}.jsonl", mentions
            yield f"mewslix/wikinews_labels/{split}-{code}.json", labels

    def _described(self, number: int, name: Noun, keep: Sift) -> Entity:
        (entity,) = keep(1, lambda _: [described(self._author, name, number)], _description)
        return entity

    def _pairs(self, entities: Sequence[Entity], each: int, split: str) -> tuple[str, str]:
        found = self._mentions(entities, each, split)
        content = retrieval_formats.wikipedia_pairs(found, self._speaker, self._author.dice, split)
        return f"mewslix/wikipedia_pairs-{split}.jsonl", content

    def _mentions(self, entities: Sequence[Entity], each: int, split: str) -> list[Mention]:
        keep = self._sieve.training if split == "train" else self._sieve.evaluation
        found = [mention for entity in entities for mention in self._mentions_of(entity, each, keep)]
        return self._author.dice.shuffled(found)

    def _mentions_of(self, entity: Entity, each: int, keep: Sift) -> list[Mention]:
        return keep(each, lambda count: [mentioned(self._author, entity) for _ in range(count)], _report)


def _description(entity: Entity) -> tuple[Event, ...]:
    return entity.description


def _report(mention: Mention) -> tuple[Event, ...]:
    return mention.events
