"""What a frozen encoder says of labelled examples: states and the labels that belong to them, from one forward pass.

| kind | one sample | label |
|---|---|---|
| classification | the mean state of a row | its class |
| multiple choice | the mean state of (context, ending) | 1 for the right ending, else 0 |
| tagging | the state of a word's first sub-word (of a decoder: its last) | its tag |
| span extraction | the state of a token of the context, in windows with an answer | 1 in the answer, else 0 |

Tasks without labels (retrieval, text) have no view.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.data.columns import columns_of, lengths_of
from training.data.features import IGNORED, Encoded, Feature
from training.data.packs import Vocabulary, pack
from training.identity import Runtime
from training.inference.passes import batch_fit, over_rows
from training.learning.fitting import Notes
from training.learning.precision import FLOAT32, autocast
from training.models.carry import ChainModel
from training.tasks.row import Kind

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
KINDS = (Kind.CLASSIFICATION, Kind.CHOICE, Kind.TAGGING, Kind.SPAN)


class View(NamedTuple):
    """`features` is [samples, width], `labels` and `groups` (the number of a sample's example) are [samples]."""

    features: Floats
    labels: Ints
    groups: Ints


def view(
    model: ChainModel,
    encoded: Encoded,
    vocabulary: Vocabulary,
    runtime: Runtime,
    *,
    examples: int,
    samples: int,
    seed: int = 0,
    notes: Notes | None = None,
) -> View:
    """States of at most `examples` examples of a split, and at most `samples` of them; both are drawn by `seed`.

    `model` may have any heads: none is used. Raises ValueError for a kind without labels, OutOfMemoryFault where one row does
    not fit.
    """
    if encoded.row.kind not in KINDS:
        raise ValueError(f"{encoded.row.name} has no labels to look at")
    dice = np.random.default_rng([seed, len(encoded.features)])
    rows = _thinned([_looked_at(encoded, place) for place in _drawn(encoded, examples, dice)], samples, dice)
    whole = encoded.row.kind in (Kind.CLASSIFICATION, Kind.CHOICE)
    device = torch.device(runtime.device)
    model.to(device).eval()
    model.packed = runtime.packed

    def forward(chosen: Ints) -> tuple[Tensor, Ints]:
        batch = [rows[place] for place in chosen.tolist()]
        packed = pack([row.feature for row in batch], vocabulary, device)
        with autocast(device, FLOAT32):
            states = model.encode(packed).float()
        sizes = np.array([len(row.labels) for row in batch], dtype=np.int64)
        if whole:
            return packed.mean(states), sizes
        tokens = packed.at(np.repeat(np.arange(len(batch)), sizes), _joined([row.places for row in batch]))
        return states.index_select(0, tokens), sizes

    with torch.inference_mode():
        lengths = lengths_of([row.feature for row in rows])
        values, bounds = over_rows(lengths, batch_fit(runtime, "views", notes), forward)
    owners = np.array([row.feature.example for row in rows], dtype=np.int64)
    return View(values, _joined([row.labels for row in rows]), np.repeat(owners, np.diff(bounds)))


def mean_states(
    model: ChainModel, encoded: Encoded, vocabulary: Vocabulary, runtime: Runtime, examples: int, seed: int = 0
) -> NDArray[np.float64]:
    """[width]: the mean over rows of their mean states, of at most `examples` examples of a split drawn by `seed`.

    What a task's texts look like to an encoder, whatever its labels (the text embedding of Vu et al. 2020, arXiv 2005.00770).
    """
    dice = np.random.default_rng([seed, len(encoded.features)])
    features = [encoded.features[place] for place in _drawn(encoded, examples, dice)]
    device = torch.device(runtime.device)
    model.to(device).eval()
    model.packed = runtime.packed

    def forward(chosen: Ints) -> tuple[Tensor, None]:
        packed = pack([features[place] for place in chosen.tolist()], vocabulary, device)
        with autocast(device, FLOAT32):
            return packed.mean(model.encode(packed)), None

    with torch.inference_mode():
        values = over_rows(lengths_of(features), batch_fit(runtime, "views", None), forward)[0]
    mean: NDArray[np.float64] = values.astype(np.float64).mean(0)
    return mean


class _Row(NamedTuple):
    """A feature with the tokens that are looked at (of a whole row: one entry), and their labels."""

    feature: Feature
    places: Ints
    labels: Ints


def _joined(parts: Sequence[Ints]) -> Ints:
    return np.concatenate([np.zeros(0, dtype=np.int64), *parts])


def _drawn(encoded: Encoded, examples: int, dice: np.random.Generator) -> list[int]:
    """Where the features of some examples are, in the order of the split."""
    numbers = columns_of(encoded.features)["example"]
    known = np.unique(numbers)
    kept = known if len(known) <= examples else dice.choice(known, examples, replace=False)
    places: list[int] = np.flatnonzero(np.isin(numbers, kept)).tolist()
    return places


def _looked_at(encoded: Encoded, place: int) -> _Row:
    feature = encoded.features[place]
    if encoded.row.kind in (Kind.TAGGING, Kind.SPAN):
        return _Row(feature, *_places(encoded, feature))
    assert isinstance(feature.label, int)
    label = feature.label if encoded.row.kind is Kind.CLASSIFICATION else int(place % encoded.group == feature.label)
    return _Row(feature, np.zeros(1, dtype=np.int64), np.array([label], dtype=np.int64))


def _places(encoded: Encoded, feature: Feature) -> tuple[Ints, Ints]:
    """Tokens of a row that have a label, and their labels."""
    if encoded.row.kind is Kind.TAGGING:
        assert feature.positions is not None and feature.tags is not None
        known = np.asarray(feature.tags) != IGNORED
        return np.asarray(feature.positions, np.int64)[known], np.asarray(feature.tags, np.int64)[known]
    assert feature.offsets is not None
    if not isinstance(feature.label, tuple) or feature.label[0] <= 0:  # without an answer the window says nothing of its tokens
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    inside = np.flatnonzero(feature.offsets[:, 0] >= 0)
    start, end = feature.label
    return inside, ((inside >= start) & (inside <= end)).astype(np.int64)


def _thinned(rows: Sequence[_Row], samples: int, dice: np.random.Generator) -> list[_Row]:
    """The rows with at most `samples` of their samples in all; those that have none left are gone."""
    owners = np.repeat(np.arange(len(rows)), [len(row.labels) for row in rows])
    kept = np.arange(len(owners)) if len(owners) <= samples else np.sort(dice.choice(len(owners), samples, replace=False))
    begins = np.cumsum([0, *(len(row.labels) for row in rows)])
    found = []
    for number in np.unique(owners[kept]).tolist():
        own = kept[owners[kept] == number] - begins[number]
        found.append(_Row(rows[number].feature, rows[number].places[own], rows[number].labels[own]))
    return found
