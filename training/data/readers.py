"""The readers, by the name a row gives. A reader checks a whole file and reports everything wrong with it at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from training.data.examples import Example
from training.data.jsonlines import read_copa, read_hellaswag
from training.data.parallel import read_tatoeba, read_texts, tatoeba_files
from training.data.request import ReadRequest
from training.data.squad import read_squad
from training.data.tabular import read_sentence_pairs, read_tagged

__all__ = ["READERS", "ReadRequest", "Reader", "source_files"]

Reader = Callable[[ReadRequest], list[Example]]

_READERS: dict[str, Callable[[ReadRequest], list[Any]]] = {
    "sentence_pair_tsv": read_sentence_pairs,
    "tagged_tsv": read_tagged,
    "squad_json": read_squad,
    "hellaswag_jsonl": read_hellaswag,
    "copa_jsonl": read_copa,
    "tatoeba_lines": read_tatoeba,
    "text_lines": read_texts,
}
READERS: Mapping[str, Reader] = MappingProxyType(_READERS)


def source_files(request: ReadRequest) -> list[Path]:
    """The files a request reads, in a fixed order; raises DataError when one is missing."""
    return tatoeba_files(request) if request.row.reader == "tatoeba_lines" else [request.path()]
