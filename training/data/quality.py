"""Quality checks on a task's data: what readers can't refuse, since the file is well formed, and a user has to know.

Readers refuse unknown labels, spans that do not stand in their text, and files without examples. The checks here count; what
is known and accepted of the public data sets is in `known_issues`.

| check | finds |
|---|---|
| duplicates | rows whose texts (case and white space apart) stood before in the same file |
| conflicting_labels | of these, texts that carry more than one label |
| impossible_count | a number of rows other than the row's `counts` says (English) |
| single_label | a file of 50 rows or more with gold, where every row has one label |
| gold_in_test | gold in a test file: scores on it are not blind |
| wrong_language | rows that are not in the language of their file |
| by_convention | records that reading leaves out or mends by a convention of the task (without a gold label, say) |
| leakage | rows of a dev or test split whose texts are in the training split (or in the dev split, for test) |
| leakage_from_training_task | English rows of a target's dev or test split that are in the splits of the task it trains on |
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from training.data.examples import Bitext, Comparable, Example
from training.data.manifest import Finding
from training.data.scripts import looks_foreign, script_share
from training.data.statistics import NO_GOLD, Fingerprints
from training.record import ENGLISH
from training.tasks.row import Split, TaskRow

_MANY = 50
_FOREIGN_SHARE = 0.02
"""More than this share of an English file's rows in another language is no accident of names and quotations."""
_WRONG_SHARE = 0.5
"""Files of other languages hold English names and titles, so they count as wrong from this share of their rows."""
_TYDIQA_ID = re.compile(r"^(arabic|bengali|english|finnish|indonesian|japanese|korean|russian|swahili|telugu|thai)-")


@dataclass(frozen=True, kw_only=True)
class Rows:
    """One split in one language, as the checks see it: texts and fingerprints are by row, labels counted by name."""

    row: TaskRow
    split: str
    language: str
    examples: Sequence[Example]
    texts: Sequence[tuple[str, ...]]
    prints: Fingerprints
    labels: Mapping[str, int]
    conventions: Mapping[str, int] = field(default_factory=dict)


def check_rows(rows: Rows) -> tuple[Finding, ...]:
    """What the checks find inside one split in one language."""
    if rows.row.synthetic:
        return ()
    return tuple(
        Finding(check=check, split=rows.split, language=rows.language, count=count, case=case[:100])
        for check, find in _CHECKS.items()
        for count, case in find(rows)
        if count
    )


_Found = Iterator[tuple[int, str]]


def _duplicates(rows: Rows) -> _Found:
    _, first = np.unique(rows.prints, return_index=True)
    repeated = np.setdiff1d(np.arange(len(rows.prints)), first)
    if len(repeated):
        yield len(repeated), _shown(rows.texts[int(repeated[0])])


def _conflicting(rows: Rows) -> _Found:
    seen: dict[int, object] = {}
    conflicting: dict[int, str] = {}
    if len(rows.prints) == len(rows.examples):
        for print_of_row, example, texts in zip(rows.prints.tolist(), rows.examples, rows.texts, strict=True):
            gold = next((getattr(example, name) for name in ("label", "tags") if hasattr(example, name)), None)
            if gold is not None and seen.setdefault(print_of_row, gold) != gold:
                conflicting.setdefault(print_of_row, _shown(texts))
    if conflicting:
        yield len(conflicting), next(iter(conflicting.values()))


def _impossible_count(rows: Rows) -> _Found:
    wanted = rows.row.counts.get(rows.split)
    if rows.language == ENGLISH and wanted is not None and wanted != len(rows.prints):
        yield abs(len(rows.prints) - wanted), f"{len(rows.prints)} rows, not {wanted}"


def _single_label(rows: Rows) -> _Found:
    gold = {label: count for label, count in rows.labels.items() if label != NO_GOLD}
    if len(rows.row.labels) > 1 and len(gold) == 1 and sum(gold.values()) >= _MANY:
        yield sum(gold.values()), f"every label is {next(iter(gold))}"


def _gold_in_test(rows: Rows) -> _Found:
    if rows.split == Split.TEST and rows.row.target:
        yield sum(count for label, count in rows.labels.items() if label != NO_GOLD), ""


def _wrong_language(rows: Rows) -> _Found:
    if rows.language == ENGLISH:
        yield from _not_english(rows)
        return
    texts = [_text_of_language(row, rows) for row in rows.texts]
    if isinstance(rows.examples[0], Comparable):
        texts = list(rows.examples[0].sentences)
    wrong = [text for text in texts if script_share(text, rows.language) < 0.5]
    if len(wrong) > _WRONG_SHARE * len(texts):
        yield len(wrong), wrong[0]


def _text_of_language(texts: tuple[str, ...], rows: Rows) -> str:
    return texts[-1] if isinstance(rows.examples[0], Bitext) else " ".join(texts)


def _not_english(rows: Rows) -> _Found:
    """Rows that are not English: by their ids where these name the language, else by their texts."""
    if len(rows.texts) != len(rows.examples):
        return
    by_id = [_foreign_id(example.id) for example in rows.examples]
    pairs = zip(by_id, rows.texts, strict=True)
    wrong = [_shown(texts) for known, texts in pairs if (looks_foreign(" ".join(texts)) if known is None else known)]
    if any(by_id) or len(wrong) > _FOREIGN_SHARE * len(rows.texts):
        yield len(wrong), wrong[0]


def _foreign_id(name: str) -> bool | None:
    """Whether an id of TyDiQA's form is of another language than English; None for ids of no such form."""
    match = _TYDIQA_ID.match(name)
    return match[1] != "english" if match else None


def _by_convention(rows: Rows) -> _Found:
    for what, count in rows.conventions.items():
        yield count, what


_CHECKS: Mapping[str, Callable[[Rows], _Found]] = {
    "duplicates": _duplicates,
    "conflicting_labels": _conflicting,
    "impossible_count": _impossible_count,
    "single_label": _single_label,
    "gold_in_test": _gold_in_test,
    "wrong_language": _wrong_language,
    "by_convention": _by_convention,
}


def check_leakage(prints: Mapping[tuple[str, str], Fingerprints]) -> Iterator[Finding]:
    """Rows of one split that are in an earlier one (train, dev, test) of the same task and language."""
    order = list(Split)
    for (split, language), own in prints.items():
        for earlier in order[: order.index(Split(split))]:
            count = _shared(own, prints.get((earlier, language)))
            if count:
                yield Finding(check="leakage", split=split, language=language, count=count, case=f"also in {earlier}")


def check_training_task(
    own: Mapping[tuple[str, str], Fingerprints], training: Mapping[tuple[str, str], Fingerprints], name: str
) -> Iterator[Finding]:
    """English dev and test rows of a target that are in a split of `name`, the task it trains on and is chosen by.

    One dev set that both name is no leakage: it is how XNLI is chosen by its own English dev set.
    """
    for (split, language), prints in own.items():
        for part in (Split.TRAIN, Split.DEV):
            other = training.get((part, ENGLISH)) if language == ENGLISH and split != Split.TRAIN else None
            if other is None or (split == part and np.array_equal(prints, other)):
                continue
            count = _shared(prints, other)
            if count:
                case = f"also in {part} of {name}"
                yield Finding(check="leakage_from_training_task", split=split, language=language, count=count, case=case)


def _shared(own: Fingerprints, other: Fingerprints | None) -> int:
    return 0 if other is None else int(np.isin(own, other).sum())


def _shown(texts: tuple[str, ...]) -> str:
    return " | ".join(texts)
