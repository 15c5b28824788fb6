"""F1 of labelled spans in tag sequences.

* `span_f1` reads IOB2 tags as conlleval does: B- opens a span; so does I- after O or after another type. On IOB2 tags
  seqeval 0.0.12, XTREME's scorer for PAN-X, does the same.
* `official_tag_counts` are of XTREME's score for UD-POS: seqeval 0.0.12 on bare tags. It takes a tag's first letter for its
  IOBES prefix and the whole tag for the type, so that a run of equal tags is one span, except that tags beginning with S
  (SCONJ, SYM) are single-word spans ("S" for single). Later releases of seqeval cut the first letter off, so CCONJ would equal
  SCONJ.
* `seqeval_scores` is seqeval 0.0.12 on whatever two files hold: it joins all sentences, an O after each, and compares places
  in the joined sequences, so that one word too few in a sentence shifts every span behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.metrics.classification import check_lengths

Tags = Sequence[str]
Span = tuple[str, int, int]
"""Type, first word, last word."""
Counts = list[tuple[int, int, int]]

_OUTSIDE = ("O", ".")
_Ints = NDArray[np.int64]
_Bools = NDArray[np.bool_]


def span_f1(predicted: Sequence[Tags], gold: Sequence[Tags]) -> float:
    """Micro-averaged F1 (0..100) of IOB2 spans, one tag sequence a sentence; 0 where neither side has a span.

    Raises ValueError when the sentences, or the words of one, differ in number.
    """
    return f1_of(span_counts(predicted, gold))


def seqeval_scores(predicted: Sequence[Tags], gold: Sequence[Tags]) -> dict[str, float]:
    """`f1`, `precision` and `recall` (0..100) of any tags, none of them empty, as seqeval 0.0.12 gives them.

    Sentences, and the words of one, may differ in number. What can't be divided is 0.
    """
    kinds: dict[str, int] = {}
    (begun, ended, kind), (true_begun, true_ended, true_kind) = _joined_spans(predicted, kinds), _joined_spans(gold, kinds)
    _, mine, true = np.intersect1d(ended, true_ended, assume_unique=True, return_indices=True)
    shared = int(((begun[mine] == true_begun[true]) & (kind[mine] == true_kind[true])).sum())
    precision = shared / len(ended) if len(ended) else 0.0
    recall = shared / len(true_ended) if len(true_ended) else 0.0
    f1 = 2.0 * precision * recall / (precision + recall) if shared else 0.0
    return {"f1": 100.0 * f1, "precision": 100.0 * precision, "recall": 100.0 * recall}


def iob2_spans(tags: Tags) -> set[Span]:
    """Spans of one sentence of IOB2 tags, `B-`, `I-` and `O`, by conlleval's rules."""
    spans: set[Span] = set()
    kind, start = "", 0
    for index, tag in enumerate([*tags, "O"]):
        prefix, _, current = tag.partition("-")
        if kind and (prefix != "I" or current != kind):
            spans.add((kind, start, index - 1))
            kind = ""
        if prefix != "O" and not kind:
            kind, start = current, index
    return spans


def seqeval_spans(tags: Tags) -> set[Span]:
    """Spans of one sentence by seqeval 0.0.12's reading of any tags, prefixed (IOB, IOBES) or bare."""
    spans: set[Span] = set()
    start = 0
    before = "O"
    for index, tag in enumerate([*tags, "O"]):
        if _closes(before, tag):
            spans.add((_kind(before), start, index - 1))
        if _opens(before, tag):
            start = index
        before = tag
    return spans


def _kind(tag: str) -> str:
    return tag.rpartition("-")[2]


def _closes(before: str, tag: str) -> bool:
    if before[0] in "ES":
        return True
    if before[0] in "BI" and tag[0] in "BSO":
        return True
    return before[0] not in _OUTSIDE and _kind(before) != _kind(tag)


def _opens(before: str, tag: str) -> bool:
    if tag[0] in "BS":
        return True
    if tag[0] in "EI" and before[0] in "ESO":
        return True
    return tag[0] not in _OUTSIDE and _kind(before) != _kind(tag)


def span_counts(predicted: Sequence[Tags], gold: Sequence[Tags]) -> Counts:
    """Spans of each sentence that `span_f1` counts: (in both, predicted, gold); raises ValueError as it does."""
    return _counts(predicted, gold, iob2_spans)


def official_tag_counts(predicted: Sequence[Tags], gold: Sequence[Tags]) -> Counts:
    """Spans of each sentence as XTREME scores UD-POS: (in both, predicted, gold) bare tags, as seqeval 0.0.12 finds them.

    Raises ValueError when the sentences, or the words of one, differ in number (seqeval compares them all the same).
    """
    return _counts(predicted, gold, seqeval_spans)


def f1_of(counts: Counts) -> float:
    """F1 (0..100) of all sentences together, 0 where no span is shared."""
    shared, found, wanted = (sum(column) for column in zip(*counts, strict=True)) if counts else (0, 0, 0)
    return 200.0 * shared / (found + wanted) if shared else 0.0


def _counts(predicted: Sequence[Tags], gold: Sequence[Tags], spans_of: Callable[[Tags], set[Span]]) -> Counts:
    check_lengths(predicted, gold, "predicted and gold sentences")
    counts = []
    for index, (left, right) in enumerate(zip(predicted, gold, strict=True)):
        check_lengths(left, right, f"predicted and gold tags of sentence {index}")
        mine, true = spans_of(left), spans_of(right)
        counts.append((len(mine & true), len(mine), len(true)))
    return counts


def _joined_spans(sentences: Sequence[Tags], kinds: dict[str, int]) -> tuple[_Ints, _Ints, _Ints]:
    """First words, last words and kinds of all spans, as places in the joined sequence; `kinds` numbers the kinds seen.

    The same rules as `_closes` and `_opens`, over all places at once: a benchmark's tagged files hold millions of tags.
    """
    joined = [tag for tags in sentences for tag in (*tags, "O")] + ["O"]
    number = {tag: index for index, tag in enumerate(dict.fromkeys(joined))}
    places = np.array([number[tag] for tag in joined], dtype=np.int64)
    letter = np.array([ord(tag[0]) for tag in number], dtype=np.int64)[places]
    kind = np.array([kinds.setdefault(_kind(tag), len(kinds)) for tag in number], dtype=np.int64)[places]
    # seqeval starts from the tag O with the kind "", which no tag has: that of a tag O is "O".
    before, kind_before = _shifted(letter, ord("O")), _shifted(kind, -1)
    changed: _Bools = kind != kind_before
    closes = _among(before, "ES") | (_among(before, "BI") & _among(letter, "BSO")) | (~_among(before, "O.") & changed)
    opens = _among(letter, "BS") | (_among(letter, "EI") & _among(before, "ESO")) | (~_among(letter, "O.") & changed)
    begun = _shifted(np.maximum.accumulate(np.where(opens, np.arange(len(joined)), 0)), 0)
    return begun[closes], np.flatnonzero(closes) - 1, kind_before[closes]


def _shifted(values: NDArray[Any], first: int) -> _Ints:
    return np.concatenate([[first], values[:-1]]).astype(np.int64)


def _among(letters: _Ints, wanted: str) -> _Bools:
    found: _Bools = np.zeros(len(letters), dtype=np.bool_)
    for letter in wanted:
        found |= letters == ord(letter)
    return found
