"""From start and end logits to answers, over many windows and questions at once.

The answer is the best of what the usual loop looks at (google-research/bert `run_squad.py`, Hugging Face's question answering
examples): of each window the `N_BEST` highest starts and ends, of their pairs those inside the context that are no longer than
`MAX_ANSWER_TOKENS`, of a question's windows the one with the best pair. Equal logits stand in the order of their tokens, equal
pairs in that of their starts, then ends, then windows. Sums are in float64, where those of two float32 hardly ever round.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.data.columns import columns_of
from training.data.examples import Question
from training.data.features import Encoded
from training.data.packs import Pack, moved

MAX_ANSWER_TOKENS = 30
N_BEST = 20
MAY_ABSTAIN = "squad_v2"
"""The metric of tasks with unanswerable questions: only there may a prediction be empty."""
_PLACES = 32
"""Bits of a place in a window beside the bits of its logit."""


def best_spans(logits: Tensor, context: Tensor, packed: Pack, n_best: int = N_BEST) -> Tensor:
    """The best answer of each window: (score, first, last, score of the first token as start and end), [windows, 4] in float64.

    `logits` is [tokens, 2], `context` [tokens] and true at tokens of the context. Where no pair is allowed the score is minus
    infinity.
    """
    begins, end = packed.firsts[:, None], len(logits) - 1
    tokens = torch.arange(packed.longest, device=logits.device)
    table = (begins + tokens).clamp_(max=end)  # [windows, longest]
    sides = torch.stack(logits.float().unbind(1))  # a transposed copy is several times slower on a CPU
    values = sides.index_select(1, table.flatten()).view(2, *table.shape)
    values += 0.0  # no negative zeros
    values.masked_fill_(tokens >= moved(packed.lengths, logits.device)[:, None], -torch.inf)
    places = _leading(values, n_best)  # [2, windows, best]
    best = values.gather(2, places).double()
    best.masked_fill_(~context[(begins + places).clamp_(max=end)], -torch.inf)
    sums = best[0][:, :, None] + best[1][:, None, :]
    extra = places[1].int()[:, None, :] - places[0].int()[:, :, None]
    sums.masked_fill_((extra < 0) | (extra >= MAX_ANSWER_TOKENS), -torch.inf)
    score, pair = sums.flatten(1).max(1)
    count = places.shape[2]
    chosen = torch.stack([pair // count, pair % count])[:, :, None]
    span = places.gather(2, chosen)[:, :, 0]
    none = values[:, :, 0].double().sum(0)
    return torch.stack([score, *span, none], 1)


def _leading(values: Tensor, count: int) -> Tensor:
    """Places of the `count` highest values of the last dimension, the highest first, equal ones in their order.

    A float's bits grow with it once those of negative ones are turned round; with the place behind them no two are equal.
    """
    length = values.shape[-1]
    bits = values.view(torch.int32)
    keys = (bits ^ (bits >> 31 & 0x7FFFFFFF)).long() << _PLACES
    keys += torch.arange(length - 1, -1, -1, device=values.device)
    found: Tensor = length - 1 - (_highest(keys, min(count, length)) & (1 << _PLACES) - 1)
    return found


def _highest(keys: Tensor, count: int) -> Tensor:
    """The `count` highest of the last dimension, in falling order."""
    if keys.device.type != "cpu":
        return torch.topk(keys, count).values
    found = np.sort(keys.numpy(), axis=-1)  # several times faster than what torch has for a CPU
    return torch.from_numpy(found[..., : -count - 1 : -1].copy())


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
