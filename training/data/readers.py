"""The readers, by the name a row gives. A reader checks a whole file and reports everything wrong with it at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from training.data.comparable import bucc_files, read_bucc
from training.data.cosmosqa import read_cosmosqa
from training.data.entities import mewslix_files, read_mewslix
from training.data.examples import Example
from training.data.jsonlines import read_commonsenseqa, read_copa, read_hellaswag, read_siqa
from training.data.named_columns import read_columns
from training.data.nli import LEFT_OUT, read_anli, read_snli, undecided
from training.data.parallel import read_tatoeba, read_texts, tatoeba_files
from training.data.passages import read_xquad_r
from training.data.questions import MENDED, mended, read_question_pairs
from training.data.request import ReadRequest
from training.data.squad import read_squad
from training.data.supertags import READER as SUPERTAG_READER
from training.data.supertags import read_supertagged, supertag_files
from training.data.tabular import read_sentence_pairs, read_tagged, stream_sentence_pairs

__all__ = ["READERS", "STREAMS", "ReadRequest", "Reader", "remarks", "source_files"]

Reader = Callable[[ReadRequest], list[Example]]

_READERS: dict[str, Callable[[ReadRequest], list[Any]]] = {
    "sentence_pair_tsv": read_sentence_pairs,
    "tagged_tsv": read_tagged,
    "squad_json": read_squad,
    "hellaswag_jsonl": read_hellaswag,
    "copa_jsonl": read_copa,
    "commonsenseqa_jsonl": read_commonsenseqa,
    "siqa_jsonl": read_siqa,
    "cosmosqa_csv": read_cosmosqa,
    "anli_jsonl": read_anli,
    "snli_jsonl": read_snli,
    "question_pairs_tsv": read_question_pairs,
    SUPERTAG_READER: read_supertagged,
    "columns": read_columns,
    "tatoeba_lines": read_tatoeba,
    "text_lines": read_texts,
    "bucc_tsv": read_bucc,
    "xquad_r_json": read_xquad_r,
    "mewslix_jsonl": read_mewslix,
}
READERS: Mapping[str, Reader] = MappingProxyType(_READERS)
_SEVERAL_FILES: Mapping[str, Callable[[ReadRequest], list[Path]]] = {
    "tatoeba_lines": tatoeba_files,
    "bucc_tsv": bucc_files,
    "mewslix_jsonl": mewslix_files,
    SUPERTAG_READER: supertag_files,
}


def source_files(request: ReadRequest) -> list[Path]:
    """The files a request reads, in a fixed order; raises DataError when one is missing."""
    several = _SEVERAL_FILES.get(request.row.reader)
    return several(request) if several else [request.path()]


_REMARKS: Mapping[str, tuple[str, Callable[[ReadRequest], int]]] = {
    "snli_jsonl": (LEFT_OUT, undecided),
    "question_pairs_tsv": (MENDED, mended),
}


_STREAMS: dict[str, Callable[[ReadRequest], Iterator[Any]]] = {"sentence_pair_tsv": stream_sentence_pairs}
STREAMS: Mapping[str, Callable[[ReadRequest], Iterator[Example]]] = MappingProxyType(_STREAMS)
"""Readers that can give their examples one at a time."""


def remarks(request: ReadRequest) -> dict[str, int]:
    """What a reader left out or mended by a convention of its task, and how often: nothing for most readers.

    Raises DataError or Faults when the file can't be read.
    """
    if request.row.reader not in _REMARKS:
        return {}
    what, count = _REMARKS[request.row.reader]
    found = count(request)
    return {what: found} if found else {}
