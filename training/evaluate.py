"""Scores the final weights on one target, in every language.

All languages of a target go through the encoder together, sorted by length, so that batches carry little padding; scores are
taken a language at a time. What is scored is a function of the model and the data: how batches are cut has no part in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.data.batches import collate, mask_tokens
from training.data.corpus import Corpus
from training.data.examples import Bitext, Question, Tagged
from training.data.features import IGNORED, Encoded, Feature
from training.errors import DataError, ModelError
from training.identity import EvaluationIdentity, Runtime
from training.losses import Vocabulary
from training.metrics.retrieval import nearest
from training.metrics.scores import gold_of, score
from training.models.carry import ChainModel
from training.models.heads import head_name
from training.record import ENGLISH, TargetResult
from training.tasks.row import Kind, TaskRow

MAX_ANSWER_TOKENS = 30
Floats = NDArray[np.float32]


def default_layer(layers: int) -> int:
    """Retrieval layer when none is asked for: 14 of XLM-R Large's 24 layers, in proportion (Hu et al. 2020 use the middle)."""
    return round(14 / 24 * layers)


class Evaluator:
    """Scores one model; `model` holds the heads of its last phase."""

    def __init__(self, model: ChainModel, corpus: Corpus, vocabulary: Vocabulary, runtime: Runtime) -> None:
        self.model, self.corpus, self.vocabulary, self.runtime = model, corpus, vocabulary, runtime
        self.device = torch.device(runtime.device)

    def evaluate(self, target: EvaluationIdentity) -> TargetResult:
        """Scores in every language of the target; raises DataError where a split carries no gold."""
        row = self.corpus.sources[target.task].row
        self.model.to(self.device).eval()
        with torch.inference_mode():
            if row.kind is Kind.RETRIEVAL:
                scored = {language: self._retrieve(target, row, language) for language in target.languages}
            else:
                scored = self._predicted(target, row)
        languages = {language: metrics for language, (metrics, _) in scored.items()}
        values = {language: metrics["score"] for language, metrics in languages.items()}
        others = [value for language, value in values.items() if language != ENGLISH]
        return TargetResult(
            task=target.task,
            split=target.split,
            languages=languages,
            examples={name: count for name, (_, count) in scored.items()},
            mean=float(np.mean(list(values.values()))),
            mean_non_english=float(np.mean(others)) if others else None,
            synthetic=row.synthetic,
            layer=self._layer(target) if row.kind is Kind.RETRIEVAL else None,
            pooling=target.pooling if row.kind is Kind.RETRIEVAL else None,
        )

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
        for places in self._length_batches(features):
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
        return outputs

    def _length_batches(self, features: Sequence[Feature]) -> Iterator[list[int]]:
        """Places of features of similar length, at most `evaluation_tokens` padded tokens together."""
        order = sorted(range(len(features)), key=lambda place: (len(features[place]), place))
        batch: list[int] = []
        for place in order:
            if batch and (len(batch) + 1) * len(features[place]) > self.runtime.evaluation_tokens:
                yield batch
                batch = []
            batch.append(place)
        if batch:
            yield batch

    def _layer(self, target: EvaluationIdentity) -> int:
        layers = self.model.layers
        layer = target.layer if target.layer is not None else default_layer(layers)
        if not 0 <= layer <= layers:
            raise ModelError("the model has no such layer to take sentence vectors from", layer, f"use 0 to {layers}")
        return layer

    def _retrieve(self, target: EvaluationIdentity, row: TaskRow, language: str) -> tuple[dict[str, float], int]:
        (bitext,) = self.corpus.examples(target.task, target.split, language)
        assert isinstance(bitext, Bitext)
        if bitext.gold is None:
            remedy = "limit the languages of the task in the grid's `data` section to those with gold"
            raise DataError(f"{row.name} has no gold for a language", language, remedy)
        vectors = [self._sentence_vectors(target, texts) for texts in (bitext.queries, bitext.candidates)]
        return score(row, language, nearest(vectors[0], vectors[1]), list(bitext.gold)), len(bitext.queries)

    def _sentence_vectors(self, target: EvaluationIdentity, texts: Sequence[str]) -> Floats:
        """[texts, width]: the mean over a sentence's tokens (special ones included), or the first token, of one layer."""
        features = self.corpus.encoder(target.task).encode_plain(texts)
        vectors = np.zeros((len(features), int(self.model.backbone.config.hidden_size)), dtype=np.float32)
        for places in self._length_batches(features):
            inputs = collate(
                [features[place] for place in places], self.vocabulary.pad, self.device, types=self.vocabulary.types
            )
            hidden = self.model.encode_layer(inputs, self._layer(target))
            mask = inputs["attention_mask"][..., None].to(hidden.dtype)
            pooled = hidden[:, 0] if target.pooling == "cls" else (hidden * mask).sum(1) / mask.sum(1)
            vectors[places] = pooled.float().cpu().numpy()
        return vectors


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
        return best_spans(logits.float().cpu().numpy(), batch)
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


def _answers(encoded: Encoded, outputs: Sequence[tuple[float, int, int]]) -> tuple[dict[str, str], None]:
    best: dict[str, tuple[float, str]] = {}
    for feature, (value, first, last) in zip(encoded.features, outputs, strict=True):
        example = encoded.examples[feature.example]
        assert isinstance(example, Question) and feature.offsets is not None
        if example.id not in best or value > best[example.id][0]:
            text = example.context[int(feature.offsets[first, 0]) : int(feature.offsets[last, 1])]
            best[example.id] = (value, text.strip())
    return {name: text for name, (_, text) in best.items()}, None


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
