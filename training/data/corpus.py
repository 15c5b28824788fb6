"""Encoded data of one process: each (source, split, language, tokenizer) is encoded once, and kept while there is room.

With a folder, what is encoded is written to it and mapped into memory: the next process, or the next sweep, does not tokenise
again, and a training set takes little memory however large it is.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, overload

from training.data.columns import FeatureRows
from training.data.encode import Block, Encoder
from training.data.encoded_store import EncodedStore, EncodingIdentity, library_of, row_digest
from training.data.examples import Example
from training.data.features import Encoded
from training.data.loading import DataSource, line_count, load, stream, streams
from training.errors import DataError
from training.stores.behind import Behind
from training.tasks.row import Split

KEPT_TOKENS = 40_000_000
KEPT_SPLITS = 400
"""Most splits that are kept: a mapped one holds a file open."""
Key = tuple[str, ...]
Progress = Callable[[str, int, int], None]
"""Told what is encoded (`xnli test sw`), how many examples are done, and how many there are."""


def silent(subject: str, done: int, total: int) -> None:
    """A progress listener that ignores what it hears."""


def unreported(path: Path, cause: str) -> None:
    """A listener that ignores damage."""


@dataclass
class EncodedCache:
    """The split unused for longest is forgotten where more than `limit` tokens are in memory, or more than `splits` splits."""

    limit: int = KEPT_TOKENS
    splits: int = KEPT_SPLITS
    _kept: OrderedDict[Key, tuple[Encoded, int]] = field(default_factory=OrderedDict)

    def get(self, key: Key) -> Encoded | None:
        """A kept split, marked as just used."""
        if key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return self._kept[key][0]

    def put(self, key: Key, encoded: Encoded, *, mapped: bool = False) -> None:
        """Keep a split, whose tokens are in memory unless it is `mapped`; forget old ones beyond the limits."""
        self._kept[key] = encoded, 0 if mapped else encoded.tokens
        while len(self._kept) > 1 and (
            sum(size for _, size in self._kept.values()) > self.limit or len(self._kept) > self.splits
        ):
            self._kept.popitem(last=False)


CACHE = EncodedCache()


class LazyExamples(Sequence[Example]):
    """The `count` examples of `subject`, which `read` reads when the first of them is asked for; training asks for none.

    Raises what `read` raises, and DataError where the file has another number of examples by then.
    """

    def __init__(self, subject: str, count: int, read: Callable[[], Sequence[Example]]) -> None:
        self._subject, self._count, self._read = subject, count, read
        self._examples: Sequence[Example] | None = None

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Example: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Example]: ...

    def __getitem__(self, index: int | slice) -> Example | Sequence[Example]:
        if self._examples is None:
            examples = self._read()
            if len(examples) != self._count:
                seen = f"{len(examples)} examples, not {self._count}"
                raise DataError(f"the file of {self._subject} changed after it was encoded", seen, "give the command again")
            self._examples = examples
        return self._examples[index]


@dataclass(frozen=True)
class Corpus:
    """The data of one chain: `sources` by task name, and the tokenizer's digest, which names what it encodes.

    `folder` is where encoded splits are kept (None: in memory alone), and `behind` what lies behind it; `on_damage` is told of
    each damaged one that was set aside, `progress` of each block that was encoded.
    """

    sources: Mapping[str, DataSource]
    tokenizer: Any
    tokenizer_digest: str
    cache: EncodedCache = field(default_factory=lambda: CACHE)
    folder: Path | None = None
    progress: Progress = silent
    on_damage: Callable[[Path, str], None] = unreported
    behind: Behind | None = None

    def examples(self, task: str, split: str, language: str) -> list[Example]:
        """Examples of a split; raises Faults or DataError when the file does not fit its row."""
        return load(self.sources[task], split, language)

    def encoded(self, task: str, split: str, language: str, data: str) -> Encoded:
        """Features of a split; `data` is the digest of the source, so that changed files are read again.

        Raises Faults or DataError when the file does not fit its row, StoreError when the features can't be written.
        """
        identity = self.identity(task, split, language, data)
        key = (identity.key,)
        kept = self.cache.get(key)
        if kept is None:
            kept = self._in_memory(identity) if self.folder is None else self._mapped(identity, self.folder)
            self.cache.put(key, kept, mapped=self.folder is not None)
        return kept

    def encoder(self, task: str) -> Encoder:
        """The encoder of a task's row."""
        row = self.sources[task].row
        return Encoder(self.tokenizer, row, row.encoding.max_length, row.encoding.stride)

    def identity(self, task: str, split: str, language: str, data: str) -> EncodingIdentity:
        """What the features of a split depend on."""
        row = self.sources[task].row
        return EncodingIdentity(
            task=task,
            split=str(split),
            language=language,
            row=row_digest(row),
            data=data,
            tokenizer=self.tokenizer_digest,
            library=library_of(self.tokenizer),
            max_length=row.encoding.max_length,
            stride=row.encoding.stride,
        )

    def _in_memory(self, identity: EncodingIdentity) -> Encoded:
        examples = self._read(identity)
        encoded = self.encoder(identity.task).encode(examples, self._told(identity, len(examples)))
        if identity.split == Split.TRAIN:
            return replace(encoded, examples=self._later(identity, len(examples)))
        return encoded

    def _mapped(self, identity: EncodingIdentity, folder: Path) -> Encoded:
        """A split on disk; what was read to make one that is evaluated is kept, since its examples are asked for next."""
        read: list[list[Example]] = []

        def make() -> Iterator[Block]:
            encoder = self.encoder(identity.task)
            source = self.sources[identity.task]
            if identity.split == Split.TRAIN and streams(source, identity.split, identity.language):
                told = self._told(identity, line_count(source, identity.split, identity.language))
                return encoder.blocks(stream(source, identity.split, identity.language), told)
            examples = self._read(identity)
            if identity.split != Split.TRAIN:
                read.append(examples)
            return encoder.blocks(examples, self._told(identity, len(examples)))

        stored = EncodedStore(folder, self.on_damage, self.behind).get(identity, make)
        examples = read[-1] if read else self._later(identity, stored.examples)
        row = self.sources[identity.task].row
        return Encoded(row, examples, FeatureRows(stored.columns), stored.group, len(stored.columns["ids"]))

    def _told(self, identity: EncodingIdentity, total: int) -> Callable[[int], None]:
        return lambda done: self.progress(identity.subject, done, total)

    def _later(self, identity: EncodingIdentity, count: int) -> LazyExamples:
        return LazyExamples(identity.subject, count, lambda: self._read(identity))

    def _read(self, identity: EncodingIdentity) -> list[Example]:
        return self.examples(identity.task, identity.split, identity.language)
