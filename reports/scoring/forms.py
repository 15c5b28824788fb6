"""What stands in the files of each folder of a submission."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from training.tasks.benchmarks import MINI, namesake
from training.tasks.intermediate_rows import NLI_LABELS
from training.tasks.xtreme_rows import IOB2, UPOS


class Form(StrEnum):
    """The forms of a file; see the table of `docs/SCORES.md`."""

    LABELS = "labels"
    INDICES = "indices"
    SPANS = "spans"
    WORD_CLASSES = "word_classes"
    ANSWERS = "answers"
    PAIRS = "pairs"
    CHOICES = "choices"
    ENTITIES = "entities"
    CANDIDATES = "candidates"


@dataclass(frozen=True)
class FileForm:
    """The form of a folder's files; `labels` are those that it may hold, where they are a closed set.

    `by_language` says that the official script compares answers by MLQA's rules, which know languages.
    """

    form: Form
    labels: tuple[str, ...] = ()
    by_language: bool = False


_FORMS = {
    "xnli": FileForm(Form.LABELS, NLI_LABELS),
    "pawsx": FileForm(Form.LABELS, ("0", "1")),
    "udpos": FileForm(Form.WORD_CLASSES, UPOS),
    "panx": FileForm(Form.SPANS, IOB2),
    "xquad": FileForm(Form.ANSWERS),
    "mlqa": FileForm(Form.ANSWERS, by_language=True),
    "tydiqa": FileForm(Form.ANSWERS),
    "bucc2018": FileForm(Form.PAIRS),
    "tatoeba": FileForm(Form.INDICES),
    "xcopa": FileForm(Form.CHOICES),
    "mewslix": FileForm(Form.ENTITIES),
    "lareqa": FileForm(Form.CANDIDATES),
}
_MINI = {name: replace(_FORMS[namesake(name)], by_language=False) for name in MINI.tasks}
FORMS: Mapping[str, FileForm] = MappingProxyType({**_FORMS, **_MINI})
"""By folder; MLQA's rules know the languages of MLQA, and none of the mini world's."""
