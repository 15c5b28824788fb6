"""What the mini world talks about: topics with their things, people and places, and the words that hold sentences together.

A concept is named by its English-role word. Each topic is a small script: its four `chain` verbs happen to one object in that
order (a soup is mixed, cooked, served, tasted), which is the event knowledge behind the multiple-choice tasks.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: the class of its things, the things, its people, its places and its chain of verbs."""

    name: str
    kind: str
    things: tuple[str, ...]
    people: tuple[str, ...]
    places: tuple[str, ...]
    chain: tuple[str, ...]


def _topic(name: str, kind: str, things: str, people: str, places: str, chain: str) -> Topic:
    return Topic(name, kind, tuple(things.split()), tuple(people.split()), tuple(places.split()), tuple(chain.split()))


TOPICS: tuple[Topic, ...] = (
    _topic("kitchen", "dish", "soup cake stew salad", "cook waiter", "kitchen", "mixed cooked served tasted"),
    _topic("farm", "fruit", "apple pear plum melon", "farmer gardener", "orchard", "planted watered picked peeled"),
    _topic("school", "text", "book letter poem report", "teacher student", "school", "opened copied learned explained"),
    _topic("clinic", "animal", "dog horse cow goat", "doctor nurse", "clinic", "called examined treated released"),
    _topic("music", "instrument", "violin guitar piano drum", "singer dancer", "theater", "tuned practiced played recorded"),
    _topic("traffic", "vehicle", "car truck bus tractor", "driver mechanic", "garage", "stopped repaired tested parked"),
    _topic("clothes", "garment", "coat shirt hat glove", "tailor actor", "boutique", "measured sewed ironed folded"),
    _topic("art", "artwork", "statue portrait mask vase", "artist collector", "museum", "sketched painted framed displayed"),
)
TOPIC_OF_VERB: dict[str, Topic] = {verb: topic for topic in TOPICS for verb in topic.chain}
KIND_OF: dict[str, str] = {thing: topic.kind for topic in TOPICS for thing in topic.things}
THINGS_OF: dict[str, tuple[str, ...]] = {topic.kind: topic.things for topic in TOPICS}

GENERAL_VERBS: tuple[str, ...] = ("bought", "found", "lost", "liked")
PLACES: tuple[str, ...] = tuple(place for topic in TOPICS for place in topic.places)
PEOPLE: tuple[str, ...] = tuple(person for topic in TOPICS for person in topic.people)
DAYS: tuple[str, ...] = ("monday", "tuesday", "thursday", "friday", "sunday")
YEARS: tuple[str, ...] = tuple(str(year) for year in range(1975, 2020, 9))
COUNTS: tuple[str, ...] = ("2", "3", "4", "5", "6", "7", "8", "9")

OPPOSITES_OF_THINGS: tuple[tuple[str, str], ...] = (
    ("big", "small"), ("new", "ancient"), ("clean", "dirty"), ("heavy", "light"), ("red", "green"),
)  # fmt: skip
OPPOSITES_OF_PEOPLE: tuple[tuple[str, str], ...] = (("happy", "sad"), ("rich", "poor"), ("young", "old"))
OPPOSITES_OF_MANNER: tuple[tuple[str, str], ...] = (("quickly", "slowly"), ("quietly", "loudly"))
OPPOSITE: dict[str, str] = {
    word: other
    for pairs in (OPPOSITES_OF_THINGS, OPPOSITES_OF_PEOPLE, OPPOSITES_OF_MANNER)
    for pair in pairs
    for word, other in (pair, pair[::-1])
}
ADJECTIVES_OF_THINGS: tuple[str, ...] = tuple(word for pair in OPPOSITES_OF_THINGS for word in pair)
ADJECTIVES_OF_PEOPLE: tuple[str, ...] = tuple(word for pair in OPPOSITES_OF_PEOPLE for word in pair)
ADVERBS: tuple[str, ...] = tuple(word for pair in OPPOSITES_OF_MANNER for word in pair)
SYNONYMS: dict[str, str] = {
    "bought": "purchased", "found": "discovered", "liked": "loved", "cook": "chef", "doctor": "physician", "car": "automobile",
    "big": "large", "happy": "glad", "repaired": "fixed", "painted": "colored",
}  # fmt: skip

FUNCTION_WORDS: dict[str, str] = {
    "the": "DET", "many": "DET", "in": "ADP", "at": "ADP", "on": "ADP", "object": "ADP", "not": "PART", "asking": "PART",
    "who": "PRON", "what": "PRON", "where": "ADV", "when": "ADV",
}  # fmt: skip

FIRST_NAMES: tuple[str, ...] = tuple(
    "anna bruno clara david elena felix greta hugo irina jonas karin leo maria nadia oskar paula rita simon tina viktor".split()
)
SURNAMES: tuple[str, ...] = tuple("adler bergman dorin farkas horvat kovar lindal moreno".split())
CITIES: tuple[str, ...] = tuple("velmora tarsk olindo brenna kastel moravi pelago sundar ridona falken harmos lovina".split())
BRANDS: tuple[str, ...] = tuple("axiom bravon cortex delmar elvita fonix gamex helios".split())
ORGANISATIONS: tuple[str, ...] = ("bank", "hotel", "club")


def plural_concepts() -> tuple[str, ...]:
    """The nouns that have a plural form."""
    kinds = tuple(topic.kind for topic in TOPICS)
    things = tuple(thing for topic in TOPICS for thing in topic.things)
    return (*kinds, *things, *(SYNONYMS[thing] for thing in things if thing in SYNONYMS))


def content_words() -> dict[str, str]:
    """Every content concept with its part of speech (names apart)."""
    words: dict[str, str] = dict.fromkeys(plural_concepts(), "NOUN")
    words |= dict.fromkeys((*PEOPLE, *PLACES, *ORGANISATIONS, "chef", "physician"), "NOUN")
    words |= dict.fromkeys(DAYS, "PROPN")
    words |= dict.fromkeys((*TOPIC_OF_VERB, *GENERAL_VERBS, "purchased", "discovered", "loved", "fixed", "colored"), "VERB")
    words |= dict.fromkeys((*ADJECTIVES_OF_THINGS, *ADJECTIVES_OF_PEOPLE, "large", "glad"), "ADJ")
    words |= dict.fromkeys(ADVERBS, "ADV")
    return words
