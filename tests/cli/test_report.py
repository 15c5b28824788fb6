"""`sweep report`: what it writes, where, and what it says of a folder that is no run."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sweep.away.pages import show_pages
from sweep.away.place import Kind, Place
from sweep.cli import main
from sweep.runfolder import PairMark, RunMark, write_mark
from tests.reports.page.facts import small_records
from training.record import record_path, write_record


def _report(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["report", *map(str, words)])


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    records = small_records()
    for made in records:
        write_record(folder, made)
    tasks, targets = ("none", "mnli", "qqp"), ("xnli", "panx", "tatoeba")
    pairs = tuple(PairMark(model="xlmr", intermediate=task, target=target, settings=2) for task in tasks for target in targets)
    studies = tuple(sorted({made.study for made in records}))
    write_mark(
        folder, RunMark(schema=1, sweep="s", grid="all", studies=studies, trials=48, seeds=(1, 2), pairs=pairs, stopping=False)
    )
    return folder


def test_report_writes_one_page_and_says_where(run: Path, tmp_path: Path) -> None:
    result = _report("--run", run, "--out", tmp_path / "page.html")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"{tmp_path / 'page.html'}: 28 records")
    text = (tmp_path / "page.html").read_text("utf-8")
    assert "mnli helps xnli most" in text and "28 trials" in text


def test_pages_of_a_run_folder_have_a_report_of_its_latest_record(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://mlflow.example.org")
    page = run / "report.html"
    assert show_pages(Place(kind=Kind.HERE, on="local"), run, None, browser=False) == 0
    assert f"report: {page.as_uri()}" in capsys.readouterr().out
    before = page.stat().st_mtime_ns
    assert show_pages(Place(kind=Kind.HERE, on="local"), run, None, browser=False) == 0
    assert page.stat().st_mtime_ns == before
    later = page.stat().st_mtime + 10
    os.utime(run / "records", (later, later))
    assert show_pages(Place(kind=Kind.HERE, on="local"), run, None, browser=False) == 0
    assert page.stat().st_mtime_ns > before


def test_folder_that_has_no_report_is_told_and_mlflow_is_opened_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://mlflow.example.org")
    assert show_pages(Place(kind=Kind.HERE, on="local"), tmp_path, None, browser=False) == 0
    said = capsys.readouterr().out
    assert "MLflow: https://mlflow.example.org" in said and "there is no report of it" in said


def test_report_without_out_lies_in_the_run_folder_and_twice_is_the_same(run: Path) -> None:
    assert _report("--run", run).exit_code == 0
    first = (run / "report.html").read_bytes()
    assert _report("--run", run).exit_code == 0
    assert (run / "report.html").read_bytes() == first


def test_report_changes_nothing_else_of_a_run(run: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    _report("--run", run, "--out", tmp_path / "page.html")
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_report_of_a_run_without_a_record_yet_is_a_page(run: Path, tmp_path: Path) -> None:
    for path in (run / "records").iterdir():
        path.unlink()
    assert _report("--run", run, "--out", tmp_path / "page.html").exit_code == 0
    assert "0 of 2 settings yet" in (tmp_path / "page.html").read_text("utf-8")


def test_damaged_record_is_told_and_stands_on_the_page(run: Path, tmp_path: Path) -> None:
    path = record_path(run, small_records()[0].trial)
    path.write_bytes(path.read_bytes()[:100])
    result = _report("--run", run, "--out", tmp_path / "page.html")
    assert result.exit_code == 0 and "warning: a record is damaged" in result.stderr
    assert "a record is damaged and left out" in (tmp_path / "page.html").read_text("utf-8")


def test_secret_of_the_environment_in_a_reason_is_not_on_the_page(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "correct-horse-battery")
    failed = next(made for made in small_records() if made.reason)
    write_record(run, replace(failed, reason="no answer from http://me:correct-horse-battery@tracker:5000"))
    assert _report("--run", run, "--out", tmp_path / "page.html").exit_code == 0
    text = (tmp_path / "page.html").read_text("utf-8")
    assert "no answer from" in text and "correct-horse-battery" not in text


@pytest.mark.parametrize("out", ["missing/page.html", "."])
def test_report_to_a_place_that_takes_no_file_is_the_user_s_fault(run: Path, tmp_path: Path, out: str) -> None:
    result = _report("--run", run, "--out", tmp_path / out)
    assert result.exit_code == 2
    assert "error: " in result.stderr and "remedy: " in result.stderr


def test_report_of_no_run_folder_is_the_user_s_fault(tmp_path: Path) -> None:
    result = _report("--run", tmp_path)
    assert result.exit_code == 2 and "not a run folder" in result.stderr


def test_report_loads_no_library_that_trains(run: Path, tmp_path: Path) -> None:
    words = ["report", "--run", str(run), "--out", str(tmp_path / "page.html")]
    program = (
        f"import sys\nfrom sweep.cli import main\ntry:\n    main({words})\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('torch', 'ray', 'mlflow', 'transformers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
