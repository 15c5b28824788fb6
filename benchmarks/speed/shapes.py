"""XLM-R shaped models of any size, with random weights: the chain's own model, made by its front door."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from transformers import XLMRobertaConfig

from training.data.packs import Vocabulary
from training.models.carry import ChainModel, from_pretrained
from training.phase import vocabulary_of
from training.tasks.row import TaskRow

BEGIN, PAD, END, UNKNOWN = 0, 1, 2, 3
XLMR_WORDS = 250_002
POSITIONS = 514


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The sizes of an encoder; heads are 64 wide, the inner layer four times as wide as the outer."""

    name: str
    layers: int
    width: int
    words: int

    def config(self, dropout: float) -> XLMRobertaConfig:
        """The configuration; attention weights have no dropout, in either arm."""
        return XLMRobertaConfig(
            vocab_size=self.words,
            hidden_size=self.width,
            num_hidden_layers=self.layers,
            num_attention_heads=max(1, self.width // 64),
            intermediate_size=4 * self.width,
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=0.0,
            max_position_embeddings=POSITIONS,
            type_vocab_size=1,
            layer_norm_eps=1e-5,
            bos_token_id=BEGIN,
            pad_token_id=PAD,
            eos_token_id=END,
        )


SMALL = Shape(name="4 layers of 256, 32k words", layers=4, width=256, words=32_000)
SMALL_XLMR = Shape(name="4 layers of 256, 250k words", layers=4, width=256, words=XLMR_WORDS)
LARGE = Shape(name="XLM-R Large", layers=24, width=1024, words=XLMR_WORDS)
TINY = Shape(name="2 layers of 64, 32k words", layers=2, width=64, words=32_000)


def chain_model(shape: Shape, row: TaskRow, dropout: float, seed: int = 0) -> ChainModel:
    """A model with the head of a task, and weights drawn from `seed`."""
    with tempfile.TemporaryDirectory() as folder:
        shape.config(dropout).save_pretrained(folder)
        return from_pretrained(Path(folder), [row], random=True, model_seed=seed, seed=seed)[0]


def vocabulary(model: ChainModel, shape: Shape) -> Vocabulary:
    """What batches need to know of the model's words; the last word is the mask, as in XLM-R."""
    tokens = SimpleNamespace(pad_token_id=PAD, mask_token_id=shape.words - 1, unk_token_id=UNKNOWN)
    return vocabulary_of(model, tokens)
