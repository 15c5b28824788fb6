"""The tasks that came after the first ones: thought of when all else is said, so that the first files stay as they are.

Evaluation sets come first here too. Whatever the corpus or an earlier set states is sifted out of them, and whatever they state
is sifted out of the training sets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from training.world import formats, pair_formats, retrieval_formats
from training.world.comparable import comparable, sentences_needed
from training.world.dice import Dice
from training.world.inference import Inference
from training.world.languages import LANGUAGES
from training.world.linking import Linking
from training.world.meaning import Author, Event
from training.world.plans import PAWSX, PLANS, Plan
from training.world.reading import Passage
from training.world.render import Speaker
from training.world.sieve import Sieve
from training.world.supertags import CATEGORIES

Files = Iterator[tuple[str, str]]
T = TypeVar("T")
MINED = {"dev": 120, "test": 160}
"""Sentences of each side of a mining set."""
TRANSLATED_PAIRS, TRANSLATED_TEXTS = 1500, 200
TEXT_LINES = 600
"""Lines of running text in the first language; each next one has a twelfth less, so that how languages are sampled matters."""


class FurtherTasks:
    """Writes the further tasks of a world in which `said` is said; `sieve` knows what the corpus and the first tasks state."""

    def __init__(self, seed: int, speaker: Speaker, said: set[Event], sieve: Sieve) -> None:
        """The further tasks of the world made from `seed`."""
        self._seed, self._speaker, self._said, self._sieve = seed, speaker, said, sieve
        self._learned: dict[str, list[Any]] = {}

    def files(self) -> Files:
        """Path and content of every file but those of `translations`."""
        linking = Linking(self._author("mewslix"), self._speaker, self._sieve)
        for split in ("test", "dev", "train"):
            for plan in PLANS:
                if split in plan.files:
                    yield from self._planned(plan, split)
            yield from linking.files(split)
            if split in MINED:
                for code in LANGUAGES[1:]:
                    yield from self._mined(code, split)
        yield "ccg/supertags.txt", formats.lines(CATEGORIES)
        for rank, code in enumerate(LANGUAGES):
            yield from self._running_text(code, TEXT_LINES * (12 - rank) // 12)

    def translations(self, inferences: Sequence[Inference], texts: Sequence[Passage]) -> Files:
        """The first examples of the NLI and reading training sets, and the paraphrases, in other languages; after `files`."""
        speaker, items = self._speaker, inferences[:TRANSLATED_PAIRS]
        for code in LANGUAGES:
            name = f"XNLI-MT-1.0/multinli/multinli.train.{code}.tsv"
            yield name, pair_formats.translated_nli(items, speaker, code, self._dice(name))
        for code in LANGUAGES[1:]:
            name = f"xtreme_translations/SQuAD/translate-train/squad.translate.train.en-{code}.json"
            yield name, formats.squad(texts[:TRANSLATED_TEXTS], speaker, code, self._dice(name), "train")
            name = f"x-final/{code}/translated_train.tsv"
            yield name, pair_formats.translated_pawsx(self._learned[PAWSX.name], speaker, code, self._dice(name))

    def _planned(self, plan: Plan[T], split: str) -> Files:
        path = plan.files[split]
        codes = LANGUAGES if "{lang}" in path and split != "train" else ("en",)
        items = self._examples(plan, split, f"{plan.name}/{split}") if plan.parallel else []
        for code in codes:
            name = f"{plan.name}/{split}-{code}"
            own = items if plan.parallel else self._examples(plan, split, name)
            yield path.format(lang=code), plan.write(own, self._speaker, code, self._dice(name), split)
        if split == "train":
            self._learned[plan.name] = items

    def _examples(self, plan: Plan[T], split: str, stream: str) -> list[T]:
        author = self._author(stream)
        keep = self._sieve.training if split == "train" else self._sieve.evaluation
        return keep(plan.counts[split], lambda count: plan.make(author, count), plan.events, plan.label, plan.labels)

    def _mined(self, code: str, split: str) -> Files:
        author, side = self._author(f"bucc2018/{split}-{code}"), MINED[split]
        events = self._sieve.evaluation(sentences_needed(side), author.new_events, lambda event: (event,))
        item = comparable(author, events, side)
        source, english, gold = retrieval_formats.bucc(item, self._speaker, code, self._dice(f"bucc2018/{split}-{code}"))
        yield f"bucc2018/{code}-en.{split}.{code}", source
        yield f"bucc2018/{code}-en.{split}.en", english
        yield f"bucc2018/{code}-en.{split}.gold", gold

    def _running_text(self, code: str, count: int) -> Files:
        author = self._author(f"mlm/{code}")
        events = self._sieve.training(count, author.new_events, lambda event: (event,))
        yield f"mlm/{code}.txt", formats.lines(self._speaker.text(event, code, author.dice) for event in events)

    def _author(self, stream: str) -> Author:
        return Author(Dice(self._seed, stream), self._said)

    def _dice(self, stream: str) -> Dice:
        return Dice(self._seed, f"{stream}/text")
