"""The tokenizer and the model shape that go with the mini world: a small XLM-R."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast, XLMRobertaConfig

SPECIAL_TOKENS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
VOCABULARY = 3000
MAX_LENGTH = 128


def train_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """A lower-casing WordPiece tokenizer of the corpus below `folder`, with XLM-R's special tokens and pair template."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(
        vocab_size=VOCABULARY, min_frequency=2, special_tokens=list(SPECIAL_TOKENS), show_progress=False
    )
    with (folder / "corpus" / "train.txt").open(encoding="utf-8") as lines:
        tokenizer.train_from_iterator(lines, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", sep_token="</s>", cls_token="<s>", unk_token="<unk>",
        pad_token="<pad>", mask_token="<mask>", model_max_length=MAX_LENGTH, model_input_names=["input_ids", "attention_mask"],
    )  # fmt: skip


def model_config(vocabulary: int) -> XLMRobertaConfig:
    """An XLM-R of three layers, 128 wide: small enough to be pretrained in about a minute on two cores."""
    return XLMRobertaConfig(
        vocab_size=vocabulary, hidden_size=128, num_hidden_layers=3, num_attention_heads=4, intermediate_size=256,
        max_position_embeddings=MAX_LENGTH + 2, type_vocab_size=1, initializer_range=0.06, pad_token_id=1, bos_token_id=0, eos_token_id=2,
    )  # fmt: skip
