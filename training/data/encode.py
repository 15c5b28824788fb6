"""Text to features: sub-word ids, and what each kind of task needs beside them.

A feature is one row a forward pass sees. One example may give several: a choice has one an ending (kept together as a group),
a long context or tagged sentence one a window. Nothing that is scored is dropped: contexts and tagged sentences longer than
the window are split, and each word of a sentence is predicted in the window that shows most of its surroundings. Of what is
too long else, a pair loses the end of its longer text, a choice the beginning of its context, text and questions their ends.

An example's features do not depend on its neighbours, so a split may be encoded in blocks of any size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from training.data.columns import Columns, FeatureRows, concatenated, gather, label_column
from training.data.examples import Choices, Example, Mention, Question, Sentences, Tagged, Text
from training.data.features import Encoded, Feature
from training.data.squad import WITHHELD
from training.data.tokens import (
    FIRST,
    LONGER,
    SECOND,
    Encoding,
    encode_batch,
    feature_of,
    is_causal,
    token_columns,
    wants_spaces,
)
from training.data.windows import covering, first_subwords, last_subwords, span_positions, split_overlaps
from training.errors import DataError
from training.tasks.row import Kind, TaskRow

BLOCK = 2048
"""Examples encoded at a time where a split is encoded in blocks: enough for all cores, few enough for little memory."""
Told = Callable[[int], None]


def silent(done: int) -> None:
    """A listener that ignores how many examples are done."""


@dataclass(frozen=True, slots=True)
class Block:
    """The features of some of a split's examples: `examples` of them, each with `group` features a training unit.

    The column `example` counts from the block's first example.
    """

    columns: Columns
    examples: int
    group: int = 1


@dataclass(frozen=True, slots=True)
class Encoder:
    """A tokenizer with the lengths of one task. Raises DataError when windows of that overlap would not get on."""

    tokenizer: Any
    row: TaskRow
    max_length: int
    stride: int

    def __post_init__(self) -> None:
        """Check the lengths."""
        if self._question_limit() < 1:
            seen = f"max_length {self.max_length}, stride {self.stride}"
            raise DataError(
                f"{self.row.name}: its windows are too short for their overlap",
                seen,
                "lower the stride, or lengthen the windows",
            )

    def encode(self, examples: Sequence[Example], told: Told = silent) -> Encoded:
        """Features of `examples`; `told` hears how many are done. Raises DataError where an example can't be a feature."""
        blocks = list(self.blocks(examples, told)) or [self._block(examples)]
        columns = concatenated([block.columns for block in blocks], [block.examples for block in blocks])
        return Encoded(self.row, examples, FeatureRows(columns), blocks[0].group, len(columns["ids"]))

    def blocks(self, examples: Iterable[Example], told: Told = silent, size: int = BLOCK) -> Iterator[Block]:
        """The features of `examples`, `size` examples at a time, in order; raises DataError as `encode` does."""
        group = done = 0
        told(done)
        source = iter(examples)
        while part := list(islice(source, size)):
            block = self._block(part)
            if group and block.group != group:
                raise self._uneven([group, block.group])
            group = block.group
            yield block
            done += block.examples
            told(done)

    def encode_plain(self, texts: Sequence[str | tuple[str, str]]) -> list[Feature]:
        """Features of single texts or pairs of texts (retrieval); the longer text of a pair gives way."""
        return [feature_of(encoding, index) for index, encoding in enumerate(self._encodings(texts))]

    def _block(self, examples: Sequence[Example]) -> Block:
        methods: dict[Kind, Callable[[Sequence[Example]], Columns | list[Feature]]] = {
            Kind.CLASSIFICATION: self._sentences,
            Kind.CHOICE: self._choices,
            Kind.TAGGING: self._tagged,
            Kind.SPAN: self._questions,
            Kind.MLM: self._texts,
            Kind.RETRIEVAL: self._linked,
        }
        found = methods[self.row.kind](examples) if examples else []
        columns = gather(found) if isinstance(found, list) else found
        grouped = self.row.kind in (Kind.CHOICE, Kind.RETRIEVAL) and examples
        group = len(columns["example"]) // len(examples) if grouped else 1
        return Block(columns, len(examples), group)

    def _encodings(self, texts: Sequence[Any]) -> list[Encoding]:
        """One encoding a single text or a pair, in order; the longer text of a pair gives way."""
        return encode_batch(self.tokenizer, texts, LONGER, self.max_length)

    def _sentences(self, examples: Sequence[Example]) -> Columns:
        chosen = [item for item in examples if isinstance(item, Sentences)]
        texts = [(item.first, item.second) if item.second else item.first for item in chosen]
        labels = label_column(item.label for item in chosen)
        return token_columns(self._encodings(texts)) | {"example": _counted(len(chosen)), "label": labels}

    def _texts(self, examples: Sequence[Example]) -> Columns:
        chosen = [item for item in examples if isinstance(item, Text)]
        texts = [(item.text, item.second) if item.second else item.text for item in chosen]
        columns = token_columns(self._encodings(texts), special=True)
        return columns | {"example": _counted(len(chosen)), "label": label_column([None] * len(chosen))}

    def _choices(self, examples: Sequence[Example]) -> Columns:
        """Rows of (context, ending): a long context loses its beginning, an ending only what alone exceeds the window."""
        chosen = [item for item in examples if isinstance(item, Choices)]
        counts = {len(item.endings) for item in chosen}
        if len(counts) != 1:
            raise self._uneven(counts)
        pairs = [(item.context, ending) for item in chosen for ending in item.endings]
        room = self.max_length - self.tokenizer.num_special_tokens_to_add(pair=True)
        alone = encode_batch(self.tokenizer, [ending for _, ending in pairs], special=False)
        fits = [len(encoding) < room for encoding in alone]

        def encode(places: list[int], fit: bool) -> list[Encoding]:
            return encode_batch(self.tokenizer, [pairs[at] for at in places], FIRST if fit else LONGER, self.max_length)

        side, self.tokenizer.truncation_side = self.tokenizer.truncation_side, "left"
        try:
            encoded = _by_flag(fits, encode)
        finally:
            self.tokenizer.truncation_side = side
        group = counts.pop()
        numbers = np.repeat(_counted(len(chosen)), group)
        labels = label_column(item.label for item in chosen for _ in item.endings)
        return token_columns(encoded) | {"example": numbers, "label": labels}

    def _linked(self, examples: Sequence[Example]) -> Columns:
        """Rows of a mention and of its entity's description, in turn; both have the entity's number as their label."""
        chosen = [item for item in examples if isinstance(item, Mention)]
        texts = [text for item in chosen for text in (item.text, item.description)]
        numbers = np.repeat(_counted(len(chosen)), 2)
        labels = label_column(_entity_number(item.entity) for item in chosen for _ in range(2))
        return token_columns(self._encodings(texts)) | {"example": numbers, "label": labels}

    def _uneven(self, counts: Iterable[int]) -> DataError:
        return DataError(f"{self.row.name}: examples differ in their number of endings", sorted(counts), "split the file")

    def _questions(self, examples: Sequence[Example]) -> list[Feature]:
        chosen = [item for item in examples if isinstance(item, Question)]
        questions = self._cut([item.question.strip() for item in chosen], self._question_limit())
        pairs = list(zip(questions, (item.context for item in chosen), strict=True))
        encoded = encode_batch(self.tokenizer, pairs, SECOND, self.max_length, stride=self.stride, places=True)
        return [
            window
            for number, first in enumerate(encoded)
            for window in _windows([first, *first.overflowing], number, chosen[number])
        ]

    def _question_limit(self) -> int:
        """Most tokens of a question: half the window, less where the context would have too little room to move on."""
        room = self.max_length - int(self.tokenizer.num_special_tokens_to_add(pair=True))
        return min(room // 2, room - 2 * self.stride)

    def _cut(self, texts: Sequence[str], limit: int) -> list[str]:
        encoded = encode_batch(self.tokenizer, texts, places=True, special=False)
        return [
            text[: encoding.offsets[limit - 1][1]] if len(encoding) > limit else text
            for text, encoding in zip(texts, encoded, strict=True)
        ]

    def _tagged(self, examples: Sequence[Example]) -> list[Feature]:
        chosen = [item for item in examples if isinstance(item, Tagged)]
        words = self._visible([item.words for item in chosen])
        if wants_spaces(self.tokenizer):
            words = [[word if not place else f" {word}" for place, word in enumerate(each)] for each in words]
        encoded = encode_batch(self.tokenizer, words, LONGER, self.max_length, stride=self.stride, words=True)
        causal, features = is_causal(self.tokenizer), list[Feature]()
        for number, first in enumerate(encoded):
            tags = chosen[number].tags
            windows = [_sentence_window(encoding, number, tags, causal) for encoding in (first, *first.overflowing)]
            features += split_overlaps(windows, causal=causal)
        return features

    def _visible(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """Words that a tokenizer turns into nothing (control characters, say) become its unknown token, so each has a place.

        A tokenizer without one (byte-level) gives its padding.
        """
        unknown = self.tokenizer.unk_token or self.tokenizer.pad_token
        distinct = sorted({word for words in sentences for word in words})
        seen = {
            word
            for encoding in encode_batch(self.tokenizer, [distinct], words=True, special=False)
            for word in encoding.word_ids
        }
        shown = {word: word if number in seen else unknown for number, word in enumerate(distinct)}
        return [[shown[word] for word in words] for words in sentences]


def _counted(count: int) -> Any:
    return np.arange(count, dtype=np.int32)


def _windows(encodings: Sequence[Encoding], number: int, question: Question) -> Iterator[Feature]:
    """The windows of one question; a label is the place of its first answer, and of none where gold was taken out."""
    known = () if question.answers == WITHHELD else question.answers[:1]
    for place, encoding in enumerate(encodings):
        inside = np.asarray([part == 1 for part in encoding.sequence_ids])
        offsets = np.where(inside[:, None], np.asarray(encoding.offsets, dtype=np.int32), np.int32(-1))
        offsets = covering(offsets, question.context, begins=place == 0, ends=place == len(encodings) - 1)
        label = (0, 0)
        for answer in known:
            start = answer.start + len(answer.text) - len(answer.text.lstrip())
            label = span_positions(offsets, start, start + len(answer.text.strip()))
        yield feature_of(encoding, number, offsets=offsets, label=label)


def _sentence_window(encoding: Encoding, number: int, tags: Sequence[int] | None, causal: bool) -> Feature:
    positions, words = (last_subwords if causal else first_subwords)(encoding.word_ids)
    marks = None if tags is None else np.asarray([tags[word] for word in words], dtype=np.int32)
    return feature_of(encoding, number, positions=positions, words=words, tags=marks)


def _by_flag(flags: Sequence[bool], encode: Callable[[list[int], bool], list[Encoding]]) -> list[Encoding]:
    """Encode the places of each flag together; returns the encodings in the order of `flags`."""
    encodings: dict[int, Encoding] = {}
    for flag in (False, True):
        places = [place for place, own in enumerate(flags) if own is flag]
        if places:
            encodings |= dict(zip(places, encode(places, flag), strict=True))
    return [encodings[place] for place in range(len(flags))]


def _entity_number(entity: str | None) -> int | None:
    """A number of 31 bits, the same for an entity in every split; two that share one are no negatives of each other."""
    return None if entity is None else int.from_bytes(hashlib.sha256(entity.encode()).digest()[:4], "big") >> 1
