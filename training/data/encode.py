"""Text to features: sub-word ids, and what each kind of task needs beside them.

A feature is one row a forward pass sees. One example may give several: a choice has one an ending (kept together as a group),
a long context or tagged sentence one a window. Nothing that is scored is dropped: contexts and tagged sentences longer than
the window are split, and each word of a sentence is predicted in the window that shows most of its surroundings. Of what is
too long else, a pair loses the end of its longer text, a choice the beginning of its context, text and questions their ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.data.examples import Choices, Example, Question, Sentences, Tagged, Text
from training.data.features import Encoded, Feature
from training.data.windows import first_subwords, span_positions, split_overlaps
from training.errors import DataError
from training.tasks.row import Kind, TaskRow

Row = tuple[Any, int]
"""A tokenizer's batch, and the index of a row in it."""


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

    def encode(self, examples: Sequence[Example]) -> Encoded:
        """Features of `examples`; raises DataError where an example can't be a feature."""
        methods = {
            Kind.CLASSIFICATION: self._sentences,
            Kind.CHOICE: self._choices,
            Kind.TAGGING: self._tagged,
            Kind.SPAN: self._questions,
            Kind.MLM: self._texts,
        }
        features = methods[self.row.kind](examples) if examples else []
        group = 1
        if self.row.kind is Kind.CHOICE and examples:
            group = len(features) // len(examples)
        return Encoded(self.row, examples, features, group, sum(len(feature) for feature in features))

    def encode_plain(self, texts: Sequence[str]) -> list[Feature]:
        """Features of single texts (retrieval)."""
        return [self._feature(row, index) for index, row in enumerate(self._rows(list(texts), None, truncation=True))]

    def _rows(self, first: Any, second: Any, **options: Any) -> list[Row]:
        batch = self.tokenizer(
            first, second, max_length=self.max_length, return_token_type_ids=True, return_attention_mask=False, **options
        )
        return [(batch, index) for index in range(len(batch["input_ids"]))]

    def _feature(self, row: Row, example: int, **extra: Any) -> Feature:
        batch, index = row
        ids = np.asarray(batch["input_ids"][index], dtype=np.int32)
        types = np.asarray(batch["token_type_ids"][index], dtype=np.int32)
        return Feature(ids=ids, types=types, example=example, **extra)

    def _either(self, texts: Sequence[tuple[str, str]], **options: Any) -> list[Row]:
        """One row a single text or a pair, in order; the longer text of a pair gives way."""

        def rows(places: list[int], paired: bool) -> list[Row]:
            second = [texts[place][1] for place in places] if paired else None
            return self._rows([texts[place][0] for place in places], second, truncation=True, **options)

        return _by_flag([bool(second) for _, second in texts], rows)

    def _sentences(self, examples: Sequence[Example]) -> list[Feature]:
        chosen = [item for item in examples if isinstance(item, Sentences)]
        rows = self._either([(item.first, item.second) for item in chosen])
        return [self._feature(row, index, label=chosen[index].label) for index, row in enumerate(rows)]

    def _texts(self, examples: Sequence[Example]) -> list[Feature]:
        chosen = [item for item in examples if isinstance(item, Text)]
        rows = self._either([(item.text, item.second) for item in chosen], return_special_tokens_mask=True)
        special = [np.asarray(batch["special_tokens_mask"][index], dtype=np.int32) for batch, index in rows]
        return [self._feature(row, index, special=special[index]) for index, row in enumerate(rows)]

    def _choices(self, examples: Sequence[Example]) -> list[Feature]:
        """Rows of (context, ending): a long context loses its beginning, an ending only what alone exceeds the window."""
        chosen = [item for item in examples if isinstance(item, Choices)]
        counts = {len(item.endings) for item in chosen}
        if len(counts) != 1:
            raise DataError(f"{self.row.name}: examples differ in their number of endings", sorted(counts), "split the file")
        contexts = [item.context for item in chosen for _ in item.endings]
        endings = [ending for item in chosen for ending in item.endings]
        room = self.max_length - self.tokenizer.num_special_tokens_to_add(pair=True)
        fits = [len(ids) < room for ids in self._bare(endings)["input_ids"]]

        def rows(places: list[int], fit: bool) -> list[Row]:
            truncation = "only_first" if fit else "longest_first"
            return self._rows([contexts[at] for at in places], [endings[at] for at in places], truncation=truncation)

        side, self.tokenizer.truncation_side = self.tokenizer.truncation_side, "left"
        try:
            encoded = _by_flag(fits, rows)
        finally:
            self.tokenizer.truncation_side = side
        numbers = [number for number, item in enumerate(chosen) for _ in item.endings]
        return [self._feature(row, at, label=chosen[at].label) for row, at in zip(encoded, numbers, strict=True)]

    def _bare(self, texts: Sequence[str], **options: Any) -> Any:
        """Whole texts, without special tokens."""
        return self.tokenizer(
            list(texts), add_special_tokens=False, return_attention_mask=False, truncation=False, verbose=False, **options
        )

    def _questions(self, examples: Sequence[Example]) -> list[Feature]:
        chosen = [item for item in examples if isinstance(item, Question)]
        rows = self._rows(
            self._cut([item.question.strip() for item in chosen], self._question_limit()),
            [item.context for item in chosen],
            truncation="only_second",
            stride=self.stride,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        return [self._window(row, chosen) for row in rows]

    def _question_limit(self) -> int:
        """Most tokens of a question: half the window, less where the context would have too little room to move on."""
        room = self.max_length - int(self.tokenizer.num_special_tokens_to_add(pair=True))
        return min(room // 2, room - 2 * self.stride)

    def _cut(self, texts: Sequence[str], limit: int) -> list[str]:
        offsets = self._bare(texts, return_offsets_mapping=True)["offset_mapping"]
        return [
            text[: places[limit - 1][1]] if len(places) > limit else text for text, places in zip(texts, offsets, strict=True)
        ]

    def _window(self, row: Row, questions: Sequence[Question]) -> Feature:
        batch, index = row
        example = int(batch["overflow_to_sample_mapping"][index])
        inside = np.asarray([part == 1 for part in batch.sequence_ids(index)])
        offsets = np.where(inside[:, None], np.asarray(batch["offset_mapping"][index], dtype=np.int32), -1)
        label = (0, 0)
        for answer in questions[example].answers[:1]:
            start = answer.start + len(answer.text) - len(answer.text.lstrip())
            label = span_positions(offsets, start, start + len(answer.text.strip()))
        return self._feature(row, example, offsets=offsets, label=label)

    def _tagged(self, examples: Sequence[Example]) -> list[Feature]:
        chosen = [item for item in examples if isinstance(item, Tagged)]
        rows = self._rows(
            self._visible([item.words for item in chosen]),
            None,
            truncation=True,
            stride=self.stride,
            is_split_into_words=True,
            return_overflowing_tokens=True,
        )
        windows: dict[int, list[Feature]] = {}
        for batch, index in rows:
            example = int(batch["overflow_to_sample_mapping"][index])
            positions, numbers = first_subwords(batch.word_ids(index))
            tags = chosen[example].tags
            marks = np.asarray([tags[number] for number in numbers], dtype=np.int32) if tags is not None else None
            feature = self._feature((batch, index), example, positions=positions, words=numbers, tags=marks)
            windows.setdefault(example, []).append(feature)
        return [feature for example in sorted(windows) for feature in split_overlaps(windows[example])]

    def _visible(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """Words that a tokenizer turns into nothing (control characters, say) become its unknown token, so each has a place."""
        unknown = self.tokenizer.unk_token
        distinct = sorted({word for words in sentences for word in words})
        seen = set(self._bare(distinct, is_split_into_words=True).word_ids()) if distinct else set()
        shown = {word: word if number in seen else unknown for number, word in enumerate(distinct)}
        return [[shown[word] for word in words] for words in sentences]


def _by_flag(flags: Sequence[bool], encode: Callable[[list[int], bool], list[Row]]) -> list[Row]:
    """Encode the places of each flag together; returns the rows in the order of `flags`."""
    rows: dict[int, Row] = {}
    for flag in (False, True):
        places = [place for place, own in enumerate(flags) if own is flag]
        if places:
            rows |= dict(zip(places, encode(places, flag), strict=True))
    return [rows[place] for place in range(len(flags))]
