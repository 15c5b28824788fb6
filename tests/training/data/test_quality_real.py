"""The quality checks on the real data sets: everything they find is on the list of known issues, and nothing there is stale."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from training.data.known_issues import KNOWN_ISSUES
from training.data.manifest import Manifest, Origin, SplitEntry
from training.data.prepare import Wish, prepare
from training.data.prepared import native_files
from training.data.request import ReadRequest
from training.data.units import Unit, wanted
from training.data.verify import verify_task
from training.tasks.registry import ROWS
from training.tasks.row import TaskRow

# Files of the data folder that have other names than in the download layout.
ELSEWHERE = {
    "hellaswag": {"dev": "hellaswag/hellaswag_val.from_txt.jsonl"},
    "siqa": {"dev": "socialiqa/socialIQa_v1.4_dev.jsonl", "test": "socialiqa/socialIQa_v1.4_tst.jsonl"},
    "mlqa": {"dev": "mlqa/dev-context-{lang}-question-{lang}.json"},
    "tydiqa": {"train": "tydiqa/tydiqa.goldp.{lang}.train.json", "test": "tydiqa/tydiqa.goldp.{lang}.dev.blank.json"},
}


class _Silent:
    def began(self, units: int, skipped: int) -> None:
        pass

    def unit_done(self, unit: Unit, entry: SplitEntry | None, cause: str) -> None:
        assert not cause

    def task_done(self, manifest: Manifest, absent: int) -> None:
        pass


def _rows(data: Path) -> list[TaskRow]:
    known = {name: row for name, row in ROWS.items() if not row.synthetic and not row.parts}
    rows = [replace(row, files=ELSEWHERE.get(name, row.files)) for name, row in known.items()]
    return [row for row in rows if any(native_files(ReadRequest(row, data, *place)) for place in wanted(row))]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of links to the real files, so that manifests are written beside them and not among them."""
    named = os.environ.get("SWEEP_DATA")
    if not named:
        pytest.skip("SWEEP_DATA does not name a folder of real data sets")
    folder = tmp_path_factory.mktemp("data")
    for place in Path(named).iterdir():
        if place.is_dir() and place.name != "prepared":
            (folder / place.name).symlink_to(place)
    return folder


@pytest.fixture(scope="module")
def manifests(data: Path) -> dict[str, Manifest]:
    """Every task's manifest, prepared from the native files."""
    workers = min(os.cpu_count() or 1, 8)
    found = prepare(Wish(rows=_rows(data), data=data, only=Origin.NATIVE, workers=workers), _Silent())
    return {manifest.task: manifest for manifest in found}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_quality_of_the_real_data_is_as_known(manifests: dict[str, Manifest]) -> None:
    findings = [(task, finding) for task, manifest in manifests.items() for finding in manifest.findings()]
    unknown = [(task, item) for task, item in findings if not any(issue.covers(task, item) for issue in KNOWN_ISSUES)]
    assert not unknown
    stale = [
        (task, issue.check, issue.split, language)
        for issue in KNOWN_ISSUES
        for task in issue.tasks
        for language, count in issue.counts.items()
        if not any(name == task and issue.covers(task, item) and item.language == language for name, item in findings)
    ]
    assert not stale


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_verify_of_the_real_data_finds_no_difference(data: Path, manifests: dict[str, Manifest]) -> None:
    small = [row for row in _rows(data) if row.name in ("xcopa", "tydiqa", "xquad", "commonsenseqa", "tatoeba", "squad_v1")]
    assert len(small) == 6
    for row in small:
        assert verify_task(row, data, manifests[row.name]).differences == ()


@pytest.mark.slow
def test_training_set_with_other_languages_is_caught_in_the_real_data(data: Path, tmp_path: Path) -> None:
    """The trap: nine languages' TyDiQA training data under the name of English."""
    for place in data.iterdir():
        (tmp_path / place.name).symlink_to(place.resolve())
    for language, wrong in (("ko", 0.99), ("sw", 0.9)):
        row = replace(ROWS["tydiqa"], files={"train": f"tydiqa/tydiqa.goldp.{language}.train.json"}, languages=("en",))
        (manifest,) = prepare(Wish(rows=[row], data=tmp_path, only=Origin.NATIVE), _Silent())
        entry = manifest.entries["train"]["en"]
        (finding,) = [item for item in entry.findings if item.check == "wrong_language"]
        assert finding.count > wrong * entry.rows
