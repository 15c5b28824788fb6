"""Families of models: what a model's layers see, told from its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, MODEL_FOR_MASKED_LM_MAPPING_NAMES


class Family(StrEnum):
    """An encoder's tokens see the whole text, a decoder's what is before them; an encoder-decoder has both."""

    ENCODER = "encoder"
    DECODER = "decoder"
    ENCODER_DECODER = "encoder-decoder"


def family_of(config: Mapping[str, Any]) -> Family:
    """The family of a model, by the contents of its `config.json`.

    transformers knows BERT-like models as decoders too: one that can predict masked tokens is an encoder unless its
    configuration says `is_decoder`.
    """
    if config.get("is_encoder_decoder"):
        return Family.ENCODER_DECODER
    kind = str(config.get("model_type", ""))
    causal = kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES
    return Family.DECODER if causal or config.get("is_decoder") else Family.ENCODER
