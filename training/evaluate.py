"""Scores the final weights on targets, in every language.

All languages of all targets whose tasks share a head go through the encoder together, sorted by length; what targets have in
common is encoded once. Scores are taken a language at a time. What is scored is a function of the model and the data: how
batches are cut has no part in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.data.columns import columns_of, lengths_of
from training.data.corpus import Corpus
from training.data.features import Encoded
from training.data.joined import Chained
from training.data.packs import Vocabulary
from training.evidence import Evidence
from training.identity import EvaluationIdentity, Runtime
from training.inference.answers import best_spans
from training.inference.decoding import DECODERS, reduced
from training.inference.passes import Ints, batch_fit, over_rows
from training.inference.retrieval import SCHEMES, Retrieved, where_to_look
from training.inference.vectors import TextVectors
from training.learning.fitting import Notes
from training.learning.memory import release_memory
from training.learning.precision import FLOAT32, autocast
from training.metrics.scores import Measured, gold_of, measure
from training.models.carry import ChainModel
from training.models.heads import head_name
from training.record import ENGLISH, TargetResult
from training.tasks.row import Kind, TaskRow

Scored = tuple[Measured, int]
"""Scores and units of one language, and the number of its examples."""
_ONE_RESULT = (Kind.CLASSIFICATION, Kind.CHOICE, Kind.SPAN)
"""Kinds where a row has one result, which follows from the row alone."""


class Evaluated(NamedTuple):
    """The scores of one target, and what each item added to them."""

    result: TargetResult
    evidence: Evidence


@dataclass(frozen=True)
class _Part:
    """One language of the target at place `target` among those asked for, with its gold (None: masking makes it)."""

    target: int
    language: str
    encoded: Encoded
    gold: Any


class Evaluator:
    """Scores one model; `model` holds the heads of its last phase, `notes` know how large a batch may be."""

    def __init__(
        self,
        model: ChainModel,
        corpus: Corpus,
        vocabulary: Vocabulary,
        runtime: Runtime,
        notes: Notes | None = None,
        precision: str = FLOAT32,
    ) -> None:
        self.model, self.corpus, self.vocabulary, self.runtime, self.notes = model, corpus, vocabulary, runtime, notes
        self.precision, self.device = precision, torch.device(runtime.device)

    def evaluate(self, target: EvaluationIdentity) -> TargetResult:
        """Scores in every language of the target; raises DataError where a split carries no gold."""
        return self.evaluate_all([target])[0].result

    def evaluate_all(self, targets: Sequence[EvaluationIdentity]) -> list[Evaluated]:
        """Scores of each target, as `evaluate` gives them, with evidence; raises DataError where a split carries no gold.

        Unless for retrieval, that is said before anything is encoded.
        """
        self._ready()
        rows = [self.corpus.sources[target.task].row for target in targets]
        groups: dict[tuple[Kind, str], list[_Part]] = {}
        for place, (target, row) in enumerate(zip(targets, rows, strict=True)):
            if row.kind is not Kind.RETRIEVAL:
                groups.setdefault((row.kind, head_name(row)), []).extend(self._parts(place, target, row))
        scored: list[dict[str, Scored]] = [{} for _ in targets]
        results: list[Evaluated] = []
        with torch.inference_mode():
            for number, group in enumerate(groups.values()):
                if number:
                    release_memory()
                for part, found in zip(group, self._scored(group), strict=True):
                    scored[part.target][part.language] = found
            for target, row, languages in zip(targets, rows, scored, strict=True):
                if row.kind is Kind.RETRIEVAL and (groups or results):
                    release_memory()
                results.append(
                    self._retrieved(target, row) if row.kind is Kind.RETRIEVAL else _evaluated(target, row, languages)
                )
        return results

    def predictions(self, target: EvaluationIdentity, language: str) -> Any:
        """Predictions of one language, as the row's metric takes them; the split need carry no gold.

        Not for retrieval (`retrieve`), nor for masked language modelling. Raises DataError where the file does not fit its row.
        """
        self._ready()
        encoded = self.corpus.encoded(target.task, target.split, language, target.data)
        with torch.inference_mode():
            ((found, _),) = self._decoded([_Part(0, language, encoded, None)])
        return found

    def retrieve(self, target: EvaluationIdentity, *, blank: bool = False) -> Retrieved:
        """What a retrieval target's vectors find in its languages; with `blank` on, the split need carry no gold.

        Raises DataError where gold is needed and missing, ModelError where the model lacks the layer that is asked for.
        """
        self._ready()
        with torch.inference_mode():
            return self._found(target, blank)

    def _ready(self) -> None:
        self.model.to(self.device).eval()
        self.model.packed = self.runtime.packed

    def _parts(self, place: int, target: EvaluationIdentity, row: TaskRow) -> list[_Part]:
        parts = []
        for language in target.languages:
            encoded = self.corpus.encoded(target.task, target.split, language, target.data)
            gold = None if row.kind is Kind.MLM else gold_of(row, encoded.examples)
            parts.append(_Part(place, language, encoded, gold))
        return parts

    def _scored(self, parts: Sequence[_Part]) -> list[Scored]:
        """Scores of each of some parts whose rows share a head, from one pass over all."""
        scored = []
        for part, (predictions, masked) in zip(parts, self._decoded(parts), strict=True):
            row = part.encoded.row
            gold = masked if row.kind is Kind.MLM else part.gold
            scored.append((measure(row, part.language, predictions, gold), len(part.encoded.examples)))
        return scored

    def _decoded(self, parts: Sequence[_Part]) -> Iterator[tuple[Any, Any]]:
        """Predictions of each part, and the gold where masking has made it."""
        values, bounds = self._pass(parts)
        ends = np.cumsum([0, *(len(part.encoded.features) for part in parts)]).tolist()
        for part, (start, end) in zip(parts, pairwise(ends), strict=True):
            yield DECODERS[part.encoded.row.kind](part.encoded, values[bounds[start] : bounds[end]])

    def _pass(self, parts: Sequence[_Part]) -> tuple[NDArray[Any], Ints]:
        """What is kept of the features of all parts, in their order, and where each feature's begins: [features + 1]."""
        row = parts[0].encoded.row
        features = Chained([part.encoded.features for part in parts])
        lengths = np.concatenate([lengths_of(part.encoded.features) for part in parts])
        several = len({part.target for part in parts}) > 1 and row.kind in _ONE_RESULT
        firsts, same = _distinct(parts) if several else (np.arange(len(features)), None)

        def forward(places: Ints) -> tuple[Tensor, Ints | None]:
            batch = [features[place] for place in firsts[places].tolist()]
            with autocast(self.device, self.precision):
                return reduced(self.model, row, batch, self.vocabulary, self.device)

        fit = batch_fit(self.runtime, row.kind.value, self.notes)
        values, bounds = over_rows(lengths[firsts], fit, forward)
        if row.kind is Kind.SPAN:
            values, bounds = best_spans(values, _context(parts, lengths, firsts), bounds), np.arange(len(firsts) + 1)
        return (values, bounds) if same is None else (values[same], np.arange(len(same) + 1))

    def _retrieved(self, target: EvaluationIdentity, row: TaskRow) -> Evaluated:
        layer, pooling = where_to_look(self.corpus, target, self.model)
        found = self._found(target)
        scored = {
            language: (measure(row, language, predictions, found.gold[language]), found.examples[language])
            for language, predictions in found.predictions.items()
        }
        result, evidence = _evaluated(target, row, scored)
        result = replace(result, layer=layer, pooling=pooling, thresholds=found.thresholds, oracle=found.oracle)
        return Evaluated(result, evidence)

    def _found(self, target: EvaluationIdentity, blank: bool = False) -> Retrieved:
        layer, pooling = where_to_look(self.corpus, target, self.model)
        vectors = TextVectors(
            self.model,
            self.corpus.encoder(target.task),
            self.vocabulary,
            self.runtime,
            layer,
            pooling,
            self.notes,
            precision=self.precision,
        )
        row = self.corpus.sources[target.task].row
        return SCHEMES[row.reader](self.corpus, target, row, vectors, blank).retrieve()


def _context(parts: Iterable[_Part], lengths: Ints, firsts: Ints) -> NDArray[np.bool_]:
    """[tokens]: whether a token of the features at `firsts`, one after the other, is of the context."""
    columns = [columns_of(part.encoded.features) for part in parts]
    inside = np.concatenate([one["offsets"][one["rows"][0] : one["rows"][-1], 0] >= 0 for one in columns])
    begins, sizes = (np.cumsum(lengths) - lengths)[firsts], lengths[firsts]
    within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    found: NDArray[np.bool_] = inside[np.repeat(begins, sizes) + within]
    return found


def _distinct(parts: Iterable[_Part]) -> tuple[Ints, Ints]:
    """Places of the features that are unlike all before them, and for each feature which of these it is like.

    XQuAD's English questions, say, are some of those of SQuAD's dev set.
    """
    known: dict[bytes, int] = {}
    firsts: list[int] = []
    same: list[int] = []
    for part in parts:
        columns = columns_of(part.encoded.features)
        marks = (columns["offsets"][:, 0] >= 0) if "offsets" in columns else columns["types"]
        arrays = (columns["ids"], columns["types"], marks)
        for start, end in pairwise(columns["rows"].tolist()):
            key = hashlib.blake2b(b"".join(array[start:end].tobytes() for array in arrays), digest_size=16).digest()
            place = known.setdefault(key, len(firsts))
            if place == len(firsts):
                firsts.append(len(same))
            same.append(place)
    return np.array(firsts, dtype=np.int64), np.array(same, dtype=np.int64)


def _evaluated(target: EvaluationIdentity, row: TaskRow, scored: Mapping[str, Scored]) -> Evaluated:
    values = {language: found.scores["score"] for language, (found, _) in scored.items()}
    others = [value for language, value in values.items() if language != ENGLISH]
    result = TargetResult(
        task=target.task,
        split=target.split,
        languages={language: found.scores for language, (found, _) in scored.items()},
        examples={name: count for name, (_, count) in scored.items()},
        mean=float(np.mean(list(values.values()))),
        mean_non_english=float(np.mean(others)) if others else None,
        synthetic=row.synthetic,
    )
    units = {language: found.units for language, (found, _) in scored.items()}
    evidence = Evidence(
        task=target.task,
        split=target.split,
        data=target.data,
        form=next(iter(units.values())).form,
        parallel=row.parallel,
        languages=units,
    )
    return Evaluated(result, evidence)
