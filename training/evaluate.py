"""Scores the final weights on one target, in every language.

All languages of a target go through the encoder together, sorted by length, so that batches carry little padding; scores are
taken a language at a time. What is scored is a function of the model and the data: how batches are cut has no part in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.data.batches import collate, mask_tokens
from training.data.corpus import Corpus
from training.data.examples import Question, Tagged
from training.data.features import IGNORED, Encoded, Feature
from training.fitting import Notes
from training.identity import EvaluationIdentity, Runtime
from training.losses import Vocabulary
from training.metrics.scores import gold_of, score
from training.models.carry import ChainModel
from training.models.heads import head_name
from training.record import ENGLISH, TargetResult
from training.retrieval import SCHEMES, where_to_look
from training.tasks.row import Kind, TaskRow
from training.vectors import TextVectors, batch_fit, each_batch

MAX_ANSWER_TOKENS = 30
MAY_ABSTAIN = "squad_v2"
"""The metric of tasks with unanswerable questions: only there may a prediction be empty."""
Floats = NDArray[np.float32]


class Evaluator:
    """Scores one model; `model` holds the heads of its last phase, `notes` know how large a batch may be."""

    def __init__(
        self, model: ChainModel, corpus: Corpus, vocabulary: Vocabulary, runtime: Runtime, notes: Notes | None = None
    ) -> None:
        self.model, self.corpus, self.vocabulary, self.runtime, self.notes = model, corpus, vocabulary, runtime, notes
        self.device = torch.device(runtime.device)

    def evaluate(self, target: EvaluationIdentity) -> TargetResult:
        """Scores in every language of the target; raises DataError where a split carries no gold."""
        row = self.corpus.sources[target.task].row
        self.model.to(self.device).eval()
        with torch.inference_mode():
            if row.kind is Kind.RETRIEVAL:
                return self._retrieved(target, row)
            return _result(target, row, self._predicted(target, row))

    def _retrieved(self, target: EvaluationIdentity, row: TaskRow) -> TargetResult:
        layer, pooling = where_to_look(self.corpus, target, self.model)
        encoder = self.corpus.encoder(target.task)
        vectors = TextVectors(self.model, encoder, self.vocabulary, self.runtime, layer, pooling, self.notes)
        found = SCHEMES[row.reader](self.corpus, target, row, vectors).retrieve()
        scored = {
            language: (score(row, language, predictions, found.gold[language]), found.examples[language])
            for language, predictions in found.predictions.items()
        }
        result = _result(target, row, scored)
        return replace(result, layer=layer, pooling=pooling, thresholds=found.thresholds, oracle=found.oracle)

    def _predicted(self, target: EvaluationIdentity, row: TaskRow) -> dict[str, tuple[dict[str, float], int]]:
        splits = {
            language: self.corpus.encoded(target.task, target.split, language, target.data) for language in target.languages
        }
        golds = {
            language: None if row.kind is Kind.MLM else gold_of(row, encoded.examples) for language, encoded in splits.items()
        }
        outputs = self._forward(row, [feature for encoded in splits.values() for feature in encoded.features])
        scored, start = {}, 0
        for language, encoded in splits.items():
            part = outputs[start : start + len(encoded.features)]
            start += len(encoded.features)
            predictions, masked = DECODERS[row.kind](encoded, part)
            gold = masked if row.kind is Kind.MLM else golds[language]
            scored[language] = (score(row, language, predictions, gold), len(encoded.examples))
        return scored

    def _forward(self, row: TaskRow, features: Sequence[Feature]) -> list[Any]:
        """What each feature's head says, as small arrays, in the order of `features`."""
        outputs: list[Any] = [None] * len(features)
        head = self.model.heads[head_name(row)]

        def forward(places: list[int]) -> None:
            batch = [features[place] for place in places]
            labels = None
            if row.kind is Kind.MLM:
                own = (np.random.default_rng([feature.example, 15_485_863]) for feature in batch)
                batch, labels = mask_tokens(batch, self.vocabulary.mask, self.vocabulary.size, own)
            inputs = collate(batch, self.vocabulary.pad, self.device, types=self.vocabulary.types)
            hidden = self.model.encode(inputs)
            found = (
                _masked(head, hidden, labels, self.model.embeddings)
                if labels is not None
                else _reduced(row, head(hidden), batch)
            )
            for place, value in zip(places, found, strict=True):
                outputs[place] = value

        each_batch(features, batch_fit(self.runtime, row.kind.value, self.notes), forward)
        return outputs


def _result(target: EvaluationIdentity, row: TaskRow, scored: Mapping[str, tuple[dict[str, float], int]]) -> TargetResult:
    values = {language: metrics["score"] for language, (metrics, _) in scored.items()}
    others = [value for language, value in values.items() if language != ENGLISH]
    return TargetResult(
        task=target.task,
        split=target.split,
        languages={language: metrics for language, (metrics, _) in scored.items()},
        examples={name: count for name, (_, count) in scored.items()},
        mean=float(np.mean(list(values.values()))),
        mean_non_english=float(np.mean(others)) if others else None,
        synthetic=row.synthetic,
    )


def _masked(head: Any, hidden: Tensor, labels: Tensor, embeddings: Tensor) -> list[list[tuple[int, int]]]:
    """(predicted, gold) ids at the masked places of each row."""
    labels = labels.to(hidden.device)
    chosen = labels != IGNORED
    found = head(hidden[chosen], embeddings).argmax(-1).tolist()
    gold, rows = labels[chosen].tolist(), chosen.nonzero()[:, 0].tolist()
    pairs: list[list[tuple[int, int]]] = [[] for _ in range(len(hidden))]
    for row, one, other in zip(rows, found, gold, strict=True):
        pairs[row].append((one, other))
    return pairs


def _reduced(row: TaskRow, logits: Tensor, batch: Sequence[Feature]) -> list[Any]:
    """The least that scoring needs of each row's logits."""
    if row.kind is Kind.TAGGING:
        tags = logits.argmax(-1).cpu().numpy()
        return [tags[index, feature.positions] for index, feature in enumerate(batch)]
    if row.kind is Kind.SPAN:
        numbers = logits.float().cpu().numpy()
        none = numbers[:, 0, 0] + numbers[:, 0, 1]
        return [(*span, float(value)) for span, value in zip(best_spans(numbers, batch), none, strict=True)]
    return list(logits.float().cpu().numpy())


def best_spans(logits: Floats, batch: Sequence[Feature]) -> list[tuple[float, int, int]]:
    """The best (score, first, last) answer of each window: start + end logit, at most 30 tokens, inside the context.

    `logits` is [batch, length, 2]. Vectorised over windows: one pass for each answer length.
    """
    length = logits.shape[1]
    context = np.zeros(logits.shape[:2], dtype=bool)
    for index, feature in enumerate(batch):
        assert feature.offsets is not None
        context[index, : len(feature)] = feature.offsets[:, 0] >= 0
    starts = np.where(context, logits[..., 0], -np.inf)
    ends = np.where(context, logits[..., 1], -np.inf)
    best = np.full(len(batch), -np.inf, dtype=np.float32)
    first, last = np.zeros(len(batch), dtype=np.int64), np.zeros(len(batch), dtype=np.int64)
    for extra in range(min(MAX_ANSWER_TOKENS, length)):
        sums = starts[:, : length - extra] + ends[:, extra:]
        place = sums.argmax(1)
        value = sums[np.arange(len(batch)), place]
        better = value > best
        best, first, last = np.where(better, value, best), np.where(better, place, first), np.where(better, place + extra, last)
    return [(float(value), int(one), int(other)) for value, one, other in zip(best, first, last, strict=True)]


def _labels(encoded: Encoded, outputs: Sequence[Floats]) -> tuple[list[int], None]:
    if encoded.row.kind is Kind.CHOICE:
        return np.concatenate(outputs).reshape(-1, encoded.group).argmax(1).tolist(), None
    return [int(logits.argmax()) for logits in outputs], None


def _tags(encoded: Encoded, outputs: Sequence[NDArray[np.int64]]) -> tuple[list[list[int]], None]:
    predicted = [[-1] * len(example.words) for example in encoded.examples if isinstance(example, Tagged)]
    for feature, tags in zip(encoded.features, outputs, strict=True):
        assert feature.words is not None
        for word, tag in zip(feature.words.tolist(), tags.tolist(), strict=True):
            predicted[feature.example][word] = tag
    if any(-1 in tags for tags in predicted):
        raise AssertionError(f"{encoded.row.name}: a word has no prediction")
    return predicted, None


def _answers(encoded: Encoded, outputs: Sequence[tuple[float, int, int, float]]) -> tuple[dict[str, str], None]:
    """The best span of a question over its windows, or "" where the task knows unanswerable questions and that scores higher.

    Outputs are (score, first, last, score of the first token as start and end). Windows without the answer are trained towards
    the first token, so a question's score of having no answer is the least over its windows (Devlin et al. 2019, section 4.3).
    """
    best: dict[str, tuple[float, str]] = {}
    none: dict[str, float] = {}
    for feature, (value, first, last, unanswered) in zip(encoded.features, outputs, strict=True):
        example = encoded.examples[feature.example]
        assert isinstance(example, Question) and feature.offsets is not None
        none[example.id] = min(unanswered, none.get(example.id, unanswered))
        if example.id not in best or value > best[example.id][0]:
            text = example.context[int(feature.offsets[first, 0]) : int(feature.offsets[last, 1])]
            best[example.id] = (value, text.strip())
    abstains = encoded.row.metric == MAY_ABSTAIN
    return {name: "" if abstains and none[name] > value else text for name, (value, text) in best.items()}, None


def _words(encoded: Encoded, outputs: Sequence[list[tuple[int, int]]]) -> tuple[list[int], list[int]]:
    pairs = [pair for row in outputs for pair in row]
    return [one for one, _ in pairs], [other for _, other in pairs]


Decoder = Callable[[Encoded, Sequence[Any]], tuple[Any, Any]]
DECODERS: Mapping[Kind, Decoder] = {
    Kind.CLASSIFICATION: _labels,
    Kind.CHOICE: _labels,
    Kind.TAGGING: _tags,
    Kind.SPAN: _answers,
    Kind.MLM: _words,
}
"""From a head's outputs to predictions; masked language modelling also gives the gold, which its masking makes."""
