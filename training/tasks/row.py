"""What a task is: one typed row.

A row says where a task's files are, how they are read, what is learned from them and how it is scored; everything else
follows from its `kind`. Adding a task of a known kind is adding one row.

* `files` maps a split (`train`, `dev`, `test`) to a path below the data folder; `{lang}` stands for a language code. A file
  may also be there with `.gz` appended.
* `train_on` names the row whose English train and dev splits the task learns from and is chosen by: XQuAD trains on SQuAD v1.1,
  XNLI on MNLI. A retrieval task has none, and takes the weights of the intermediate phase as they are.
* `head` names the output layer. Two tasks with one head name compute the same function of the encoder, so its weights are
  carried from one phase to the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """The kinds of task; a kind decides the head, the encoding, the loss and the shape of a prediction."""

    CLASSIFICATION = "classification"
    CHOICE = "multiple_choice"
    TAGGING = "tagging"
    SPAN = "span_extraction"
    RETRIEVAL = "retrieval"
    MLM = "masked_language_modelling"


class Split(StrEnum):
    """The parts of a data set."""

    TRAIN = "train"
    DEV = "dev"
    TEST = "test"


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """How text becomes features. Lengths are in sub-word tokens, special tokens included.

    `stride` is the overlap of neighbouring windows of one long context (span extraction) or sentence (tagging).
    """

    max_length: int = 128
    stride: int = 0


@dataclass(frozen=True, kw_only=True)
class TaskRow:
    """One task. See the module's docstring for the fields that need more than their name."""

    name: str
    kind: Kind
    reader: str
    files: Mapping[str, str]
    languages: tuple[str, ...]
    metric: str
    version: int = 1
    labels: tuple[str, ...] = ()
    head: str = ""
    train_on: str = ""
    scored_on: Split = Split.TEST
    encoding: Encoding = field(default_factory=Encoding)
    intermediate: bool = False
    target: bool = False
    synthetic: bool = False
    licence: str = ""
    source: str = ""
    citation: str = ""

    @property
    def trained(self) -> bool:
        """Whether a target phase exists: retrieval takes the weights it is given."""
        return self.kind is not Kind.RETRIEVAL

    @property
    def training_row(self) -> str:
        """Name of the row whose English data this task learns from."""
        return self.train_on or self.name
