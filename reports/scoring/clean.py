"""Reads and scores one language of a task by what its metric should be; every fault of the two files is found at once.

What is aligned by position has to be of one length, and labels have to be the task's; what is keyed by an id may miss some
(they count 0). A file with a fault is not scored. `docs/SCORES.md` has the rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reports.scoring.forms import FileForm, Form
from reports.scoring.reading import (
    Tagged,
    read_answers,
    read_choices,
    read_indices,
    read_labels,
    read_pairs,
    read_questions,
    read_rankings,
    read_tags,
)
from reports.scoring.sources import Source
from training.data.request import Findings
from training.errors import DataError, Faults
from training.metrics.classification import accuracy, macro_f1
from training.metrics.clean_answers import clean_scores as clean_answer_scores
from training.metrics.official import BEST, pair_scores, reciprocal_rank
from training.metrics.spans import span_f1

Scores = dict[str, float]
SHOWN = 3
"""Ids of one file that are listed; the rest are counted."""


@dataclass
class Clean:
    """What one language gave: scores, or the faults that stand in their way; `notes` do not."""

    scores: Scores | None = None
    faults: list[DataError] = field(default_factory=list)
    notes: list[DataError] = field(default_factory=list)


class _Sides:
    """The two files of one language while they are read."""

    def __init__(self, form: FileForm, predicted: Source, gold: Source, language: str) -> None:
        self.form, self.language = form, language
        self.predicted, self.gold = predicted.plain, gold.plain
        self.mine, self.true = Findings(predicted.path), Findings(gold.path)
        self.notes: list[DataError] = []

    def score(self) -> Scores | None:
        """Scores, or None where a file has faults."""
        match self.form.form:
            case Form.SPANS | Form.WORD_CLASSES:
                return self._tags()
            case Form.ANSWERS:
                return self._answers()
            case Form.PAIRS:
                mine, true = read_pairs(self.predicted, self.mine), read_pairs(self.gold, self.true)
                return None if self._faulty else pair_scores(mine, true)
            case Form.ENTITIES | Form.CANDIDATES:
                return self._rankings()
        return self._positions()

    @property
    def _faulty(self) -> bool:
        return bool(self.mine.count or self.true.count)

    def _positions(self) -> Scores | None:
        mine, true = self._read_positions(self.predicted, self.mine), self._read_positions(self.gold, self.true)
        self._same_number(len(mine), len(true), "lines")
        return None if self._faulty else {"accuracy": accuracy(mine, true)}

    def _read_positions(self, source: Source, findings: Findings) -> Sequence[object]:
        if self.form.form is Form.INDICES:
            return read_indices(source, findings)
        if self.form.form is Form.CHOICES:
            return read_choices(source, findings)
        return read_labels(source, self.form.labels, findings)

    def _tags(self) -> Scores | None:
        mine, true = (
            read_tags(source, self.form.labels, findings)
            for source, findings in ((self.predicted, self.mine), (self.gold, self.true))
        )
        if self._same_number(len(mine), len(true), "sentences"):
            self._same_words(mine, true)
        if self._faulty:
            return None
        left, right = [sentence.tags for sentence in mine], [sentence.tags for sentence in true]
        if self.form.form is Form.SPANS:
            return {"f1": span_f1(left, right)}
        words, wanted = ([tag for tags in side for tag in tags] for side in (left, right))
        return {"accuracy": accuracy(words, wanted), "macro_f1": macro_f1(words, wanted)}

    def _same_words(self, mine: Sequence[Tagged], true: Sequence[Tagged]) -> None:
        for number, (left, right) in enumerate(zip(mine, true, strict=True), 1):
            if len(left.tags) != len(right.tags):
                cause = f"sentence {number} has {len(left.tags)} tags, its labels are {len(right.tags)}"
                self.mine.add(left.line, cause, " ".join(left.tags), "give every word of a sentence one tag")

    def _same_number(self, mine: int, true: int, what: str) -> bool:
        if not true:
            self.true.add(1, f"no {what} to score against", "", "put the gold there")
        elif mine != true:
            cause = f"{mine} {what}, the labels have {true}"
            self.mine.add(max(1, len(self.predicted.lines)), cause, "", "give one for each, in the order of the test file")
        return mine == true

    def _answers(self) -> Scores | None:
        gold = read_questions(self.gold, self.true)
        predicted = read_answers(self.predicted, self.mine)
        self._compare_ids(predicted, gold)
        return None if self._faulty else clean_answer_scores(predicted, gold, self.language)

    def _rankings(self) -> Scores | None:
        gold, predicted = read_rankings(self.gold, self.true), read_rankings(self.predicted, self.mine)
        for name, names in gold.items():
            if not names or (self.form.form is Form.ENTITIES and len(names) != 1):
                self.true.add(f"[{name!r}]", f"{len(names)} gold entries", "", "give one entity, or one candidate or more")
        self._compare_ids(predicted, gold)
        if self._faulty:
            return None
        return (
            reciprocal_rank(predicted, dict(gold)) if self.form.form is Form.ENTITIES else _average_precision(predicted, gold)
        )

    def _compare_ids(self, predicted: Mapping[str, object], gold: Mapping[str, object]) -> None:
        """Note ids that stand on one side alone; a side of which nothing could be read has its fault already."""
        if (self.mine.count and not predicted) or (self.true.count and not gold):
            return
        for names, cause, remedy in (
            ([name for name in gold if name not in predicted], "ids without a prediction", "they count 0: predict them"),
            ([name for name in predicted if name not in gold], "ids that the labels do not have", "they count nothing"),
        ):
            if names:
                more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
                listed = ", ".join(names[:SHOWN]) + more
                self.notes.append(DataError(f"{self.mine.path}: {cause} ({len(names)})", listed, remedy))


def clean_scores(form: FileForm, predicted: Source, gold: Source, language: str) -> Clean:
    """Score one language; never raises for what the files hold."""
    sides = _Sides(form, predicted, gold, language)
    scores = sides.score()
    faults = [*listed(sides.true), *listed(sides.mine)]
    return Clean(scores=scores, faults=faults, notes=sides.notes)


def listed(findings: Findings) -> list[DataError]:
    """The faults of one file, at most 20, and how many more there are."""
    if not findings.count:
        return []
    try:
        findings.settle([])
    except Faults as found:
        listed = [fault for fault in found.faults if isinstance(fault, DataError)]
        more = findings.count - len(listed)
        return [*listed, *([DataError(f"{findings.path}: {more} more faults, not listed")] if more else [])]
    return []


def _average_precision(predicted: Mapping[str, Sequence[str]], gold: Mapping[str, Sequence[str]]) -> Scores:
    """Mean average precision at 20, the divisor being the number of gold candidates or 20, whichever is less."""
    total = 0.0
    for name, wanted in gold.items():
        found = 0
        for rank, candidate in enumerate(predicted.get(name, ())[:BEST], 1):
            if candidate in wanted:
                found += 1
                total += found / rank / min(len(set(wanted)), BEST)
    return {"map@20": 100.0 * total / len(gold)}
