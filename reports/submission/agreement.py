"""Do the files of a submission give the scores that the trial's record has? To the last digit, where both are of one test set.

A trial is often scored on some examples of the test set (a cap), or in some languages. Predictions of one example do not depend
on the others, so the record's part of the files is scored. Where candidates are what was capped, nothing can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports.submission.gold import Examples, gold_by_language
from training.data.examples import Bitext, Comparable, Example, SentenceQuestion
from training.metrics.scores import Scores, score
from training.record import TargetResult
from training.tasks.row import TaskRow

EQUAL = "the files give the record's scores"


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What came of it: `says` in words, `differs` where the same examples have other scores than the record."""

    says: str
    differs: bool = False


def compare(row: TaskRow, result: TargetResult, found: Mapping[str, Any], all_of: Examples, scored: Examples) -> Compared:
    """Compare the predictions `found` with a record's result, language by language.

    `all_of` are the examples that were predicted, `scored` those that the record is about, which are some of them.
    """
    languages = [language for language in result.languages if language in found and language in scored]
    lost = [language for language in result.languages if language not in languages]
    if lost:
        return Compared(says=f"not compared: no predictions in {', '.join(lost)}")
    if not _comparable(all_of, scored, languages):
        return Compared(says="not compared: the record was scored with fewer candidates")
    mine = _scores(row, found, all_of, {language: scored[language] for language in languages})
    wrong = {
        language: (mine[language]["score"], result.languages[language]["score"])
        for language in languages
        if _differ(mine[language], result.languages[language])
    }
    if wrong:
        language, (here, there) = max(wrong.items(), key=lambda item: abs(item[1][0] - item[1][1]))
        says = f"{len(wrong)} of {len(languages)} languages score otherwise than in the record, {language} most"
        return Compared(says=f"{says}: {here:.4f} against {there:.4f}", differs=True)
    part = "" if all(len(scored[one]) == len(all_of[one]) for one in languages) else f": {_counted(all_of, scored, languages)}"
    return Compared(says=EQUAL + part)


def _differ(mine: Mapping[str, float], recorded: Mapping[str, float]) -> bool:
    """Whether any metric that both know (a record may be of an earlier version) is another number."""
    return any(mine[name] != recorded[name] for name in mine.keys() & recorded.keys())


def _counted(all_of: Examples, scored: Examples, languages: Sequence[str]) -> str:
    first = languages[0]
    return f"{len(scored[first])} of {len(all_of[first])} examples a language"


def _comparable(all_of: Examples, scored: Examples, languages: Sequence[str]) -> bool:
    """Whether what was ranked is the same: it lies in the examples themselves, and in those of every language."""
    first = next(iter(all_of[languages[0]]))
    if isinstance(first, (Bitext, Comparable)):
        return all(list(all_of[language]) == list(scored[language]) for language in languages)
    if isinstance(first, SentenceQuestion):
        return set(languages) == set(all_of) and all(list(all_of[one]) == list(scored[one]) for one in languages)
    return True


def _scores(row: TaskRow, found: Mapping[str, Any], all_of: Examples, scored: Examples) -> dict[str, Scores]:
    gold = gold_by_language(row, scored)
    return {
        language: score(row, language, *_aligned(_part(found[language], all_of[language], items), gold[language], items))
        for language, items in scored.items()
    }


def _part(predictions: Any, items: Sequence[Example], kept: Sequence[Example]) -> Any:
    """The predictions of some of the examples, in whichever shape they are."""
    if isinstance(predictions, Mapping):
        return {item.id: predictions[item.id] for item in kept}
    if len(items) != len(kept):
        by_id = dict(zip((item.id for item in items), predictions, strict=True))
        return [by_id[item.id] for item in kept]
    return predictions


def _aligned(predictions: Any, gold: Any, items: Sequence[Example]) -> tuple[Any, Any]:
    """Rankings of answer sentences by position, as their metric takes them; everything else as it is."""
    if items and isinstance(items[0], SentenceQuestion):
        return [predictions[item.id] for item in items], [gold[item.id] for item in items]
    return predictions, gold
