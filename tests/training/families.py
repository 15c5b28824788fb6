"""Miniature models of every family: the real classes of transformers with real kinds of tokenizer, and weights drawn at random.

Vocabularies are laid out here, since the trainers of the `tokenizers` library break ties at random.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast

from tests.training import toy

_SPACE = "▁"
_WORDS = (*toy.WORDS, "gardener", "river")
SIZES: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
_NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
_WIDE = {"initializer_range": 0.1}
_MASKED = {**SIZES, **_NO_DROPOUT, **_WIDE, "max_position_embeddings": 66}
_ROPE = {**SIZES, **_WIDE, "max_position_embeddings": 64}
_T5 = {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2, "dropout_rate": 0.0, "classifier_dropout": 0.0}
_BART = {"d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2, "decoder_attention_heads": 2}
_BART |= {"encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "dropout": 0.0, "init_std": 0.1, "max_position_embeddings": 64}


def word_piece(begin: str, end: str) -> Tokenizer:
    """As BERT's."""
    special = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    pieces = [*special, *toy.LETTERS, *("##" + letter for letter in toy.LETTERS), *_WORDS]
    made = Tokenizer(models.WordPiece(vocab=_numbered(pieces), unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return _framed(made, [begin], [end], [end])


def unigram(begin: list[str], between: list[str], end: list[str], special: tuple[str, ...]) -> Tokenizer:
    """As XLM-R's, T5's and XGLM's: pieces with the space before them."""
    pieces = [*special, _SPACE, *(_SPACE + word for word in _WORDS), *toy.LETTERS]
    scored = [(piece, 0.0 if piece in special else -float(len(piece) == 1)) for piece in dict.fromkeys(pieces)]
    made = Tokenizer(models.Unigram(scored, unk_id=special.index("<unk>")))
    made.pre_tokenizer = pre_tokenizers.Metaspace(replacement=_SPACE, prepend_scheme="always")
    made.decoder = decoders.Metaspace()
    return _framed(made, begin, between, end)


def byte_level(begin: list[str], between: list[str], end: list[str], special: tuple[str, ...]) -> Tokenizer:
    """As RoBERTa's, GPT-2's, Qwen's and BLOOM's: bytes, and words with the space before them; no token is unknown."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = _merges(["Ġ" + word for word in _WORDS])
    vocabulary = _numbered([*special, *letters, *(first + second for first, second in merges)])
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    framed = _framed(made, begin, between, end)
    if not (begin or end):
        framed.post_processor = processors.ByteLevel(trim_offsets=False)
    return framed


def space_pairs(begin: list[str], special: tuple[str, ...]) -> Tokenizer:
    """As Llama's first two: byte pairs over text whose spaces are letters."""
    merges = _merges([_SPACE + word for word in _WORDS])
    pieces = [*special, _SPACE, *toy.LETTERS, *(first + second for first, second in merges)]
    made = Tokenizer(models.BPE(vocab=_numbered(pieces), merges=merges, unk_token="<unk>", fuse_unk=True))
    made.normalizer = normalizers.Sequence([normalizers.Prepend(_SPACE), normalizers.Replace(" ", _SPACE)])
    return _framed(made, begin, begin, [])


def _numbered(pieces: list[str]) -> dict[str, int]:
    return {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}


def _merges(words: list[str]) -> list[tuple[str, str]]:
    """Every beginning of a word with its next letter, short ones first."""
    found = {(word[:size], word[size]): None for size in range(1, max(map(len, words))) for word in words if len(word) > size}
    return list(found)


def _framed(made: Tokenizer, begin: list[str], between: list[str], end: list[str]) -> Tokenizer:
    if begin or end:
        tokens = [(token, made.token_to_id(token)) for token in dict.fromkeys([*begin, *between, *end])]
        single, pair = [*begin, "$A", *end], [*begin, "$A", *between, "$B:1", *(f"{token}:1" for token in end)]
        made.post_processor = processors.TemplateProcessing(single=single, pair=pair, special_tokens=tokens)
    return made


_XLMR = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
_T5_SPECIAL = ("<pad>", "</s>", "<unk>", "<extra_id_0>")
_END_OF_TEXT = ("<|endoftext|>", "<|im_end|>")
_XLMR_NAMES = dict(bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>", mask_token="<mask>")
_XLMR_NAMES |= {"sep_token": "</s>", "cls_token": "<s>"}
_BERT_NAMES = dict(unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]")
_T5_NAMES = dict(eos_token="</s>", unk_token="<unk>", pad_token="<pad>")
_Made = tuple[Callable[[], Tokenizer], dict[str, str], dict[str, Any]]


def _xlmr_pieces() -> Tokenizer:
    return unigram(["<s>"], ["</s>", "</s>"], ["</s>"], _XLMR)


def _t5_pieces() -> Tokenizer:
    return unigram([], ["</s>"], ["</s>"], _T5_SPECIAL)


def _bytes() -> Tokenizer:
    return byte_level([], [], [], _END_OF_TEXT)


_TWO = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
ENCODERS: dict[str, _Made] = {
    "bert": (lambda: word_piece("[CLS]", "[SEP]"), _BERT_NAMES, {**_MASKED, "type_vocab_size": 2}),
    "xlm-roberta": (_xlmr_pieces, _XLMR_NAMES, {**_MASKED, **_TWO, "type_vocab_size": 1}),
    "roberta": (
        lambda: byte_level(["<s>"], ["</s>", "</s>"], ["</s>"], _XLMR),
        _XLMR_NAMES,
        {**_MASKED, **_TWO, "type_vocab_size": 1},
    ),
    "modernbert": (
        lambda: byte_level(["[CLS]"], ["[SEP]"], ["[SEP]"], ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")),
        _BERT_NAMES,
        {**SIZES, **_WIDE, "pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3},
    ),
    "deberta-v2": (
        lambda: unigram(["[CLS]"], ["[SEP]"], ["[SEP]"], ("[PAD]", "[CLS]", "[SEP]", "<unk>", "[MASK]")),
        {**_BERT_NAMES, "unk_token": "<unk>"},
        {**_MASKED, "type_vocab_size": 0, "relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 8}
        | {"position_biased_input": False, "share_att_key": True, "norm_rel_ebd": "layer_norm"},
    ),
}
DECODERS: dict[str, _Made] = {
    "llama": (
        lambda: space_pairs(["<s>"], ("<unk>", "<s>", "</s>")),
        {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"},
        {**_ROPE, "num_key_value_heads": 1, "bos_token_id": 1, "eos_token_id": 2, "dtype": "bfloat16"},
    ),
    "qwen2": (_bytes, {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}, {**_ROPE, "num_key_value_heads": 1}),
    "qwen3": (
        _bytes,
        {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"},
        {**_ROPE, "num_key_value_heads": 1, "head_dim": 16},
    ),
    "gpt2": (
        _bytes,
        dict.fromkeys(("bos_token", "eos_token", "unk_token"), "<|endoftext|>"),
        {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64, "bos_token_id": 0, "eos_token_id": 0, **_WIDE}
        | {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.1},
    ),
    "bloom": (
        lambda: byte_level([], [], [], ("<unk>", "<s>", "</s>", "<pad>")),
        {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"},
        {"hidden_size": 32, "n_layer": 2, "n_head": 2, "pad_token_id": 3, "bos_token_id": 1, "eos_token_id": 2, **_WIDE},
    ),
    "xglm": (
        lambda: unigram(["</s>"], ["</s>", "</s>"], [], ("<s>", "<pad>", "</s>", "<unk>")),
        {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"},
        {"d_model": 32, "num_layers": 2, "attention_heads": 2, "ffn_dim": 64, "max_position_embeddings": 64, **_TWO}
        | {"dropout": 0.0, "attention_dropout": 0.1, "init_std": 0.1},
    ),
}
BOTH: dict[str, _Made] = {
    "t5": (_t5_pieces, _T5_NAMES, {**_T5, "feed_forward_proj": "relu", "n_positions": 16}),
    "mt5": (_t5_pieces, _T5_NAMES, {**_T5, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}),
    "umt5": (_t5_pieces, _T5_NAMES, {**_T5, "feed_forward_proj": "gated-gelu"}),
    "mbart": (
        lambda: unigram([], [], ["</s>", "en_XX"], (*_XLMR, "en_XX")),
        {name: token for name, token in _XLMR_NAMES.items() if name not in ("sep_token", "cls_token")},
        {**_BART, **_TWO, "attention_dropout": 0.1},
    ),
}
ALL = {**ENCODERS, **DECODERS, **BOTH}
_SEQ2SEQ = {"pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0}


def config_of(kind: str, vocabulary: int) -> Any:
    more = {} if kind not in BOTH or kind == "mbart" else _SEQ2SEQ
    return AutoConfig.for_model(kind, **{"vocab_size": vocabulary, **more, **ALL[kind][2]})


def save(folder: Path, kind: str, *, whole: Any = AutoModel) -> Path:
    """A model folder of a kind; `whole` is the class whose tensors are published."""
    make, names, _ = ALL[kind]
    backend = make()
    backend.add_special_tokens([AddedToken(token, special=True) for token in sorted(set(names.values()))])
    folder.mkdir(parents=True, exist_ok=True)
    PreTrainedTokenizerFast(tokenizer_object=backend, **names).save_pretrained(str(folder))
    config = config_of(kind, backend.get_vocab_size())
    torch.manual_seed(3)
    model = whole.from_config(config, dtype=torch.float32)
    model.save_pretrained(str(folder))
    config.save_pretrained(str(folder))
    return folder
