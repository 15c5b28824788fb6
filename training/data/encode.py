"""Text to features: sub-word ids, and what each kind of task needs beside them.

A feature is one row a forward pass sees. One example may give several: a choice has one a ending (kept together as a group), a long
context or sentence one a window. Nothing is dropped silently: sentences longer than the window are split, and each word of a
sentence is predicted in the window that shows most of its surroundings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.data.examples import Choices, Example, Question, Sentences, Tagged, Text
from training.errors import DataError
from training.tasks.row import Kind, TaskRow

Ints = NDArray[np.int32]
IGNORED = -100


@dataclass(frozen=True, slots=True)
class Feature:
    """One row of a batch.

    `ids` and `types` are [length]; `example` is the index of its example. `label` is a class index, a pair (start, end) of token
    positions, or None. `positions` (tagging) are the places of first sub-words with their `words` and `tags`; `offsets`
    (span extraction) are [length, 2] characters of the context, -1 outside it; `special` marks special tokens (masking).
    """

    ids: Ints
    types: Ints
    example: int
    label: int | tuple[int, int] | None = None
    positions: Ints | None = None
    words: Ints | None = None
    tags: Ints | None = None
    offsets: Ints | None = None
    special: Ints | None = None

    def __len__(self) -> int:
        """Length in tokens."""
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A split in one language: its examples and their features; `group` is the number of features a training unit has."""

    row: TaskRow
    examples: Sequence[Example]
    features: Sequence[Feature]
    group: int = 1
    tokens: int = field(default=0)

    def __len__(self) -> int:
        """Number of training units: examples, windows, or groups of endings."""
        return len(self.features) // self.group


@dataclass(frozen=True, slots=True)
class Encoder:
    """A tokenizer with the lengths of one task."""

    tokenizer: Any
    row: TaskRow
    max_length: int
    stride: int

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
        return [self._feature(batch, index, index) for batch, index in self._rows(list(texts), None, truncation=True)]

    def _rows(self, first: Any, second: Any, **options: Any) -> list[tuple[Any, int]]:
        batch = self.tokenizer(
            first, second, max_length=self.max_length, return_token_type_ids=True, return_attention_mask=False, **options
        )
        return [(batch, index) for index in range(len(batch["input_ids"]))]

    def _feature(self, batch: Any, index: int, example: int, **extra: Any) -> Feature:
        ids = np.asarray(batch["input_ids"][index], dtype=np.int32)
        types = np.asarray(batch["token_type_ids"][index], dtype=np.int32)
        return Feature(ids=ids, types=types, example=example, **extra)

    def _sentences(self, examples: Sequence[Example]) -> list[Feature]:
        chosen = [item for item in examples if isinstance(item, Sentences)]
        second = [item.second for item in chosen] if any(item.second for item in chosen) else None
        rows = self._rows([item.first for item in chosen], second, truncation="longest_first" if second else True)
        return [self._feature(batch, index, index, label=chosen[index].label) for batch, index in rows]

    def _choices(self, examples: Sequence[Example]) -> list[Feature]:
        chosen = [item for item in examples if isinstance(item, Choices)]
        counts = {len(item.endings) for item in chosen}
        if len(counts) != 1:
            raise DataError(f"{self.row.name}: examples differ in their number of endings", sorted(counts), "split the file")
        pairs = [(item.context, ending) for item in chosen for ending in item.endings]
        side, self.tokenizer.truncation_side = self.tokenizer.truncation_side, "left"
        try:
            rows = self._rows([a for a, _ in pairs], [b for _, b in pairs], truncation="longest_first")
        finally:
            self.tokenizer.truncation_side = side
        count = counts.pop()
        return [self._feature(batch, index, index // count, label=chosen[index // count].label) for batch, index in rows]

    def _texts(self, examples: Sequence[Example]) -> list[Feature]:
        chosen = [item for item in examples if isinstance(item, Text)]
        features = []
        for paired in (False, True):
            part = [(number, item) for number, item in enumerate(chosen) if bool(item.second) is paired]
            if not part:
                continue
            second = [item.second for _, item in part] if paired else None
            rows = self._rows([item.text for _, item in part], second, truncation=True, return_special_tokens_mask=True)
            for batch, index in rows:
                special = np.asarray(batch["special_tokens_mask"][index], dtype=np.int32)
                features.append(self._feature(batch, index, part[index][0], special=special))
        return sorted(features, key=lambda feature: feature.example)

    def _questions(self, examples: Sequence[Example]) -> list[Feature]:
        chosen = [item for item in examples if isinstance(item, Question)]
        rows = self._rows(
            [item.question.strip() for item in chosen],
            [item.context for item in chosen],
            truncation="only_second",
            stride=self.stride,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        return [self._window(batch, index, chosen) for batch, index in rows]

    def _window(self, batch: Any, index: int, questions: Sequence[Question]) -> Feature:
        example = int(batch["overflow_to_sample_mapping"][index])
        inside = np.asarray([part == 1 for part in batch.sequence_ids(index)])
        offsets = np.where(inside[:, None], np.asarray(batch["offset_mapping"][index], dtype=np.int32), -1)
        answers = questions[example].answers
        label = span_positions(offsets, answers[0].start, answers[0].start + len(answers[0].text)) if answers else (0, 0)
        return self._feature(batch, index, example, offsets=offsets, label=label)

    def _tagged(self, examples: Sequence[Example]) -> list[Feature]:
        chosen = [item for item in examples if isinstance(item, Tagged)]
        words = [[word or self.tokenizer.unk_token for word in item.words] for item in chosen]
        self._replace_invisible(words)
        rows = self._rows(
            words,
            None,
            truncation=True,
            stride=self.stride,
            is_split_into_words=True,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        seen: dict[int, list[Feature]] = {}
        for batch, index in rows:
            example = int(batch["overflow_to_sample_mapping"][index])
            starts = [start for start, _ in batch["offset_mapping"][index]]
            positions, numbers = first_subwords(batch.word_ids(index), starts)
            tags = chosen[example].tags
            marks = np.asarray([tags[number] for number in numbers], dtype=np.int32) if tags is not None else None
            feature = self._feature(batch, index, example, positions=positions, words=numbers, tags=marks)
            seen.setdefault(example, []).append(feature)
        return [feature for example in sorted(seen) for feature in _split_overlaps(seen[example])]

    def _replace_invisible(self, sentences: list[list[str]]) -> None:
        """Words that a tokenizer turns into nothing (control characters, say) become the unknown token, so that each has a place."""
        for words in sentences:
            single = self.tokenizer(words, add_special_tokens=False, return_attention_mask=False)["input_ids"]
            for number, ids in enumerate(single):
                if not ids:
                    words[number] = self.tokenizer.unk_token


def first_subwords(word_ids: Sequence[int | None], starts: Sequence[int]) -> tuple[Ints, Ints]:
    """Positions of first sub-words in a window, and their words' numbers.

    `starts` are the pieces' first characters within their words: a piece at the window's left edge that starts later than its word
    is the rest of a word whose first sub-word stands in the window before.
    """
    places, numbers = [], []
    last: int | None = None
    for position, word in enumerate(word_ids):
        if word is None:
            continue
        if word != last and not (last is None and starts[position] > 0):
            places.append(position)
            numbers.append(word)
        last = word
    return np.asarray(places, dtype=np.int32), np.asarray(numbers, dtype=np.int32)


def _split_overlaps(windows: Sequence[Feature]) -> list[Feature]:
    """Give each word that several windows show to the one where it stands farthest from an edge."""
    if len(windows) == 1:
        return list(windows)
    best: dict[int, tuple[int, int]] = {}
    for index, window in enumerate(windows):
        assert window.positions is not None and window.words is not None
        for position, word in zip(window.positions.tolist(), window.words.tolist(), strict=True):
            room = min(position, len(window) - 1 - position)
            if word not in best or room > best[word][0]:
                best[word] = (room, index)
    kept = []
    for index, window in enumerate(windows):
        assert window.positions is not None and window.words is not None
        mine = np.asarray([best[word][1] == index for word in window.words.tolist()], dtype=bool)
        tags = None if window.tags is None else window.tags[mine]
        kept.append(
            Feature(
                ids=window.ids,
                types=window.types,
                example=window.example,
                positions=window.positions[mine],
                words=window.words[mine],
                tags=tags,
            )
        )
    return kept


def span_positions(offsets: Ints, start: int, end: int) -> tuple[int, int]:
    """Token positions of the characters [start, end) of the context, or (0, 0) when the window does not hold them all.

    `offsets` is [length, 2], -1 outside the context.
    """
    inside = np.flatnonzero(offsets[:, 0] >= 0)
    if not len(inside) or offsets[inside[0], 0] > start or offsets[inside[-1], 1] < end:
        return 0, 0
    first = inside[np.flatnonzero(offsets[inside, 0] <= start)[-1]]
    last = inside[np.flatnonzero(offsets[inside, 1] >= end)[0]]
    return int(first), int(max(first, last))
