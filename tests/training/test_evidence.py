"""Evidence of a trial: written beside its record, read back whole, and refused where it is not the record's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.reports.builders import record, result
from training.errors import StoreError
from training.evidence import Evidence, evidence_path, read_evidence, write_evidence
from training.metrics.units import Form, Units, score_of
from training.record import TargetResult, TrialRecord


def evidence(task: str, **hits: list[int]) -> Evidence:
    languages = {code: Units(Form.MEAN, np.array(found, dtype=np.uint8)[:, None]) for code, found in hits.items()}
    return Evidence(task=task, split="test", data="digest", form=Form.MEAN, parallel=True, languages=languages)


def result_of(found: Evidence) -> TargetResult:
    scores = {code: {"score": score_of(units)} for code, units in found.languages.items()}
    return replace(result(found.task, 50.0), languages=scores)


FOUND = (evidence("xnli", en=[1, 1, 0, 1], de=[1, 0, 0, 1]), evidence("pawsx", en=[1, 0]))
RECORD = replace(record("mnli", {"xnli": 1.0, "pawsx": 2.0}), results=tuple(map(result_of, FOUND)))


def written(folder: Path, found: tuple[Evidence, ...] = FOUND, trial: str = RECORD.trial) -> Path:
    write_evidence(folder, trial, found)
    return evidence_path(folder, trial)


def test_evidence_comes_back_as_it_was_written(tmp_path: Path) -> None:
    written(tmp_path)
    for mine, other in zip(read_evidence(tmp_path, RECORD), FOUND, strict=True):
        assert replace(mine, languages={}) == replace(other, languages={})
        for code, units in other.languages.items():
            back = mine.languages[code]
            assert back.form is units.form and back.values.dtype == np.uint8
            assert np.array_equal(back.values, units.values)


def test_trial_without_evidence_has_none(tmp_path: Path) -> None:
    assert read_evidence(tmp_path, RECORD) == ()


def test_equal_evidence_makes_equal_files(tmp_path: Path) -> None:
    assert written(tmp_path / "a").read_bytes() == written(tmp_path / "b").read_bytes()


WRONG: dict[str, tuple[tuple[Evidence, ...], TrialRecord, str]] = {
    "fewer results": (FOUND[:1], RECORD, "another trial's"),
    "other hits": ((evidence("xnli", en=[1, 1, 0, 0], de=[1, 0, 0, 1]), FOUND[1]), RECORD, "xnli/en: 50.000 against 75.000"),
    "another task": ((evidence("other", en=[1, 1, 0, 1], de=[1, 0, 0, 1]), FOUND[1]), RECORD, "about another result"),
    "a language less": ((evidence("xnli", en=[1, 1, 0, 1]), FOUND[1]), RECORD, "about another result"),
    "no items": ((evidence("xnli", en=[], de=[1]), FOUND[1]), RECORD, "no table of items"),
}


@pytest.mark.parametrize("case", WRONG)
def test_evidence_that_is_not_the_records_is_refused(case: str, tmp_path: Path) -> None:
    found, kept, message = WRONG[case]
    written(tmp_path, found)
    with pytest.raises(StoreError, match=message) as caught:
        read_evidence(tmp_path, kept)
    assert "delete the trial's record" in str(caught.value)


def test_evidence_of_another_trial_is_refused(tmp_path: Path) -> None:
    written(tmp_path).rename(evidence_path(tmp_path, "copied"))
    with pytest.raises(StoreError, match="another trial's"):
        read_evidence(tmp_path, replace(RECORD, trial="copied"))


def test_damaged_evidence_is_refused_or_as_it_was_at_every_byte(tmp_path: Path) -> None:
    """A byte may be another where nothing depends on it: in a name that is not looked at, or a padding blank."""
    path = written(tmp_path)
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        try:
            found = read_evidence(tmp_path, RECORD)
        except StoreError:
            continue
        for one, kept in zip(found, RECORD.results, strict=True):
            assert {code: score_of(units) for code, units in one.languages.items()} == {
                code: scores["score"] for code, scores in kept.languages.items()
            }


def test_evidence_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    whole = path.read_bytes()
    for size in (0, 5, 40, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(StoreError, match="can't be read"):
            read_evidence(tmp_path, RECORD)
