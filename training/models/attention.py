"""Attention over packs: a token attends to the tokens of its own row.

On a GPU in half precision it is torch's variable-length attention, one kernel a layer; everywhere else rows of one length,
which lie beside each other in a pack, go through `scaled_dot_product_attention` as one batch. Both give what a padded batch
with a mask gives, up to rounding. Hugging Face's encoders take it as any attention that is registered with them, under
`PACKED`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention.varlen import varlen_attn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from training.data.packs import Pack

PACKED = "sweep_packed"


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    pack: Pack,
    scaling: float | None = None,
    dropout: float = 0.0,
    causal: bool = False,
    **_: Any,
) -> tuple[Tensor, None]:
    """The attention of one layer; `query`, `key`, `value` are [1, heads, tokens, size], the result [1, tokens, heads, size].

    `dropout` is that of attention weights; variable-length attention has none, so with it a GPU too goes by blocks. Where it is
    `causal`, several heads of the query may share one of key and value.
    """
    parts = [states[0].transpose(0, 1) for states in (query, key, value)]  # each [tokens, heads, size]
    if causal:
        parts = [part.repeat_interleave(parts[0].shape[1] // part.shape[1], dim=1) for part in parts]
    elif query.is_cuda and query.dtype in (torch.float16, torch.bfloat16) and not dropout:
        longest = pack.reach or pack.longest
        out = varlen_attn(parts[0], parts[1], parts[2], pack.bounds, pack.bounds, longest, longest, scale=scaling)
        assert isinstance(out, Tensor)
        return out[None], None
    if query.is_cuda:
        return _by_blocks(parts, pack, scaling, dropout, causal=causal)[None], None
    with torch.autocast(query.device.type, enabled=False):  # on a CPU small products in half precision are slower
        out = _by_blocks([part.float() for part in parts], pack, scaling, dropout, causal=causal)
    return out.to(query.dtype)[None], None


def _by_blocks(parts: list[Tensor], pack: Pack, scaling: float | None, dropout: float, *, causal: bool) -> Tensor:
    """[tokens, heads, size]: rows of one length at a time."""
    sizes = [rows * length for rows, length in pack.runs]
    found = []
    for (rows, length), *states in zip(pack.runs, *(part.split(sizes) for part in parts), strict=True):
        query, key, value = (state.unflatten(0, (rows, length)).transpose(1, 2) for state in states)
        out = scaled_dot_product_attention(query, key, value, dropout_p=dropout, is_causal=causal, scale=scaling)
        found.append(out.transpose(1, 2).flatten(0, 1))
    return torch.cat(found)


def set_attention_dropout(backbone: nn.Module, rate: float) -> None:
    """Give every self-attention of the encoder this dropout of its attention weights."""
    for module in backbone.modules():
        if not type(module).__name__.endswith("Attention"):
            continue
        for name in ("dropout", "attention_dropout", "attn_dropout"):
            own = getattr(module, name, None)
            if isinstance(own, nn.Dropout):
                own.p = rate
            elif isinstance(own, float):
                setattr(module, name, rate)


AttentionInterface.register(PACKED, attend)
