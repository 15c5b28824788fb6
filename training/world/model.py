"""The tokenizer and the model shape that go with the mini world: a small XLM-R."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, XLMRobertaConfig

SPECIAL_TOKENS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
MAX_LENGTH = 128
MAX_VOCABULARY = 3000
_MIN_COUNT = 10
_LONGEST_ENDING, _SHORTEST_STEM, _PRODUCTIVE = 4, 3, 12
_WORD = re.compile(r"[.?:]|[^\s.?:]+")


def train_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """A lower-casing WordPiece tokenizer of the corpus below `folder`, with XLM-R's special tokens and pair template.

    The vocabulary is counted here, since the library's own trainers break ties at random and give other ids on every run.
    """
    tokenizer = Tokenizer(models.WordPiece(vocab=_vocabulary(folder / "corpus" / "train.txt"), unk_token="<unk>"))
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
    return XLMRobertaConfig(
        vocab_size=vocabulary,
        hidden_size=96,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=256,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        classifier_dropout=0.1,
        initializer_range=0.06,
        max_position_embeddings=MAX_LENGTH + 2,
        type_vocab_size=1,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
    )


def _vocabulary(corpus: Path) -> dict[str, int]:
    """Special tokens, letters (first in a word and `##` within), productive endings, and words, the most frequent first.

    A word that is another word with a productive ending (a regular plural, say) is left to its two pieces.
    """
    counts = Counter(_WORD.findall(corpus.read_text(encoding="utf-8").lower()))
    letters = sorted({letter for word in counts for letter in word})
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
