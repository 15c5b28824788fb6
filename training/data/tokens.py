"""The tokenizer's own batches: all cores at once, and flat columns without an object a token in between.

The `tokenizers` library runs a thread a core, unless TOKENIZERS_PARALLELISM=false or RAYON_NUM_THREADS say otherwise. It is
left as the user has set it: nothing here forks after encoding, which is what would make those threads a danger.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers.tokenization_utils_base import TruncationStrategy
from transformers.utils.generic import PaddingStrategy

from training.data.columns import bounds, flat
from training.data.features import Feature

Encoding = Any
"""One text's encoding by the `tokenizers` library; what did not fit is in its `overflowing`."""
WHOLE = TruncationStrategy.DO_NOT_TRUNCATE
LONGER = TruncationStrategy.LONGEST_FIRST
FIRST = TruncationStrategy.ONLY_FIRST
SECOND = TruncationStrategy.ONLY_SECOND
CAUSAL = "sweep_causal"
"""Set on the tokenizer of a model whose tokens see what is before them alone (`training.models.tokenizer`)."""


def is_causal(tokenizer: Any) -> bool:
    """Whether a word is to be looked at where it ends."""
    return bool(getattr(tokenizer, CAUSAL, False))


def wants_spaces(tokenizer: Any) -> bool:
    """Whether the words of a sentence need the spaces before them, to have the tokens that they have in running text.

    A byte-level tokenizer keeps a space as part of the word after it, and of words that come one by one it sees none.
    """

    def tokens(words: Any) -> list[int]:
        (found,) = encode_batch(tokenizer, [words], words=not isinstance(words, str), special=False)
        ids: list[int] = found.ids
        return ids

    running = tokens("a a")
    return tokens(["a", "a"]) != running and tokens(["a", " a"]) == running


def encode_batch(
    tokenizer: Any,
    texts: Sequence[Any],
    cut: TruncationStrategy = WHOLE,
    max_length: int = 0,
    *,
    stride: int = 0,
    places: bool = False,
    words: bool = False,
    special: bool = True,
) -> list[Encoding]:
    """Encodings of texts or pairs of texts (tuples), in order.

    `cut` says which text of a pair gives way where both exceed `max_length` tokens. `places` keeps character offsets, which
    costs time; `words` takes lists of words, and keeps each token's word; `special` adds special tokens.
    """
    tokenizer.set_truncation_and_padding(PaddingStrategy.DO_NOT_PAD, cut, max_length, stride, None, None)
    backend = tokenizer.backend_tokenizer
    encode = backend.encode_batch if places or words else backend.encode_batch_fast
    found: list[Encoding] = encode(list(texts), is_pretokenized=words, add_special_tokens=special)
    return found


def token_columns(encodings: Sequence[Encoding], *, special: bool = False) -> dict[str, NDArray[Any]]:
    """The columns of tokens alone: rows, ids, types and, where asked for, special."""
    ids = [encoding.ids for encoding in encodings]
    rows = bounds(map(len, ids))
    count = int(rows[-1])
    found = {"rows": rows, "ids": flat("ids", ids, count)}
    found["types"] = flat("types", (encoding.type_ids for encoding in encodings), count)
    if special:
        found["special"] = flat("special", (encoding.special_tokens_mask for encoding in encodings), count)
    return found


def feature_of(encoding: Encoding, example: int, **extra: Any) -> Feature:
    """One encoding as a feature; `extra` is what its kind of task adds."""
    ids = np.asarray(encoding.ids, dtype=np.int32)
    return Feature(ids=ids, types=np.asarray(encoding.type_ids, dtype=np.int32), example=example, **extra)
