"""Packs of a few fixed sizes: what is recorded once as a CUDA graph has to have the same shapes each time.

A pack is followed by a tail of padding up to its bucket's size, in rows of its own. Nothing attends to the tail, and nothing is
asked of its states, so its gradients are zero.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from training.data.packs import Pack, moved

_PARTS = 3
"""Sizes between a power of two and the next are 2 to the power of this: the tail is an eighth of the pack at the most."""
_LEAST, _ROWS, _SHORTEST = 64, 16, 32


@dataclass(frozen=True, order=True)
class Bucket:
    """Fixed sizes: `tokens` in all, at most `rows` rows (the tail's too), none of them longer than `longest` tokens."""

    tokens: int
    rows: int
    longest: int


def bucket_of(pack: Pack) -> Bucket:
    """The smallest bucket that holds a pack and the rows of its tail."""
    tokens = len(pack.ids)
    step = max(_LEAST, 1 << max(0, (tokens - 1).bit_length() - 1 - _PARTS))
    longest = max(_SHORTEST, 1 << (pack.longest - 1).bit_length())
    rows = pack.rows + -(-step // _piece(pack))
    return Bucket(-(-tokens // step) * step, -(-rows // _ROWS) * _ROWS, longest)


class Slot:
    """The tensors of one bucket, which stay where they are; each pack is written into them before it is looked at."""

    def __init__(self, bucket: Bucket, device: torch.device, *, typed: bool) -> None:
        """`typed` is whether packs have token types."""
        self.bucket = bucket
        self._ids = torch.zeros(bucket.tokens, dtype=torch.long, device=device)
        self._types = torch.zeros_like(self._ids) if typed else None
        self._places = torch.zeros_like(self._ids)
        self._bounds = torch.zeros(bucket.rows + 1, dtype=torch.int32, device=device)

    def filled(self, pack: Pack) -> Pack:
        """A pack with its tail, in the slot's own tensors; `starts` and `lengths` are those of the pack."""
        bucket, tokens = self.bucket, len(pack.ids)
        tail, piece = bucket.tokens - tokens, _piece(pack)
        ends = np.minimum(tokens + piece * np.arange(1, bucket.rows - pack.rows + 1), bucket.tokens)
        _write(self._ids, pack.ids, pack.pad)
        if self._types is not None and pack.types is not None:
            _write(self._types, pack.types, 0)
        _write(self._places, pack.places, moved(np.arange(tail) % piece, self._ids.device))
        _write(self._bounds, pack.bounds, moved(ends.astype(np.int32), self._ids.device))
        whole, rest = divmod(tail, piece)
        rows = (*pack.runs, *(((whole, piece),) if whole else ()), *(((1, rest),) if rest else ()))
        ids, types, places, bounds = self._ids, self._types, self._places, self._bounds
        return replace(pack, ids=ids, types=types, places=places, bounds=bounds, runs=rows, reach=bucket.longest)


def _piece(pack: Pack) -> int:
    """Tokens of a row of the tail: no more than the pack's own rows have, for which the encoder has positions."""
    return min(_SHORTEST, pack.longest)


def _write(place: Tensor, values: Tensor, rest: Tensor | int) -> None:
    """Put `values` at the beginning of `place`, and `rest` behind them."""
    place[: len(values)].copy_(values)
    behind = place[len(values) :]
    if isinstance(rest, Tensor):
        behind.copy_(rest)
    else:
        behind.fill_(rest)
