"""What a retrieval target's vectors find, one class a scheme: translations, mined pairs, answer sentences, entities.

* Translation pairs (Tatoeba): the nearest line of the other language for each English line.
* Mining (BUCC 2018): pairs above a threshold that is tuned on the language's own dev gold. Its scores are an oracle's.
* Answer sentences (LAReQA): questions of every language against the sentences of every language at once; a candidate is the
  sentence followed by its whole paragraph, as in XTREME-R's `processors/lareqa.py`.
* Entities (Mewsli-X): mentions of every language against one set of descriptions, encoded block by block and forgotten; of
  Wikipedia pairs (English dev) against the descriptions of the split's own entities.

Gold is looked for before anything is encoded.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from training.data.corpus import Corpus
from training.data.entities import Entity, candidates_path, read_entities
from training.data.examples import Bitext, Comparable, Mention, SentenceQuestion
from training.data.passages import candidate_names
from training.data.readers import ReadRequest
from training.errors import DataError
from training.identity import EvaluationIdentity
from training.inference.vectors import TextVectors, chosen_layer
from training.metrics.mining import best_threshold, mine
from training.metrics.neighbours import CANDIDATE_BLOCK, Neighbours
from training.metrics.retrieval import DEPTH, nearest
from training.models.carry import ChainModel
from training.models.pooling import MEAN
from training.tasks.row import Kind, Split, TaskRow


@dataclass(frozen=True, kw_only=True)
class Retrieved:
    """By language: predictions and gold as the row's metric takes them, and the number of queries.

    `oracle` is true when the predictions depend on target-language gold, through the `thresholds` kept here. `candidates` names
    what answer sentences are ranked among. Where gold was not needed (`blank`), it may lack what a metric takes.
    """

    predictions: Mapping[str, Any]
    gold: Mapping[str, Any]
    examples: Mapping[str, int]
    thresholds: Mapping[str, float] = field(default_factory=dict)
    oracle: bool = False
    candidates: Sequence[str] = ()


@dataclass(frozen=True)
class Scheme(ABC):
    """How one kind of retrieval goes about it. Raises DataError where a language has no gold, unless `blank` is on."""

    corpus: Corpus
    target: EvaluationIdentity
    row: TaskRow
    vectors: TextVectors
    blank: bool = False

    @abstractmethod
    def retrieve(self) -> Retrieved:
        """Predictions in every language of the target."""

    def _only(self, split: str, language: str) -> Any:
        (example,) = self.corpus.examples(self.target.task, split, language)
        return example

    def _no_gold(self, language: str, split: str = "") -> DataError:
        remedy = "limit the languages of the task in the grid's `data` section to those with gold"
        if split:
            remedy = f"put the {split} gold beside its files, score dev (`scored_on: dev`), or {remedy}"
        return DataError(f"{self.row.name} has no gold for a language", language, remedy)


class TranslationPairs(Scheme):
    """The other side of each English line."""

    def retrieve(self) -> Retrieved:
        """The nearest candidate of each query, by cosine."""
        texts: dict[str, Bitext] = {lang: self._only(self.target.split, lang) for lang in self.target.languages}
        for language, bitext in texts.items():
            if bitext.gold is None and not self.blank:
                raise self._no_gold(language)
        return Retrieved(
            predictions=self._nearest(texts),
            gold={lang: None if bitext.gold is None else list(bitext.gold) for lang, bitext in texts.items()},
            examples={language: len(bitext.queries) for language, bitext in texts.items()},
        )

    def _nearest(self, texts: Mapping[str, Bitext]) -> dict[str, list[int]]:
        """Both sides of every language are encoded together: much of the English one is shared."""
        sides = [side for bitext in texts.values() for side in (bitext.queries, bitext.candidates)]
        vectors = self.vectors.of([line for side in sides for line in side])
        parts = iter(np.split(vectors, np.cumsum([len(side) for side in sides])[:-1]))
        device = self.vectors.runtime.device
        return {language: nearest(next(parts), next(parts), device=device) for language in texts}


class Mining(Scheme):
    """Translations among sentences that have none for the most part."""

    def retrieve(self) -> Retrieved:
        """Pairs at or above each language's threshold, from its dev gold, whichever split is scored."""
        split, languages = self.target.split, self.target.languages
        texts: dict[tuple[str, str], Comparable] = {}
        for language in languages:
            for one in dict.fromkeys((str(Split.DEV), str(split))):
                texts[one, language] = self._only(one, language)
                if texts[one, language].gold is None and (one == Split.DEV or not self.blank):
                    raise self._no_gold(language, one)
        thresholds, predictions = {}, {}
        for language in languages:
            dev = self._mined(texts[Split.DEV, language])
            known = texts[Split.DEV, language].gold or frozenset()
            thresholds[language] = _tuned(dev, known)
            found = dev if split == Split.DEV else self._mined(texts[split, language])
            predictions[language] = {pair for pair, value in found if value >= thresholds[language]}
        golds = {language: texts[split, language].gold for language in languages}
        return Retrieved(
            predictions=predictions,
            gold=golds,
            examples={language: len(gold or ()) for language, gold in golds.items()},
            thresholds=thresholds,
            oracle=True,
        )

    def _mined(self, text: Comparable) -> list[tuple[tuple[str, str], float]]:
        """Pairs of ids with their margins, best first.

        As in the public script, sentences that stand more than once are mined once and then left out: no single id is theirs.
        """
        left, right = _distinct(text.sentences, text.ids), _distinct(text.english, text.english_ids)
        device = self.vectors.runtime.device
        vectors = self.vectors.of([*left, *right])
        mined = mine(vectors[: len(left)], vectors[len(left) :], device=device)
        names, others = list(left.values()), list(right.values())
        pairs = ((names[one], others[two]) for one, two in mined.pairs.tolist())
        return [
            ((one, two), value)
            for (one, two), value in zip(pairs, mined.scores.tolist(), strict=True)
            if one is not None and two is not None
        ]


def _distinct(sentences: Sequence[str], ids: Sequence[str]) -> dict[str, str | None]:
    """Each sentence once, with its id, or None where it has several."""
    found: dict[str, str | None] = {}
    for sentence, name in zip(sentences, ids, strict=True):
        found[sentence] = None if sentence in found else name
    return found


def _tuned(found: Sequence[tuple[tuple[str, str], float]], gold: frozenset[tuple[str, str]]) -> float:
    scores = np.array([value for _, value in found])
    return best_threshold(scores, np.array([pair in gold for pair, _ in found], dtype=bool), len(gold))


class AnswerSentences(Scheme):
    """Questions against sentences of every language."""

    def retrieve(self) -> Retrieved:
        """The 20 nearest sentences of each question among those of all the target's languages."""
        questions: dict[str, list[SentenceQuestion]] = {}
        pool: list[tuple[str, str]] = []
        names: list[str] = []
        answers: dict[str, set[int]] = {}
        for language in self.target.languages:
            found = self.corpus.examples(self.target.task, self.target.split, language)
            questions[language] = [item for item in found if isinstance(item, SentenceQuestion)]
            starts: dict[str, int] = {}
            for item in questions[language]:
                if item.gold is None and not self.blank:
                    raise self._no_gold(language)
                if item.passage not in starts:
                    starts[item.passage] = len(pool)
                    names += candidate_names(item)
                    pool += [(sentence, item.context) for sentence in item.sentences]
                answers.setdefault(item.id, set()).update(starts[item.passage] + place for place in item.gold or ())
        asked = [item for items in questions.values() for item in items]
        rankings = iter(self._rankings([item.question for item in asked], pool))
        return Retrieved(
            predictions={language: list(islice(rankings, len(items))) for language, items in questions.items()},
            gold={language: [answers[item.id] for item in items] for language, items in questions.items()},
            examples={language: len(items) for language, items in questions.items()},
            candidates=names,
        )

    def _rankings(self, queries: list[str], pool: list[tuple[str, str]]) -> list[list[int]]:
        neighbours = Neighbours(self.vectors.of(queries), DEPTH, self.vectors.runtime.device)
        for start in range(0, len(pool), CANDIDATE_BLOCK):
            neighbours.add(self.vectors.of(pool[start : start + CANDIDATE_BLOCK]))
        rankings: list[list[int]] = neighbours.result()[1].tolist()
        return rankings


class EntityLinking(Scheme):
    """Mentions against descriptions of entities."""

    def retrieve(self) -> Retrieved:
        """The ids of the 20 nearest entities of each mention, by mention id."""
        mentions: dict[str, list[Mention]] = {}
        for language in self.target.languages:
            found = self.corpus.examples(self.target.task, self.target.split, language)
            mentions[language] = [item for item in found if isinstance(item, Mention)]
            if not self.blank and any(item.entity is None for item in mentions[language]):
                raise self._no_gold(language)
        everything = [item for items in mentions.values() for item in items]
        rankings = iter(self._rankings(everything))
        return Retrieved(
            predictions={
                language: {item.id: ranking for item, ranking in zip(items, islice(rankings, len(items)), strict=True)}
                for language, items in mentions.items()
            },
            gold={language: {item.id: item.entity for item in items} for language, items in mentions.items()},
            examples={language: len(items) for language, items in mentions.items()},
        )

    def _rankings(self, mentions: Sequence[Mention]) -> list[list[str]]:
        neighbours = Neighbours(self.vectors.of([item.text for item in mentions]), DEPTH, self.vectors.runtime.device)
        names: list[str] = []
        candidates = iter(self._candidates(mentions))
        while block := list(islice(candidates, CANDIDATE_BLOCK)):
            neighbours.add(self.vectors.of([entity.description for entity in block]))
            names += [entity.id for entity in block]
        self._check_known(mentions, names)
        return [[names[place] for place in ranking] for ranking in neighbours.result()[1].tolist()]

    def _candidates(self, mentions: Sequence[Mention]) -> Iterable[Entity]:
        source = self.corpus.sources[self.target.task]
        path = candidates_path(ReadRequest(self.row, source.root, self.target.split, self.target.languages[0]))
        if path is not None:
            return read_entities(path)
        return [Entity(name, text) for name, text in {item.entity or "": item.description for item in mentions}.items()]

    def _check_known(self, mentions: Sequence[Mention], names: Sequence[str]) -> None:
        lost = sorted({item.entity for item in mentions if item.entity is not None} - set(names))
        if lost:
            shown = ", ".join(lost[:3]) + (f" and {len(lost) - 3} more" if len(lost) > 3 else "")
            remedy = "fetch mentions, labels and candidates of one release"
            raise DataError(f"{self.row.name}: gold entities are missing from the candidates", shown, remedy)


SCHEMES: Mapping[str, type[Scheme]] = {
    "tatoeba_lines": TranslationPairs,
    "columns": TranslationPairs,
    "bucc_tsv": Mining,
    "xquad_r_json": AnswerSentences,
    "mewslix_jsonl": EntityLinking,
}
"""By the reader of a row, which decides what its examples are."""


def where_to_look(corpus: Corpus, target: EvaluationIdentity, model: ChainModel) -> tuple[int, str | None]:
    """Layer and pooling: those asked for, but of an encoder trained to retrieve those it was trained with (last layer, mean).

    Raises ModelError when the model has no such layer.
    """
    row = corpus.sources[target.task].row
    teacher = corpus.sources[row.training_row].row if row.training_row in corpus.sources else row
    if teacher.kind is Kind.RETRIEVAL and Split.TRAIN in teacher.files:
        return model.layers, MEAN
    return chosen_layer(target.layer, model.layers), target.pooling
