"""From start and end logits to answers, over many windows and questions at once.

The answer is the best of what the usual loop looks at (google-research/bert `run_squad.py`, Hugging Face's question answering
examples): of each window the `N_BEST` highest starts and ends, of their pairs those inside the context that are no longer than
`MAX_ANSWER_TOKENS`, of a question's windows the one with the best pair. Equal logits stand in the order of their tokens, equal
pairs in that of their starts, then ends, then windows. Sums are in float64, where those of two float32 hardly ever round.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.data.columns import columns_of
from training.data.examples import Question
from training.data.features import Encoded

MAX_ANSWER_TOKENS = 30
N_BEST = 20
MAY_ABSTAIN = "squad_v2"
"""The metric of tasks with unanswerable questions: only there may a prediction be empty."""
_PLACES = 32
"""Bits of a place in a window beside the bits of its logit."""
_PENALTY = np.array([0.0, -np.inf])
"""Of a pair that may be an answer, and of one that may not."""
_TOGETHER = 1 << 16
"""Tokens of the windows that are looked at together."""


def best_spans(
    logits: NDArray[np.float32], context: NDArray[np.bool_], bounds: NDArray[np.int64], n_best: int = N_BEST
) -> NDArray[np.float64]:
    """The best answer of each window: (score, first, last, score of the first token as start and end), [windows, 4].

    `logits` is [tokens, 2], window after window, `context` [tokens] and true at tokens of the context; `bounds` [windows + 1]
    is where windows begin. Where no pair is allowed the score is minus infinity.
    """
    lengths = np.diff(bounds)
    order = np.argsort(lengths, kind="stable")
    ends = np.concatenate([[0], np.cumsum(lengths[order])])
    sides = np.ascontiguousarray(logits.T) + np.float32(0)  # no negative zeros
    found = np.empty((len(lengths), 4))
    done = 0
    while done < len(order):
        stop = max(done + 1, int(np.searchsorted(ends, ends[done] + _TOGETHER, side="right")) - 1)
        windows = order[done:stop]
        found[windows] = _best(sides, context, bounds[windows], lengths[windows], n_best)
        done = stop
    return found


def _best(
    sides: NDArray[np.float32],
    context: NDArray[np.bool_],
    begins: NDArray[np.int64],
    lengths: NDArray[np.int64],
    n_best: int,
) -> NDArray[np.float64]:
    """Of some windows of similar lengths; `sides` is [2, tokens]."""
    tokens = np.arange(lengths.max())
    table = np.minimum(begins[:, None] + tokens, len(context) - 1)  # [windows, longest]
    values = np.stack([side.take(table) for side in sides])
    np.copyto(values, np.float32(-np.inf), where=tokens >= lengths[:, None])
    places = _leading(values, n_best)  # [2, windows, best]
    best = np.take_along_axis(values, places, 2).astype(np.float64)
    best[~np.take_along_axis(np.broadcast_to(context[table], values.shape), places, 2)] = -np.inf
    sums = best[0][:, :, None] + best[1][:, None, :]
    short = places.astype(np.int16)
    extra = short[1][:, None, :] - short[0][:, :, None]
    sums += _PENALTY.take((extra.view(np.uint16) >= MAX_ANSWER_TOKENS).view(np.uint8))  # what is negative is large there
    flat = sums.reshape(len(sums), -1)
    pair = flat.argmax(1)
    rows, (start, end) = np.arange(len(pair)), np.divmod(pair, places.shape[2])
    none = values[:, :, 0].astype(np.float64).sum(0)
    return np.stack([flat[rows, pair], places[0][rows, start], places[1][rows, end], none], 1)


def _leading(values: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Places of the `count` highest values of the last dimension, the highest first, equal ones in their order.

    A float's bits grow with it once those of negative ones are turned round; with the place behind them no two are equal.
    """
    length = values.shape[-1]
    bits = values.view(np.int32)
    keys = np.empty(bits.shape, dtype=np.int64)
    np.bitwise_xor(bits, bits >> 31 & 0x7FFFFFFF, out=keys)
    keys <<= _PLACES
    keys |= np.arange(length - 1, -1, -1)
    keys.sort(axis=-1)
    found: NDArray[np.int64] = length - 1 - (keys[..., : -count - 1 : -1] & (1 << _PLACES) - 1)
    return found


def answers(encoded: Encoded, spans: NDArray[np.float64]) -> dict[str, str]:
    """Answers by the ids of questions; `spans` is [windows, 4] as `best_spans` gives it, in the order of `encoded.features`.

    "" where no window allows an answer, and where the task knows unanswerable questions and having no answer scores higher.
    Windows without the answer are trained towards the first token, so a question's score of having none is the least over its
    windows (Devlin et al. 2019, section 4.3).
    """
    questions = [example for example in encoded.examples if isinstance(example, Question)]
    assert len(questions) == len(encoded.examples)
    ids = [question.id for question in questions]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(ids))}
    owners = np.fromiter(map(numbers.__getitem__, ids), np.int64, len(ids))
    columns = columns_of(encoded.features)
    owner = owners[columns["example"]]
    order = np.lexsort((-spans[:, 0], owner))  # stable: of equal scores the first window
    begins = np.flatnonzero(np.diff(owner[order], prepend=-1))
    best = order[begins]  # [questions]: windows
    given = spans[best, 0] > -np.inf
    if encoded.row.metric == MAY_ABSTAIN:
        given &= np.minimum.reduceat(spans[order, 3], begins) <= spans[best, 0]
    tokens = columns["rows"][best]
    starts = columns["offsets"][tokens + spans[best, 1].astype(np.int64), 0].tolist()
    ends = columns["offsets"][tokens + spans[best, 2].astype(np.int64), 1].tolist()
    examples = columns["example"][best].tolist()
    texts = [
        questions[example].context[start:end].strip() if known else ""
        for example, start, end, known in zip(examples, starts, ends, given.tolist(), strict=True)
    ]
    return dict(zip(numbers, texts, strict=True))
