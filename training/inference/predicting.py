"""Predictions of a stored chain on a target's split, a language at a time; the split need carry no gold.

The same batches, decoders and retrieval schemes make them as make a trial's scores, so predictions of a split with gold score
what the trial's record says. Answer sentences and entities are ranked among candidates of all languages, so these targets are
predicted whole; every other language is predicted when it is asked for, and nothing of it is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from training.data.corpus import Corpus, Progress, silent
from training.data.loading import DataSource, data_digest
from training.errors import ModelError
from training.evaluate import Evaluator
from training.identity import EvaluationIdentity, Runtime
from training.learning.precision import FLOAT32
from training.models.backbone import identify, load_tokenizer
from training.models.carry import ChainModel, from_phase, from_pretrained
from training.phase import vocabulary_of
from training.stores.store import WEIGHTS
from training.tasks.row import Kind, Split, TaskRow
from training.walk import use_threads

TOGETHER = ("xquad_r_json", "mewslix_jsonl")
"""Readers of rows that have one set of candidates for all languages."""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """Predictions of one language as the row's metric takes them.

    `threshold` is what mined pairs had to reach, tuned on the language's dev gold. `candidates` names what answer sentences
    were ranked among: predictions are indices in it.
    """

    language: str
    value: Any
    threshold: float | None = None
    candidates: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The weights to predict with: the folder of a stored phase, or of a published model (`published`).

    `precision` is that of the forward pass, as the last phase had it. Tokenizer and configuration lie in the same folder.
    """

    folder: Path
    published: bool = False
    precision: str = FLOAT32


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is predicted: a split of a task in some languages; `layer` and `pooling` are those of retrieval."""

    task: str
    languages: tuple[str, ...]
    split: str = str(Split.TEST)
    layer: int | None = None
    pooling: str | None = None


@dataclass
class Predictor:
    """Predicts with one set of weights; `sources` hold the task's row and the row that it learned from."""

    weights: Weights
    sources: Mapping[str, DataSource]
    runtime: Runtime
    encoded: Path | None = None
    progress: Progress = silent
    _ready: dict[tuple[str, ...], Evaluator] = field(default_factory=dict, init=False, repr=False)

    def predict(self, asked: Asked) -> Iterator[Prediction]:
        """Predictions of each language, in the order asked for.

        Raises DataError or Faults where a file does not fit its row or dev gold is missing that a threshold needs, ModelError
        where the weights are not this task's, OutOfMemoryFault.
        """
        row = self.sources[asked.task].row
        evaluator = self._evaluator(row)
        groups = [asked.languages] if row.reader in TOGETHER else [(language,) for language in asked.languages]
        for languages in groups:
            target = self._target(asked, row, languages)
            if row.kind is not Kind.RETRIEVAL:
                yield Prediction(language=languages[0], value=evaluator.predictions(target, languages[0]))
                continue
            found = evaluator.retrieve(target, blank=True)
            for language, value in found.predictions.items():
                threshold = found.thresholds.get(language)
                yield Prediction(language=language, value=value, threshold=threshold, candidates=found.candidates)

    def _target(self, asked: Asked, row: TaskRow, languages: tuple[str, ...]) -> EvaluationIdentity:
        return EvaluationIdentity(
            task=asked.task,
            version=row.version,
            split=asked.split,
            languages=languages,
            data=data_digest(self.sources[asked.task], asked.split, languages)[:16],
            max_length=row.encoding.max_length,
            stride=row.encoding.stride,
            layer=asked.layer,
            pooling=asked.pooling,
        )

    def _evaluator(self, row: TaskRow) -> Evaluator:
        """The evaluator of the weights with the heads that the row needs."""
        learned = () if row.kind is Kind.RETRIEVAL else (self.sources[row.training_row].row,)
        key = tuple(one.name for one in learned)
        if key not in self._ready:
            self._ready.clear()
            use_threads(self.runtime.threads)
            folder, tokenizer = self.weights.folder, load_tokenizer(self.weights.folder)
            digest = identify(folder.name, folder, pretrained=False).tokenizer
            corpus = Corpus(self.sources, tokenizer, digest, folder=self.encoded, progress=self.progress)
            model = self._model(learned)
            vocabulary = vocabulary_of(model, tokenizer)
            self._ready[key] = Evaluator(model, corpus, vocabulary, self.runtime, precision=self.weights.precision)
        return self._ready[key]

    def _model(self, learned: Sequence[TaskRow]) -> ChainModel:
        folder = self.weights.folder
        if self.weights.published:
            return from_pretrained(folder, learned, random=False, model_seed=0, seed=0)[0]
        model, carry = from_phase(folder, folder / WEIGHTS, learned, seed=0)
        if carry.initialised:
            seen, remedy = ", ".join(carry.initialised), "name the phase that the task was learned in"
            raise ModelError(f"the weights of phase {folder.name} have no head for the task", seen, remedy)
        return model


def device_here(device: str) -> str:
    """The device asked for, or the CPU where it is a GPU and there is none."""
    return device if not device.startswith("cuda") or torch.cuda.is_available() else "cpu"


def whole(source: DataSource, row: TaskRow | None = None) -> DataSource:
    """A source without caps: every example of each split."""
    return replace(source, row=row or source.row, caps={})
