"""What a task is: one typed row.

A row says where a task's files are, how they are read, what is learned from them and how it is scored; everything else
follows from its `kind`. Adding a task of a known kind is adding one row.

* `files` maps a split (`train`, `dev`, `test`) to a path below the data folder; `{lang}` stands for a language code. A file
  may also be there with `.gz` appended.
* `train_on` names the row whose English train and dev splits the task learns from and is chosen by: XQuAD trains on SQuAD v1.1,
  XNLI on MNLI. A retrieval task without it and without a train file takes the weights of the intermediate phase as they are.
* `train_first` names a row that is learned in a phase of its own before the target's (XTREME-R's XCOPA: Social IQa, then COPA).
* `train_languages` are the languages of the train files, English alone unless the task says so (translated training sets, text
  for masked language modelling).
* `parts` are rows whose examples, put together, are this task's train and dev sets (ANLI+: ANLI, MNLI and SNLI, one head).
* `columns` maps a field of the example to a column, for the reader `columns`, which reads TSV, CSV, JSON lines and Parquet.
* `hub` says where the hub has the task's data; `counts` how many examples a split is known to have in English.
* `parallel` says that its scored split holds the same items in every language, in one order (a test set that was translated).
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
class HubSource:
    """A data set on the hub: `repository` (org/name), `config` and `splits` (ours -> its own), where {lang} may stand.

    `columns` maps a field of the example to the repository's column; `label_names` its label values to the row's labels where
    they differ. `revision` is a commit; where it is empty, the first `sweep data prepare` pins the one it found.
    """

    repository: str
    splits: Mapping[str, str]
    columns: Mapping[str, str]
    config: str = ""
    label_names: Mapping[str, str] = field(default_factory=dict)
    revision: str = ""


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
    train_first: str = ""
    train_languages: tuple[str, ...] = ("en",)
    parts: tuple[TaskRow, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    hub: HubSource | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    scored_on: Split = Split.TEST
    encoding: Encoding = field(default_factory=Encoding)
    intermediate: bool = False
    target: bool = False
    synthetic: bool = False
    parallel: bool = False
    licence: str = ""
    source: str = ""
    citation: str = ""

    @property
    def trained(self) -> bool:
        """Whether a target phase exists: retrieval without training data takes the weights it is given."""
        return self.kind is not Kind.RETRIEVAL or bool(self.train_on) or Split.TRAIN in self.files

    @property
    def training_row(self) -> str:
        """Name of the row whose English data this task learns from."""
        return self.train_on or self.name
