"""Encoded data of one process: each (source, split, language, tokenizer) is encoded once, and kept while there is room."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from training.data.encode import Encoder
from training.data.examples import Example
from training.data.features import Encoded
from training.data.loading import DataSource, load

KEPT_TOKENS = 40_000_000
Key = tuple[str, ...]


@dataclass
class EncodedCache:
    """Least recently used splits are forgotten when more than `limit` tokens are kept."""

    limit: int = KEPT_TOKENS
    _kept: OrderedDict[Key, Encoded] = field(default_factory=OrderedDict)

    def get(self, key: Key) -> Encoded | None:
        """A kept split, marked as just used."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def put(self, key: Key, encoded: Encoded) -> None:
        """Keep a split; forget old ones beyond the limit."""
        self._kept[key] = encoded
        while len(self._kept) > 1 and sum(item.tokens for item in self._kept.values()) > self.limit:
            self._kept.popitem(last=False)


CACHE = EncodedCache()


@dataclass(frozen=True)
class Corpus:
    """The data of one chain: `sources` by task name, and the tokenizer's digest, which names what it encodes."""

    sources: Mapping[str, DataSource]
    tokenizer: Any
    tokenizer_digest: str
    cache: EncodedCache = field(default_factory=lambda: CACHE)

    def examples(self, task: str, split: str, language: str) -> list[Example]:
        """Examples of a split; raises Faults or DataError when the file does not fit its row."""
        return load(self.sources[task], split, language)

    def encoded(self, task: str, split: str, language: str, data: str) -> Encoded:
        """Features of a split; `data` is the digest of the source, so that changed files are read again."""
        row = self.sources[task].row
        lengths = (str(row.encoding.max_length), str(row.encoding.stride))
        key = (task, str(row.version), split, language, data, self.tokenizer_digest, *lengths)
        kept = self.cache.get(key)
        if kept is None:
            kept = self.encoder(task).encode(self.examples(task, split, language))
            self.cache.put(key, kept)
        return kept

    def encoder(self, task: str) -> Encoder:
        """The encoder of a task's row."""
        row = self.sources[task].row
        return Encoder(self.tokenizer, row, row.encoding.max_length, row.encoding.stride)
