"""Families of models: what a model's layers see, told from its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
)

_AFTER_PADDING = ("roberta", "camembert", "data2vec-text", "esm", "ibert", "longformer", "luke", "mpnet", "xmod")
"""In the names of types whose positions start after the padding's number."""
_SEES_ALL = ("xlnet",)
"""Types that transformers has as a causal model alone, and whose tokens see the whole text all the same."""


class Family(StrEnum):
    """An encoder's tokens see the whole text, a decoder's what is before them.

    Of an encoder-decoder the encoder is what is trained here, so its tokens see the whole text too.
    """

    ENCODER = "encoder"
    DECODER = "decoder"
    ENCODER_DECODER = "encoder-decoder"


def family_of(config: Mapping[str, Any]) -> Family:
    """The family of a model, by the contents of its `config.json`.

    transformers knows BERT-like models as decoders too: one that can predict masked tokens is an encoder unless its
    configuration says `is_decoder`. The encoder of an encoder-decoder, built alone, still tells its family by its type.
    """
    kind = str(config.get("model_type", ""))
    if config.get("is_encoder_decoder") or kind in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES:
        return Family.ENCODER_DECODER
    if kind in _SEES_ALL:
        return Family.ENCODER
    causal = kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES
    return Family.DECODER if causal or config.get("is_decoder") else Family.ENCODER


def family_of_model(model: Any) -> Family:
    """The family of a model that is built: of an encoder-decoder's encoder, that of the whole."""
    return family_of(model.config.to_dict())


def width_of(config: Any) -> int:
    """Width of a model's last states, whatever its configuration calls it."""
    return int(getattr(config, "word_embed_proj_dim", None) or config.hidden_size)


def has_large_words(config: Any) -> bool:
    """Whether word embeddings are as large as states, so that T5 divides states by the root of their width before these."""
    return hasattr(config, "relative_attention_num_buckets")


def position_limit(config: Mapping[str, Any]) -> int:
    """The most tokens that a model reads, by the contents of its `config.json`; 0 where positions have no end.

    T5's attention knows distances alone, whatever `n_positions` says.
    """
    if "relative_attention_num_buckets" in config:
        return 0
    longest = int(config.get("max_position_embeddings") or config.get("n_positions") or 0)
    if any(name in str(config["model_type"]) for name in _AFTER_PADDING):
        padding = config.get("pad_token_id")
        longest -= 2 if padding is None else int(padding) + 1
    return longest
