"""English training examples as a frozen encoder sees them, after any phase of a model: what rankings are made of.

Only training splits in English can be looked at: nothing that a target is scored on has a part in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.data.corpus import Corpus
from training.data.features import Encoded
from training.data.loading import DataSource, data_digest
from training.identity import ModelIdentity, Runtime
from training.inference.task_vectors import ENCODER, task_vector_cosine
from training.inference.views import View, mean_states, view
from training.models.backbone import load_tokenizer
from training.models.carry import ChainModel, from_phase, from_pretrained
from training.phase import vocabulary_of
from training.record import ENGLISH
from training.tasks.row import Split


@dataclass
class Sights:
    """Looks at `examples` examples of a task, and at most `samples` states of them, with weights of one model.

    `folder` is the model's, `encoded` where tokenised data is kept (None: in memory alone). Weights are a phase's file, or None
    for the published ones. Methods raise what reading the data and loading the weights raise.
    """

    folder: Path
    identity: ModelIdentity
    sources: Mapping[str, DataSource]
    runtime: Runtime
    examples: int
    samples: int
    encoded: Path | None = None
    _loaded: dict[Path | None, ChainModel] = field(default_factory=dict)

    def seen(self, task: str, weights: Path | None) -> View:
        """States and labels of a task; raises ValueError where it has no labels."""
        model = self._model(weights)
        vocabulary = vocabulary_of(model, self._tokenizer)
        return view(model, self._split(task), vocabulary, self.runtime, examples=self.examples, samples=self.samples)

    def mean(self, task: str, weights: Path | None) -> NDArray[np.float64]:
        """[width]: the mean state of a task's texts."""
        model = self._model(weights)
        return mean_states(model, self._split(task), vocabulary_of(model, self._tokenizer), self.runtime, self.examples)

    def likeness(self, base: Path | None, first: Path, second: Path) -> float:
        """The cosine of what two phases changed in the encoder's layers since `base`; raises what `task_vector_cosine` does.

        The table of words is left out: a phase trains the rows of its own words, so it would tell which words two tasks share.
        """
        model = self._model(base)
        words = model.embeddings.data_ptr()
        encoder = {
            name: one for name, one in model.state_dict().items() if name.startswith(ENCODER) and one.data_ptr() != words
        }
        return task_vector_cosine(encoder, first, second)

    def size(self, task: str) -> int:
        """Training examples of a task (windows, of span extraction)."""
        return len(self._split(task))

    @cached_property
    def _tokenizer(self) -> Any:
        return load_tokenizer(self.folder)

    @cached_property
    def _corpus(self) -> Corpus:
        return Corpus(self.sources, self._tokenizer, self.identity.tokenizer, folder=self.encoded)

    def _split(self, task: str) -> Encoded:
        digest = data_digest(self.sources[task], Split.TRAIN, [ENGLISH])
        return self._corpus.encoded(task, Split.TRAIN, ENGLISH, digest)

    def _model(self, weights: Path | None) -> ChainModel:
        """The encoder with these weights; the last one that was asked for is kept."""
        if weights not in self._loaded:
            self._loaded.clear()
            self._loaded[weights] = (
                from_phase(self.folder, weights, [], seed=0)[0]
                if weights is not None
                else from_pretrained(self.folder, [], random=False, model_seed=self.identity.seed, seed=0)[0]
            )
        return self._loaded[weights]
