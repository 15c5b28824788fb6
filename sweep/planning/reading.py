"""Sizes of data that is at hand: from the encoded store where the split is in it, else from a sample of its examples."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any

from sweep.planning.plan import Plan
from sweep.planning.sizes import SplitSize, published_size, used_of
from sweep.sources import cache_folder
from training.codec import from_payload
from training.data.corpus import Corpus
from training.data.encoded_store import FEATURES, MANIFEST, EncodedManifest, EncodingIdentity
from training.data.examples import Bitext, Comparable, Example
from training.data.loading import DataSource, line_count, load, stream, streams
from training.data.mapped import read_columns
from training.errors import UserError
from training.models.backbone import load_tokenizer
from training.tasks.row import Kind, Split

SAMPLE = 200
"""Examples that are tokenised to learn a split's mean length."""


@dataclass(frozen=True)
class SplitReader:
    """Looks at the data of a plan with the tokenizer of one of its models."""

    plan: Plan
    model: str

    @cached_property
    def _corpus(self) -> Corpus | None:
        resolved = self.plan.models[self.model]
        try:
            tokenizer = load_tokenizer(resolved.folder)
        except UserError:
            return None
        return Corpus(self.plan.sources, tokenizer, resolved.identity.tokenizer, folder=cache_folder() / "encoded")

    def size(self, key: str, task: str, split: str, languages: Sequence[str]) -> SplitSize | None:
        """Size of a split; None where the model's tokenizer or the data can't be read (a launch tells why).

        Of a scored split the first language stands for all.
        """
        if self._corpus is None:
            return None
        looked = languages if split == Split.TRAIN else languages[:1]
        try:
            parts = [self._one(self._corpus, key, task, split, language) for language in looked]
        except (UserError, OSError, ValueError):
            return None
        units = tuple(count for count, _, _ in parts) * (1 if split == Split.TRAIN else len(languages))
        whole = sum(count for count, _, _ in parts)
        return SplitSize(units, sum(count * tokens for count, tokens, _ in parts) / whole, parts[0][2])

    def _one(self, corpus: Corpus, key: str, task: str, split: str, language: str) -> tuple[int, float, str]:
        stored = _stored(corpus, corpus.identity(task, split, language, self.plan.digests[key]))
        if stored is not None:
            return (*stored, "counted: the encoded store")
        return (*_sampled(corpus, self.plan.sources[task], split, language), f"counted; tokens of {SAMPLE} examples")


def _stored(corpus: Corpus, identity: EncodingIdentity) -> tuple[int, float] | None:
    """Units and mean tokens of an encoded split; None where it is not there. It is not verified: training does that."""
    assert corpus.folder is not None
    folder = corpus.folder / identity.folder
    if not (folder / MANIFEST).is_file():
        return None
    manifest = from_payload(EncodedManifest, json.loads((folder / MANIFEST).read_bytes()), MANIFEST)
    columns = read_columns(folder / FEATURES)
    units = len(columns["example"]) // manifest.group
    return units, len(columns["ids"]) / units


def _sampled(corpus: Corpus, source: DataSource, split: str, language: str) -> tuple[int, float]:
    """Units and mean tokens of a split that is read here."""
    row = source.row
    if row.parts:
        parts = [_sampled(corpus, DataSource(row=part, root=source.root), split, language) for part in row.parts]
        whole = sum(count for count, _ in parts)
        return used_of(source, split, whole), sum(count * tokens for count, tokens in parts) / whole
    if streams(source, split, language):
        count, sample = line_count(source, split, language), list(islice(stream(source, split, language), SAMPLE))
    else:
        examples = load(source, split, language)
        count, sample = len(examples), examples[:: max(1, len(examples) // SAMPLE)][:SAMPLE]
    if row.kind is Kind.RETRIEVAL and isinstance(sample[0], (Bitext, Comparable)):
        return _sentences(sample[0]), published_size(source, split, (language,)).tokens
    units, tokens = _encoded(corpus, source, sample)
    return max(1, round(count * units / len(sample))), tokens / units


def first_examples(source: DataSource, language: str, count: int) -> list[Example]:
    """Some training examples of a task: of its first part where it has several. Raises what reading them raises."""
    first = DataSource(row=source.row.parts[0], root=source.root) if source.row.parts else source
    return list(islice(stream(first, Split.TRAIN, language), count))


def _sentences(item: Bitext | Comparable) -> int:
    return len(item.queries) if isinstance(item, Bitext) else len(item.sentences)


def _encoded(corpus: Corpus, source: DataSource, sample: Sequence[Example]) -> tuple[int, int]:
    """Units and tokens of some examples."""
    encoder: Any = replace(corpus, sources={source.row.name: source}).encoder(source.row.name)
    encoded = encoder.encode(sample)
    return len(encoded), encoded.tokens
