"""The pretraining text: what teaches a model this small that the languages speak of one world.

A line is running text, or a text and its translation with a tab between. Plain text in one language at a time does not align a
small model in a minute; translations side by side and code-switched sentences do, so they make up most of it. No line states
an event that an evaluation set states. A press of one language prints plain sentences in place of both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from training.world import lexicon
from training.world.choices import neighbours
from training.world.dice import Dice
from training.world.languages import LANGUAGES
from training.world.meaning import Author, Event, bare, brief
from training.world.reading import passage, told
from training.world.render import Speaker, capitalised

GLOSSES, PAIRS, SWITCHED, STORIES = 0.3, 0.3, 0.15, 0.12
SWITCHING = 0.4
ASKED_FOR = {"cause": "What was the cause?", "effect": "What happened as a result?"}


class Press:
    """Writes the training text: glosses, translations, code-switched sentences, stories, questions with their answers."""

    def __init__(
        self, author: Author, speaker: Speaker, reserved: Collection[Event], languages: Sequence[str] = LANGUAGES
    ) -> None:
        """A press that prints none of the `reserved` events; `stated` keeps those it prints beside the author's new ones."""
        self._author, self._speaker, self._reserved, self._languages = author, speaker, reserved, languages
        self.stated: set[Event] = set()
        self._dice: Dice = author.dice

    def lines(self, count: int) -> Iterator[str]:
        """`count` lines of training text."""
        alone = len(self._languages) == 1
        for _ in range(count):
            draw, code = self._dice.number(), self._dice.pick(self._languages)
            if alone and draw < GLOSSES + PAIRS + SWITCHED:
                yield self._plain(code)
            elif draw < GLOSSES + PAIRS:
                yield self._translation(code, gloss=draw < GLOSSES)
            elif draw < GLOSSES + PAIRS + SWITCHED:
                yield self._speaker.text(self._author.new_event(), code, self._dice, switching=SWITCHING)
            elif draw < GLOSSES + PAIRS + SWITCHED + STORIES:
                yield self._story(code)
            else:
                yield self._dialogue(code)

    def _translation(self, code: str, *, gloss: bool) -> str:
        """A sentence, or two or three parts of one, in two languages; one of them is `en` most of the time."""
        dice = self._dice
        while not self._free((bare(event := self._author.new_event()),)):
            pass
        both = (code, dice.other(LANGUAGES, code) if code == "en" or dice.chance(0.2) else "en")
        if not gloss:
            return "\t".join(self._speaker.text(event, language, dice) for language in both)
        self.stated.add(bare(event))
        slots = dice.shuffled([slot for slot in "SVOPTA" if event.slot[slot]])[: 2 + dice.below(2)]
        return "\t".join(self._speaker.phrase(event, language, slots) for language in dice.shuffled(both))

    def _plain(self, code: str) -> str:
        while not self._free((event := self._author.new_event(),)):
            pass
        return self._speaker.text(event, code, self._dice)

    def _story(self, code: str) -> str:
        """An event and its effect, or its cause, often after the question that choice tasks ask."""
        dice = self._dice
        question = "cause" if dice.chance(0.4) else "effect"
        while True:
            premise, after, _ = neighbours(self._author, dice.pick(lexicon.TOPICS), question)
            if self._free(events := (brief(premise), after)):
                break
        self.stated.update(events)
        link = f" {ASKED_FOR[question]} " if question == "cause" or dice.chance(0.5) else " "
        return link.join(self._speaker.text(event, self._mostly(code), dice) for event in events)

    def _dialogue(self, code: str) -> str:
        """One or two events, a question for one part and its answer; the question in another language at times."""
        dice = self._dice
        while not self._free((text := passage(self._author, 1, (1, 2))).events):
            pass
        self.stated.update(text.events)
        at, letter = text.questions[0]
        context, parts = told(text.events, self._speaker, code, dice)
        question = self._speaker.text(text.events[at], self._mostly(code), dice, asked=letter)
        return f"{context} {question} {capitalised(parts[at][letter][1])}."

    def _mostly(self, code: str) -> str:
        return code if self._dice.chance(0.5) else self._dice.pick(self._languages)

    def _free(self, events: tuple[Event, ...]) -> bool:
        return not any(event in self._reserved for event in events)


def plain_lines(author: Author, speaker: Speaker, code: str, count: int) -> list[str]:
    """Sentences of one language alone."""
    return [speaker.text(author.new_event(), code, author.dice) for _ in range(count)]
