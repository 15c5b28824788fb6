"""What a tokenizer has to give for each family of models, and how rows are made of its tokens.

A decoder's row begins as its own tokenizer begins one, and ends with the end-of-sequence token, whose state has seen it all;
the same token parts the texts of a pair (start, text, delimiter, text, extract: Radford et al. 2018). Many of these tokenizers
would put nothing between two texts; nor would mBART's, and there too the end token parts them. Of a word that has several
sub-words a decoder's last one is looked at, which alone has seen the word.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokenizers import processors

from training.data.tokens import CAUSAL
from training.errors import ModelError
from training.models.family import Family

FIRST_SENTINEL = "<extra_id_0>"
"""What T5 was pretrained to see where text was taken out."""
_READINGS = {Family.ENCODER: "", Family.DECODER: "decoder 1", Family.ENCODER_DECODER: "encoder of two 1"}
_BYTE_LEVEL = b'"ByteLevel"'


def reading_of(folder: Path, family: Family) -> str:
    """Names how rows are made and read where that is not as a BERT's are; it is part of the model's identity.

    Byte-level tokenizers are named since `training.data.tokens.spaced` gives the words of a sentence their spaces.
    """
    whole = folder / "tokenizer.json"
    byte_level = _BYTE_LEVEL in whole.read_bytes() if whole.is_file() else (folder / "merges.txt").is_file()
    return " ".join(filter(None, (_READINGS[family], "spaced words 1" if byte_level else "")))


def fit_tokenizer(tokenizer: Any, folder: Path, family: Family) -> None:
    """Make a tokenizer ready for a family, in place; raises ModelError where it lacks what training needs."""
    if not getattr(tokenizer, "is_fast", False):
        remedy = "use a fast tokenizer (a tokenizer.json): words and answers are found in the text by offsets"
        raise ModelError("the tokenizer gives no character offsets", type(tokenizer).__name__, remedy)
    if family is not Family.ENCODER:
        _frame(tokenizer, folder, family)
    for name in ("pad_token",) if family is Family.DECODER else ("pad_token", "unk_token"):
        if getattr(tokenizer, name, None) is None:
            raise ModelError(f"the tokenizer names no {name}", folder, f"name its {name} in tokenizer_config.json")
    tokenizer.truncation_side = "right"


def _frame(tokenizer: Any, folder: Path, family: Family) -> None:
    """Rows as this module says; without a padding token a decoder's end token fills gaps, which nothing ever attends to."""
    end = next((name for name in (tokenizer.eos_token, tokenizer.sep_token, tokenizer.bos_token) if name is not None), None)
    if end is None:
        remedy = "name its eos_token in tokenizer_config.json: it parts the texts of a pair, and ends a decoder's rows"
        raise ModelError("the tokenizer names no eos_token", folder, remedy)
    backend = tokenizer.backend_tokenizer
    backend.no_padding()  # a published tokenizer may pad and cut by itself: what it adds so is no part of a row
    backend.no_truncation()
    before, after = _own_frame(backend)
    if family is Family.DECODER:
        tokenizer.pad_token = tokenizer.pad_token or end
        setattr(tokenizer, CAUSAL, True)
        _set_frame(backend, before, end, [end])
    elif not _parted(backend):
        _set_frame(backend, before, end, after)


def _own_frame(backend: Any) -> tuple[list[str], list[str]]:
    """Special tokens that the tokenizer itself puts before and after a text."""
    encoding = backend.encode("a")
    text = [place for place, special in enumerate(encoding.special_tokens_mask) if not special]
    return (encoding.tokens[: text[0]], encoding.tokens[text[-1] + 1 :]) if text else ([], [])


def _parted(backend: Any) -> bool:
    """Whether the tokenizer itself puts something between two texts."""
    marks = "".join(map(str, backend.encode("a", "a").special_tokens_mask)).strip("1")
    return "1" in marks


def _set_frame(backend: Any, before: list[str], between: str, after: list[str]) -> None:
    numbers = [(token, backend.token_to_id(token)) for token in dict.fromkeys([*before, between, *after])]
    pair = [*before, "$A", between, "$B:1", *(f"{token}:1" for token in after)]
    template = processors.TemplateProcessing(single=[*before, "$A", *after], pair=pair, special_tokens=numbers)
    byte_level = "ByteLevel" in repr(backend.pre_tokenizer)
    trim = [processors.ByteLevel(trim_offsets=True)] if byte_level else []  # what the template takes the place of did so
    backend.post_processor = processors.Sequence([*trim, template])


def mask_of(tokenizer: Any, family: Family) -> int:
    """The token that stands for a masked one; where the tokenizer has none, T5's first sentinel, else the unknown token.

    A decoder's text is never masked: its padding is named.
    """
    if tokenizer.mask_token_id is not None:
        return int(tokenizer.mask_token_id)
    sentinel = tokenizer.backend_tokenizer.token_to_id(FIRST_SENTINEL) if family is Family.ENCODER_DECODER else None
    if sentinel is not None:
        return int(sentinel)
    return int(tokenizer.pad_token_id if tokenizer.unk_token_id is None else tokenizer.unk_token_id)
