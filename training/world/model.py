"""The tokenizers and model shapes that go with the mini world: a small XLM-R, and others of other sizes and families."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import LlamaConfig, MBartConfig, PreTrainedConfig, PreTrainedTokenizerFast, XLMRobertaConfig

from training.world.files import ENGLISH_CORPUS

SPECIAL_TOKENS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
CORPUS = "corpus/train.txt"
MAX_LENGTH = 128
MAX_VOCABULARY = 3000
_MIN_COUNT = 10
_LONGEST_ENDING, _SHORTEST_STEM, _PRODUCTIVE = 4, 3, 12
_WORD = re.compile(r"[.?:]|[^\s.?:]+")
_ENDS: dict[str, Any] = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}


@dataclass(frozen=True, kw_only=True)
class MiniModel:
    """One model of the mini world: its configuration for a vocabulary of some size, and the text whose words are counted."""

    config: Callable[[int], PreTrainedConfig]
    corpus: str = CORPUS


def train_tokenizer(folder: Path, corpus: str = CORPUS) -> PreTrainedTokenizerFast:
    """A lower-casing WordPiece tokenizer of a text below `folder`, with XLM-R's special tokens and pair template.

    The vocabulary is counted here, since the library's own trainers break ties at random and give other ids on every run. It
    has the letters of every language, whichever text its words are of: as bytes are in an English model's vocabulary.
    """
    letters = set((folder / CORPUS).read_text(encoding="utf-8").lower()) if corpus != CORPUS else set()
    tokenizer = Tokenizer(models.WordPiece(vocab=_vocabulary(folder / corpus, letters), unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    options = {"bos_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "cls_token": "<s>", "unk_token": "<unk>"}
    options |= {"pad_token": "<pad>", "mask_token": "<mask>"}
    wrapped: PreTrainedTokenizerFast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=MAX_LENGTH, model_input_names=["input_ids", "attention_mask"], **options
    )
    return wrapped


def model_config(vocabulary: int) -> XLMRobertaConfig:
    """An XLM-R of three layers, 96 wide: small enough to be pretrained in about a minute on two cores.

    The initial weights are wider than usual (0.06, not 0.02): at 0.02 a model this narrow spends the whole minute on a plateau.
    It never sees a sentence often enough to learn it by heart, so the encoder has no dropout; a head's is its own matter.
    """
    return _xlmr(vocabulary, layers=3, width=96, heads=4)


def _small(vocabulary: int) -> XLMRobertaConfig:
    return _xlmr(vocabulary, layers=2, width=48, heads=2)


def _large(vocabulary: int) -> XLMRobertaConfig:
    return _xlmr(vocabulary, layers=4, width=160, heads=5)


def _xlmr(vocabulary: int, *, layers: int, width: int, heads: int) -> XLMRobertaConfig:
    return XLMRobertaConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=width * 8 // 3,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        classifier_dropout=0.1,
        initializer_range=0.06,
        max_position_embeddings=MAX_LENGTH + 2,
        type_vocab_size=1,
        **_ENDS,
    )


def _decoder(vocabulary: int) -> LlamaConfig:
    """As many layers and as wide as the XLM-R; its gated layers have three matrices of 176 where those have two of 256."""
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=96,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=176,
        initializer_range=0.06,
        max_position_embeddings=MAX_LENGTH,
        tie_word_embeddings=True,
        **_ENDS,
    )


def _encoder_decoder(vocabulary: int) -> MBartConfig:
    """As many layers and as wide in its encoder, which is what is trained; the decoder is never made."""
    return MBartConfig(
        vocab_size=vocabulary,
        d_model=96,
        encoder_layers=3,
        decoder_layers=3,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=256,
        decoder_ffn_dim=256,
        dropout=0.0,
        attention_dropout=0.0,
        activation_dropout=0.0,
        classifier_dropout=0.1,
        init_std=0.06,
        max_position_embeddings=MAX_LENGTH,
        **_ENDS,
    )


MODELS: Mapping[str, MiniModel] = {
    "": MiniModel(config=model_config),
    "small": MiniModel(config=_small),
    "large": MiniModel(config=_large),
    "english": MiniModel(config=model_config, corpus=ENGLISH_CORPUS),
    "decoder": MiniModel(config=_decoder),
    "encoder-decoder": MiniModel(config=_encoder_decoder),
}
"""By what follows `mini_world/` in a grid; the first is `mini_world` itself."""


def _vocabulary(corpus: Path, more_letters: set[str]) -> dict[str, int]:
    """Special tokens, letters (first in a word and `##` within), productive endings, and words, the most frequent first.

    A word that is another word with a productive ending (a regular plural, say) is left to its two pieces.
    """
    counts = Counter(_WORD.findall(corpus.read_text(encoding="utf-8").lower()))
    letters = sorted({letter for word in counts for letter in word} | {one for one in more_letters if not one.isspace()})
    endings = {ending for ending, stems in _endings(counts).items() if stems >= _PRODUCTIVE}
    words = [word for word, count in counts.items() if count >= _MIN_COUNT and len(word) > 1]
    words = [word for word in words if not any(stem in counts and end in endings for stem, end in _splits(word))]
    pieces = [*SPECIAL_TOKENS, *letters, *("##" + letter for letter in letters)]
    pieces += sorted("##" + ending for ending in endings if len(ending) > 1)
    pieces += sorted(words, key=lambda word: (-counts[word], word))[: MAX_VOCABULARY - len(pieces)]
    return {piece: number for number, piece in enumerate(pieces)}


def _endings(counts: Counter[str]) -> Counter[str]:
    """How many words each ending makes of other, more frequent words."""
    return Counter(end for word in counts for stem, end in _splits(word) if counts.get(stem, 0) > counts[word])


def _splits(word: str) -> list[tuple[str, str]]:
    first = max(_SHORTEST_STEM, len(word) - _LONGEST_ENDING)
    return [(word[:at], word[at:]) for at in range(first, len(word))]
