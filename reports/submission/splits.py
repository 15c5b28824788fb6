"""The test set of a task while it is predicted, checked and scored. What chooses among trials never sees one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from training.data.examples import Bitext, Comparable, Example
from training.data.loading import DataSource, data_digest, load
from training.errors import DataError, Faults, UserError
from training.tasks.row import Split, TaskRow

TEST = str(Split.TEST)
MINED = "bucc_tsv"
"""The reader of rows whose predictions need dev gold."""


@dataclass(frozen=True)
class SplitData:
    """The whole test set (`source`), and as much of it as trials were scored on (`scored`: with the grid's caps)."""

    source: DataSource
    scored: DataSource

    @property
    def row(self) -> TaskRow:
        """The task's row, with all languages."""
        return self.source.row

    def examples(self, language: str) -> Sequence[Example]:
        """Test examples of a language; raises DataError or Faults where they can't be read."""
        return load(self.source, TEST, language)

    def scored_examples(self, language: str) -> Sequence[Example]:
        """Those of them that a trial was scored on; raises as `examples` does."""
        return load(self.scored, TEST, language)

    def ids(self, language: str) -> list[str]:
        """Ids of the test examples, in order."""
        return [example.id for example in self.examples(language)]

    def digest(self, languages: Sequence[str]) -> str:
        """Digest of the test examples in some languages; raises DataError where a file is missing."""
        return data_digest(self.source, TEST, languages)[:16]

    def scored_digest(self, languages: Sequence[str]) -> str:
        """As a record's provenance names what it was scored on; raises DataError where a file is missing."""
        return data_digest(self.scored, TEST, languages)[:16]

    def counts(self, languages: Sequence[str], faults: list[UserError]) -> dict[str, int]:
        """Test examples of each language that can be predicted; `faults` gets what is wrong with the others.

        Of a task with a threshold the dev gold is needed, too. Sentences are counted where they are one example together.
        """
        found: dict[str, int] = {}
        for language in languages:
            try:
                size = sum(map(_size, self.examples(language)))
                if self.row.reader == MINED:
                    self._check_dev(language)
                found[language] = size
            except Faults as several:
                faults.extend(several.faults)
            except DataError as fault:
                faults.append(fault)
        return found

    def _check_dev(self, language: str) -> None:
        (text,) = load(self.source, str(Split.DEV), language)
        if isinstance(text, Comparable) and text.gold is None:
            remedy = "put its .gold file beside the dev files: the threshold of mined pairs is tuned on it"
            raise DataError(f"task {self.row.name} has no dev gold for a language", language, remedy)


def _size(example: Example) -> int:
    if isinstance(example, Comparable):
        return len(example.sentences)
    return len(example.queries) if isinstance(example, Bitext) else 1
