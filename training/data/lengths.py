"""How long a split is, in units and tokens: from the encoded store where it is there, else from a sample of its examples.

The floors above get numbers from here, never examples.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from training.data.corpus import Corpus
from training.data.encode import Encoder
from training.data.encoded_store import FEATURES, MANIFEST, EncodedManifest, EncodingIdentity
from training.data.examples import Bitext, Comparable, Example
from training.data.features import Encoded
from training.data.loading import DataSource, line_count, load, stream, streams
from training.data.mapped import read_columns
from training.files.codec import from_payload
from training.tasks.row import Split

SAMPLE = 200
"""Examples that are tokenised to learn a split's mean length."""


@dataclass(frozen=True)
class Measured:
    """Units (examples, windows, groups of endings) of a split in one language, and mean tokens of one.

    `tokens` is None where units are sentences of a bitext, which are not tokenised here; `exact` says that all was counted.
    `examples` is how many examples the units are of (0: as many).
    """

    units: int
    tokens: float | None
    exact: bool
    examples: int = 0


def corpus_of(sources: Mapping[str, DataSource], tokenizer: Any, digest: str, folder: Path) -> Corpus:
    """What `measure` asks: the data of some tasks, a tokenizer with its digest, and where encoded splits are kept."""
    return Corpus(sources, tokenizer, digest, folder=folder)


def measure(corpus: Corpus, task: str, split: str, language: str, data: str) -> Measured:
    """Length of a split; `data` is its digest, by which the encoded store knows it (not verified: training does that).

    Raises UserError where the data can't be read.
    """
    stored = _stored(corpus.folder, corpus.identity(task, split, language, data)) if corpus.folder else None
    return stored or _sampled(corpus.sources[task], corpus.tokenizer, split, language)


def first_features(source: DataSource, tokenizer: Any, count: int) -> Encoded:
    """Features of some training examples in the first language: of its first part where a task has several."""
    row = source.row
    first = DataSource(row=row.parts[0], root=source.root) if row.parts else source
    examples = list(islice(stream(first, Split.TRAIN, row.train_languages[0]), count))
    return Encoder(tokenizer, row, row.encoding.max_length, row.encoding.stride).encode(examples)


def _stored(root: Path, identity: EncodingIdentity) -> Measured | None:
    folder = root / identity.folder
    if not (folder / MANIFEST).is_file():
        return None
    manifest = from_payload(EncodedManifest, json.loads((folder / MANIFEST).read_bytes()), MANIFEST)
    columns = read_columns(folder / FEATURES)
    units = len(columns["example"]) // manifest.group
    return Measured(units, len(columns["ids"]) / units, exact=True, examples=manifest.examples)


def _sampled(source: DataSource, tokenizer: Any, split: str, language: str) -> Measured:
    """A split that is read here; of a task of several parts each part, without their dev carved off."""
    row = source.row
    if row.parts:
        parts = [_sampled(DataSource(row=part, root=source.root), tokenizer, split, language) for part in row.parts]
        units = sum(part.units for part in parts)
        tokens = sum(part.units * (part.tokens or 0.0) for part in parts) / units
        return Measured(units, tokens, exact=False, examples=sum(part.examples or part.units for part in parts))
    if streams(source, split, language):
        count, sample = line_count(source, split, language), list(islice(stream(source, split, language), SAMPLE))
    else:
        examples = load(source, split, language)
        count, sample = len(examples), examples[:: max(1, len(examples) // SAMPLE)][:SAMPLE]
    if isinstance(sample[0], (Bitext, Comparable)):
        return Measured(_sentences(sample[0]), None, exact=True)
    return _scaled(source, tokenizer, sample, count)


def _sentences(item: Bitext | Comparable) -> int:
    return len(item.queries) if isinstance(item, Bitext) else len(item.sentences)


def _scaled(source: DataSource, tokenizer: Any, sample: Sequence[Example], count: int) -> Measured:
    """What a sample of so many examples says of all."""
    row = source.row
    encoded = Encoder(tokenizer, row, row.encoding.max_length, row.encoding.stride).encode(sample)
    units = max(1, round(count * len(encoded) / len(sample)))
    return Measured(units, encoded.tokens / len(encoded), exact=False, examples=count)
