"""F1 of labelled spans in tag sequences.

* `span_f1` reads IOB2 tags as conlleval does: B- opens a span; so does I- after O or after another type. On IOB2 tags
  seqeval 0.0.12, XTREME's scorer for PAN-X, does the same.
* `official_tag_f1` is XTREME's score for UD-POS: seqeval 0.0.12 on bare tags. It takes a tag's first letter for its IOBES
  prefix and the whole tag for the type, so that a run of equal tags is one span, except that tags beginning with S (SCONJ,
  SYM) are single-word spans ("S" for single). Later releases of seqeval cut the first letter off, so CCONJ would equal SCONJ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from training.metrics.classification import check_lengths

Tags = Sequence[str]
Span = tuple[str, int, int]
"""Type, first word, last word."""

_OUTSIDE = ("O", ".")


def span_f1(predicted: Sequence[Tags], gold: Sequence[Tags]) -> float:
    """Micro-averaged F1 (0..100) of IOB2 spans, one tag sequence a sentence; 0 where neither side has a span.

    Raises ValueError when the sentences, or the words of one, differ in number.
    """
    return _f1(predicted, gold, iob2_spans)


def official_tag_f1(predicted: Sequence[Tags], gold: Sequence[Tags]) -> float:
    """Micro-averaged F1 (0..100) of bare tags as XTREME scores UD-POS: spans as seqeval 0.0.12 finds them.

    Raises ValueError when the sentences, or the words of one, differ in number (seqeval compares them all the same).
    """
    return _f1(predicted, gold, seqeval_spans)


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


def _f1(predicted: Sequence[Tags], gold: Sequence[Tags], spans_of: Callable[[Tags], set[Span]]) -> float:
    check_lengths(predicted, gold, "predicted and gold sentences")
    shared = found = wanted = 0
    for index, (left, right) in enumerate(zip(predicted, gold, strict=True)):
        check_lengths(left, right, f"predicted and gold tags of sentence {index}")
        mine, true = spans_of(left), spans_of(right)
        shared, found, wanted = shared + len(mine & true), found + len(mine), wanted + len(true)
    return 200.0 * shared / (found + wanted) if shared else 0.0
