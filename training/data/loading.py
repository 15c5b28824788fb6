"""From a task's files to the examples a phase trains on or is scored on: dev carved off, then capped.

* A split is read from its native files, or, where they are not there, from what `sweep data prepare` fetched (`prepared`).
* Carving puts whole groups (all questions on one article, say) into train or dev by the rank of a hash of the group's name. It
  depends on neither the task's name nor a seed, so two tasks on the same file hold out the same groups.
* A cap takes the first N of a permutation of the examples, seeded by (sample_seed, task, split, language): a cap of 100 is a
  subset of a cap of 200. The examples keep their order in the file.
* A task of several parts is its parts' examples, one part after the other, their ids after the part's name.
* A bitext with gold is capped to N queries and the candidates that are their translations, re-indexed; this makes retrieval
  easier than the whole set. A bitext without gold can't be capped without losing translations, so it stays whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from training.data.examples import Bitext, Example
from training.data.files import cached_digest
from training.data.prepared import prepared_entry, read_prepared
from training.data.readers import READERS, STREAMS, ReadRequest, source_files
from training.data.streamed import count_lines
from training.errors import DataError, UserError
from training.files.codec import canonical
from training.tasks.row import Split, TaskRow


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """A task's data in a folder, and how much of it is used.

    `caps` maps a split to the most examples a language; `carve_dev` is the share of the train file's groups that become the dev
    split (0: the task has a dev file; otherwise that file is not read). Raises UserError on a cap below 1 or a share outside
    [0, 1).
    """

    row: TaskRow
    root: Path
    caps: Mapping[str, int] = field(default_factory=dict)
    carve_dev: float = 0.0
    sample_seed: int = 0

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not 0.0 <= self.carve_dev < 1.0:
            raise UserError("carve_dev must be at least 0 and below 1", self.carve_dev, "give a share such as 0.1")
        for split, cap in self.caps.items():
            if split not in list(Split):
                raise UserError("a cap names no split", split, f"use {', '.join(Split)}")
            if cap < 1:
                raise UserError(f"the cap on {split} must be at least 1", cap, "leave the cap out to use every example")


def load(source: DataSource, split: str, language: str) -> list[Example]:
    """Examples of one split in one language, in the order of the file.

    Raises DataError when a file is missing or can't be read, `Faults` listing what is wrong inside it.
    """
    examples = _read(source.row, source, split, language)
    if _is_carved(source, split):
        examples = _carved(examples, split, source)
    cap = source.caps.get(split)
    return examples if cap is None else _capped(examples, cap, _seed(source, split, language))


def stream(source: DataSource, split: str, language: str) -> Iterator[Example]:
    """The examples of `load`, one at a time where the reader can and neither carving nor a cap needs them all.

    Raises what `load` raises, `Faults` perhaps after the last example: what was made of those before is to be thrown away then.
    """
    if streams(source, split, language):
        yield from STREAMS[source.row.reader](_request(source.row, source, split, language))
    else:
        yield from load(source, split, language)


def streams(source: DataSource, split: str, language: str) -> bool:
    """Whether `stream` gives one example at a time, however large the file is."""
    row = source.row
    if row.parts or row.reader not in STREAMS or split in source.caps or _is_carved(source, split):
        return False
    return prepared_entry(_request(row, source, split, language)) is None


def line_count(source: DataSource, split: str, language: str) -> int:
    """Lines of a file that is streamed: about as many as it has examples."""
    return count_lines(_request(source.row, source, split, language).path())


def data_digest(source: DataSource, split: str, languages: Sequence[str]) -> str:
    """Hex sha256 that names the examples `load` returns for these languages, whatever their paths and compression.

    Native files are named by their content, prepared ones by their examples: the same examples from the hub and from a native
    file have two digests.
    The order of `languages` does not matter; the cap on another split, and the seed where there is no cap, have no part in it.
    """
    cap = source.caps.get(split)
    named = {
        "split": split,
        "files": {language: _file_digests(source.row, source, split, language) for language in languages},
        "cap": cap,
        "carve_dev": source.carve_dev if _is_carved(source, split) else 0.0,
        "sample_seed": None if cap is None else source.sample_seed,
    }
    return hashlib.sha256(canonical(named)).hexdigest()


def _is_carved(source: DataSource, split: str) -> bool:
    return source.carve_dev > 0 and split in (Split.TRAIN, Split.DEV)


def _read(row: TaskRow, source: DataSource, split: str, language: str) -> list[Example]:
    if not row.parts:
        request = _request(row, source, split, language)
        prepared = prepared_entry(request)
        return read_prepared(request, prepared) if prepared else READERS[row.reader](request)
    parts = [(part.name, example) for part in row.parts for example in _read(part, source, split, language)]
    return [replace(example, id=f"{name}/{example.id}") for name, example in parts]


def _request(row: TaskRow, source: DataSource, split: str, language: str) -> ReadRequest:
    file_split = str(Split.TRAIN) if _is_carved(source, split) else str(split)
    return ReadRequest(row, source.root, file_split, language)


def _carved(examples: list[Example], split: str, source: DataSource) -> list[Example]:
    groups = sorted(
        {example.group or example.id for example in examples}, key=lambda name: hashlib.sha256(name.encode()).digest()
    )
    if len(groups) < 2:
        raise DataError(
            f"no dev split can be carved from the train file of {source.row.name}: all its examples are of one group",
            groups[0],
            "give a dev file and leave carve_dev out",
        )
    count = min(max(1, round(source.carve_dev * len(groups))), len(groups) - 1)
    held_out = set(groups[:count])
    wanted = split == Split.DEV
    return [example for example in examples if ((example.group or example.id) in held_out) is wanted]


def _seed(source: DataSource, split: str, language: str) -> int:
    name = canonical([source.sample_seed, source.row.name, str(split), language])
    return int.from_bytes(hashlib.sha256(name).digest()[:8], "big")


def _sample(size: int, cap: int, seed: int) -> list[int]:
    order = np.random.Generator(np.random.PCG64(seed)).permutation(size)
    return sorted(int(index) for index in order[:cap])


def _capped(examples: list[Example], cap: int, seed: int) -> list[Example]:
    if any(isinstance(example, Bitext) for example in examples):
        return [_capped_bitext(example, cap, seed) if isinstance(example, Bitext) else example for example in examples]
    if len(examples) <= cap:
        return examples
    return [examples[index] for index in _sample(len(examples), cap, seed)]


def _capped_bitext(bitext: Bitext, cap: int, seed: int) -> Bitext:
    if bitext.gold is None or len(bitext.queries) <= cap:
        return bitext
    chosen = _sample(len(bitext.queries), cap, seed)
    kept = sorted({bitext.gold[index] for index in chosen})
    position = {candidate: new for new, candidate in enumerate(kept)}
    return Bitext(
        id=bitext.id,
        queries=tuple(bitext.queries[index] for index in chosen),
        candidates=tuple(bitext.candidates[index] for index in kept),
        gold=tuple(position[bitext.gold[index]] for index in chosen),
        group=bitext.group,
    )


def _file_digests(row: TaskRow, source: DataSource, split: str, language: str) -> list[str]:
    if row.parts:
        return [digest for part in row.parts for digest in _file_digests(part, source, split, language)]
    request = _request(row, source, split, language)
    prepared = prepared_entry(request)
    return [prepared.content] if prepared else [cached_digest(path) for path in source_files(request)]
