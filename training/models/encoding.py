"""The seam between packs and encoders: a pack goes in, the states of its tokens come out.

Encoders built like BERT (`PACKABLE`) take a pack as it is, and stop after the layer that is wanted. Decoders built like Llama
(`CAUSAL_PACKABLE`) take it as it is on a CPU. Any other takes a padded batch, made here and undone here, as Hugging Face
runs it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from torch import Tensor

from training.data.packs import Pack
from training.models.attention import PACKED

PACKABLE = ("bert", "roberta", "xlm-roberta", "camembert", "xlm-roberta-xl")
"""Model types (`config.model_type`) whose layers are walked here; tests hold each equal to its own padded run."""
CAUSAL_PACKABLE = ("llama", "qwen2", "qwen3")
"""Model types of decoders that hand a pack on to their attention, and take their positions from outside; held to the same."""
_COUNTED_FROM_PAD = ("roberta", "xlm-roberta", "camembert", "xlm-roberta-xl")


def encode(backbone: Any, pack: Pack, layer: int | None, *, packed: bool) -> Tensor:
    """States of a pack's tokens, [tokens, width], after `layer` layers (0: the embeddings; None: the encoder's output)."""
    if packed and takes_packs(backbone.config):
        return encode_packed(backbone, pack, layer)
    if packed and not pack.ids.is_cuda and takes_causal_packs(backbone.config):
        return _side_by_side(backbone, pack, layer)
    return _padded(backbone, pack, layer)


def takes_packs(config: Any) -> bool:
    """Whether an encoder of this configuration takes packs as they are."""
    absolute = getattr(config, "position_embedding_type", "absolute") in ("absolute", None)
    return config.model_type in PACKABLE and absolute and not getattr(config, "is_decoder", False)


def takes_causal_packs(config: Any) -> bool:
    """Whether a decoder of this configuration takes packs as they are: each of its layers sees everything that came before.

    On a CPU alone: a GPU would start a kernel for each length of a pack in each layer.
    """
    return config.model_type in CAUSAL_PACKABLE and not getattr(config, "sliding_window", None)


def first_position(config: Any) -> int:
    """The position of a row's first token: in the RoBERTa family positions begin after the padding's number."""
    return int(config.pad_token_id) + 1 if config.model_type in _COUNTED_FROM_PAD else 0


def encode_packed(backbone: Any, pack: Pack, layer: int | None) -> Tensor:
    """The same of an encoder that takes packs as they are."""
    return through_layers(backbone, embedded(backbone, pack), pack, layer)


def embedded(backbone: Any, pack: Pack) -> Tensor:
    """What goes into the first layer, [1, tokens, width]."""
    found: Tensor = backbone.embeddings(
        input_ids=pack.ids[None],
        token_type_ids=None if pack.types is None else pack.types[None],
        position_ids=(pack.places + first_position(backbone.config))[None],
    )
    return found


def through_layers(backbone: Any, hidden: Tensor, pack: Pack, layer: int | None) -> Tensor:
    """States after `layer` layers (None: all), [tokens, width], of what `embedded` gave."""
    blocks = backbone.encoder.layer
    last = len(blocks) if layer is None else layer
    with _attention_over_packs(backbone.config):
        for block in blocks[:last]:
            hidden = block(hidden, None, pack=pack)
    norm = getattr(backbone.encoder, "LayerNorm", None)  # of encoders that normalise before each layer
    if norm is not None and last == len(blocks):
        hidden = norm(hidden)
    return hidden[0]


@contextlib.contextmanager
def _attention_over_packs(config: Any) -> Iterator[None]:
    """Only while it is entered: a model that is called by itself, with padding, must not meet it."""
    own = config._attn_implementation
    config._attn_implementation = PACKED
    try:
        yield
    finally:
        config._attn_implementation = own


def _side_by_side(backbone: Any, pack: Pack, layer: int | None) -> Tensor:
    with _attention_over_packs(backbone.config):
        found = backbone(
            input_ids=pack.ids[None],
            position_ids=pack.places[None],
            pack=pack,
            causal=True,
            output_hidden_states=layer is not None,
        )
    states: Tensor = found.last_hidden_state if layer is None else found.hidden_states[layer]
    return states[0]


def _padded(backbone: Any, pack: Pack, layer: int | None) -> Tensor:
    config = backbone.config
    inputs = {"input_ids": pack.by_row(pack.ids, pack.pad), "attention_mask": pack.by_row(pack.ids * 0 + 1, 0)}
    if pack.types is not None:
        inputs["token_type_ids"] = pack.by_row(pack.types, 0)
    if config.model_type in _COUNTED_FROM_PAD:
        inputs["position_ids"] = pack.by_row(pack.places + first_position(config), int(config.pad_token_id))
    if layer is None:
        return pack.flat(backbone(**inputs).last_hidden_state)
    return pack.flat(backbone(**inputs, output_hidden_states=True).hidden_states[layer])
