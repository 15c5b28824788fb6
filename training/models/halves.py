"""The encoder of an encoder-decoder (T5, mBART), built and loaded alone: the decoder's weights are never read."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoModel

from training.errors import ModelError

NAMES = {r"^(model\.|transformer\.)?encoder\.": "", r"^(model\.|transformer\.)?shared\.": "embed_tokens."}
"""From the names of the whole model's tensors to those of its encoder: both halves share the word embeddings."""


def encoder_class(config: Any) -> tuple[Any, Any]:
    """The class of the encoder, and the configuration that it is made of; the whole is laid out without memory for it."""
    with torch.device("meta"):
        half = AutoModel.from_config(config).get_encoder()
    return type(half), half.config


def check_words(model: Any, missing: tuple[str, ...], folder: object) -> None:
    """Raise ModelError where the word embeddings were not among the weights: their place has another name in this model."""
    table = model.get_input_embeddings().weight
    lost = [name for name, parameter in model.named_parameters() if parameter is table and name in missing]
    if lost:
        remedy = "only encoder-decoders that call it `shared` or `encoder.embed_tokens` are known (T5, mT5, umT5, BART, mBART)"
        raise ModelError("the encoder's word embeddings are not in the published weights", f"{folder}: {lost[0]}", remedy)
