"""A tokenizer of one's own texts: byte-pair merges (arXiv 1508.07909) over words of any script, the same on every run.

Languages are balanced before anything is counted, as XLM-R's are (arXiv 1911.02116): one with n characters counts as n^alpha.
Letters come in the order of their code points and merges by their counts, so no tie is left to chance. A letter that is rarer
than one in `RARE` has no piece of its own and becomes the unknown token.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle, islice
from typing import Any

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

SPECIAL_TOKENS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
RARE = 1_000_000
_SAMPLE = 20_000_000
_LONGEST = 24


def train_pieces(texts: Mapping[str, Sequence[str]], words: int, length: int, alpha: float) -> PreTrainedTokenizerFast:
    """A fast tokenizer of at most `words` pieces, of texts by language, for rows of at most `length` tokens."""
    counts = _balanced(texts, alpha)
    normalise = normalizers.NFKC()
    lines = [normalise.normalize_str(line) for name in sorted(texts) for line in _drawn(texts[name], counts[name])]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.normalizer = normalise
    # A word after its space, as XLM-R has it; punctuation stands alone, and the space before it counts for nothing.
    parts: list[Any] = [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation(), pre_tokenizers.Metaspace()]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(parts)
    letters = _letters(lines)
    trainer = trainers.BpeTrainer(
        vocab_size=words,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=letters,
        limit_alphabet=len(letters),
        max_token_length=_LONGEST,
        show_progress=False,
    )
    tokenizer.train_from_iterator(_known_words(lines, set(letters)), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {"bos_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "cls_token": "<s>", "unk_token": "<unk>"}
    names |= {"pad_token": "<pad>", "mask_token": "<mask>"}
    kept = ["input_ids", "attention_mask"]
    options: dict[str, Any] = {"model_max_length": length, "model_input_names": kept, **names}
    wrapped: PreTrainedTokenizerFast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **options)
    return wrapped


def _balanced(texts: Mapping[str, Sequence[str]], alpha: float) -> dict[str, int]:
    """Characters that are counted of each language."""
    sizes = {language: max(1, sum(map(len, lines))) for language, lines in texts.items()}
    shares = {language: size**alpha for language, size in sizes.items()}
    most = min(_SAMPLE, sum(sizes.values()))
    return {language: int(most * share / sum(shares.values())) for language, share in shares.items()}


def _drawn(lines: Sequence[str], characters: int) -> Iterator[str]:
    """Lines from all over a file, from its beginning again where there are too few, until they have so many characters."""
    total = sum(map(len, lines))
    every = max(1, total // max(1, characters))
    for line in islice(cycle(lines), 0, None, every):
        if characters <= 0:
            return
        characters -= max(1, len(line))
        yield line


def _letters(lines: Sequence[str]) -> list[str]:
    counts: Counter[str] = Counter()
    for line in lines:
        counts.update(line)
    least = max(2, sum(counts.values()) // RARE)
    return sorted({letter for letter, count in counts.items() if count >= least and not letter.isspace()} | {"\u2581"})


def _known_words(lines: Sequence[str], known: set[str]) -> Iterator[str]:
    """The lines without the words that have an unknown letter."""
    for line in lines:
        yield " ".join(word for word in line.split() if known.issuperset(word))
