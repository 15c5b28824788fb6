"""Places inside windows: first or last sub-words of words, answers, and which of several windows a word is predicted in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from training.data.features import Feature, Ints


def first_subwords(word_ids: Sequence[int | None]) -> tuple[Ints, Ints]:
    """Positions of each word's first sub-word in a window, and the words' numbers.

    `word_ids` holds each token's word, None for special tokens. At the left edge of a later window it may be the rest of a
    word: `split_overlaps` leaves such a word to the window before, where its beginning stands.
    """
    places, numbers = [], []
    last: int | None = None
    for position, word in enumerate(word_ids):
        if word is None:
            continue
        if word != last:
            places.append(position)
            numbers.append(word)
        last = word
    return np.asarray(places, dtype=np.int32), np.asarray(numbers, dtype=np.int32)


def last_subwords(word_ids: Sequence[int | None]) -> tuple[Ints, Ints]:
    """Positions of each word's last sub-word in a window, and the words' numbers, as `first_subwords` gives them.

    At the right edge of a window that is not the last it may be the middle of a word: `split_overlaps` sees to that.
    """
    places, numbers = first_subwords(word_ids[::-1])
    return (len(word_ids) - 1 - places)[::-1].astype(np.int32), numbers[::-1]


def split_overlaps(windows: Sequence[Feature], *, causal: bool = False) -> list[Feature]:
    """Give each word that several windows of a sentence show to the one where it stands farthest from an edge.

    The first of equals has it, so the rest of a word at a left edge, one place from it, never wins over the word's beginning.
    `causal` windows, whose tokens see what is before them, give it to the one that shows most before it and surely its end.
    """
    if len(windows) == 1:
        return list(windows)
    best: dict[int, tuple[int, int]] = {}
    for index, window in enumerate(windows):
        assert window.positions is not None and window.words is not None
        cut = window.words[-1:].tolist() if causal and window is not windows[-1] else []
        for position, word in zip(window.positions.tolist(), window.words.tolist(), strict=True):
            room = min(position, len(window) - 1 - position)
            if causal:
                room = -1 if word in cut else position
            if word not in best or room > best[word][0]:
                best[word] = (room, index)
    kept = []
    for index, window in enumerate(windows):
        assert window.positions is not None and window.words is not None
        mine = np.asarray([best[word][1] == index for word in window.words.tolist()], dtype=bool)
        tags = None if window.tags is None else window.tags[mine]
        kept.append(replace(window, positions=window.positions[mine], words=window.words[mine], tags=tags))
    return kept


def covering(offsets: Ints, context: str, *, begins: bool, ends: bool) -> Ints:
    """Offsets that take in the characters which a tokenizer drops inside and at the edges of words.

    Normalisation drops accents, vowel signs or joiners, and no token's offsets hold them: an answer read back from its tokens
    would lack its last character. What is dropped belongs to the token it touches; what stands between spaces, to none.
    `offsets` is [length, 2], -1 outside the context; `begins` and `ends` say whether the window has the context's first and
    last token, beyond which nothing else can have what is dropped.
    """
    inside = np.flatnonzero(offsets[:, 0] >= 0)
    if not len(inside):
        return offsets
    covered = offsets.copy()
    starts, stops = offsets[inside, 0], offsets[inside, 1]
    for place in np.flatnonzero(starts[1:] > stops[:-1]).tolist():
        before, after = _touching(context[stops[place] : starts[place + 1]])
        covered[inside[place], 1] += before
        covered[inside[place + 1], 0] -= after
    if begins:
        covered[inside[0], 0] -= sum(_touching(" " + context[: starts[0]]))
    if ends:
        covered[inside[-1], 1] += sum(_touching(context[stops[-1] :] + " "))
    return covered


def _touching(gap: str) -> tuple[int, int]:
    """Lengths of what touches the token before a gap and, past white space, the token after it."""
    if gap.isspace():
        return 0, 0
    first, last = gap[:1], gap[-1:]
    parts = gap.split()
    if len(parts) == 1 and not first.isspace() and not last.isspace():
        return len(gap), 0
    return 0 if first.isspace() else len(parts[0]), 0 if last.isspace() else len(parts[-1])


def span_positions(offsets: Ints, start: int, end: int) -> tuple[int, int]:
    """First and last token with characters of [start, end) of the context, or (0, 0) when the window does not hold them all.

    `offsets` is [length, 2], -1 outside the context.
    """
    inside = np.flatnonzero(offsets[:, 0] >= 0)
    if not len(inside) or offsets[inside[0], 0] > start or offsets[inside[-1], 1] < end:
        return 0, 0
    first = inside[np.flatnonzero(offsets[inside, 1] > start)[0]]
    last = inside[np.flatnonzero(offsets[inside, 0] < end)[-1]]
    return (int(first), int(last)) if first <= last else (0, 0)
