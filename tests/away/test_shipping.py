"""What is sent with a job: the code as it is here, named by its bytes; no data, no secret."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from sweep.away import shipping
from sweep.away.cluster import PREAMBLE
from sweep.away.following import BEGIN, Shown, surroundings
from sweep.away.head import base_folder, keep_grid, place_signals
from sweep.away.launching import kept_signals_in
from sweep.away.shipping import package
from sweep.away.words import job_command, job_label, launch_words, resume_words, run_word, wish
from sweep.options import LaunchOptions
from sweep.provenance import code_version
from training.errors import UserError


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "checkout"
    for name in shipping.PACKAGES:
        (root / name / "__pycache__").mkdir(parents=True)
        (root / name / "__init__.py").write_text(f'"""{name}"""')
        (root / name / "__pycache__" / "x.pyc").write_bytes(b"x")
        (root / name / ".secret").write_text("token")
    (root / "data").mkdir()
    (root / "data" / "train.tsv").write_text("data")
    monkeypatch.setattr(shipping, "code_version", lambda: "0123456789ab+dirty")
    return root


def _names(content: bytes) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(content)).namelist()


def test_package_holds_the_code_and_nothing_else(checkout: Path) -> None:
    wanted = [f"{name}/__init__.py" for name in sorted(shipping.PACKAGES)]
    assert _names(package(root=checkout).content) == [*wanted, "shipped.json"]


def test_equal_files_give_equal_bytes_and_a_change_that_is_not_committed_another_name(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = package(root=checkout)
    os.utime(checkout / "sweep" / "__init__.py", (1, 1))
    assert package(root=checkout) == first
    monkeypatch.setattr(shipping, "code_version", lambda: "fedcba987654")  # a commit that changed none of the files
    assert (package(root=checkout).digest, package(root=checkout).code) == (first.digest, "fedcba987654")
    monkeypatch.setattr(shipping, "code_version", lambda: "0123456789ab+dirty")
    (checkout / "sweep" / "new.py").write_text("x = 1")
    second = package(root=checkout)
    assert first.code != second.code
    assert second.code.startswith("0123456789ab+dirty.")
    assert json.loads(zipfile.ZipFile(io.BytesIO(second.content)).read("shipped.json")) == {"code": second.code}


def test_package_that_is_too_large_is_refused_and_says_what_is_in_the_way(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkout / "training" / "weights.bin").write_bytes(b"0" * 5000)
    monkeypatch.setattr(shipping, "MOST", 4000)
    with pytest.raises(UserError, match="too large") as fault:
        package(root=checkout)
    assert "training/weights.bin (5 kB)" in fault.value.remedy


def test_grid_of_ones_own_goes_along_with_its_tasks_and_outlives_the_job(checkout: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("mine.yaml", "a.task.yaml", "other.yaml"):
        (folder / name).write_text(name)
    sent = package(str(folder / "mine.yaml"), checkout)
    assert sent.grid == "shipped_grids/mine.yaml"
    assert {name for name in _names(sent.content) if name.startswith("shipped_grids")} == {
        "shipped_grids/mine.yaml",
        "shipped_grids/a.task.yaml",
    }
    zipfile.ZipFile(io.BytesIO(sent.content)).extractall(tmp_path / "job")
    kept = keep_grid(tmp_path / "job" / sent.grid, tmp_path / "base")
    assert kept == keep_grid(tmp_path / "job" / sent.grid, tmp_path / "base")
    assert (kept.read_text(), (kept.parent / "a.task.yaml").is_file()) == ("mine.yaml", True)
    assert kept.is_relative_to(tmp_path / "base")


def test_code_that_was_sent_says_itself_which_it_is(tmp_path: Path) -> None:
    sent = package()
    zipfile.ZipFile(io.BytesIO(sent.content)).extractall(tmp_path)
    program = "import sweep.provenance as p; print(p.__file__); print(p.code_version())"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [str(tmp_path / "sweep" / "provenance.py"), sent.code]
    assert sent.code.startswith(code_version())


def test_command_of_a_job_survives_the_shell() -> None:
    options = LaunchOptions(grid="all", data=Path("/mnt/my data"), models={"m": "$HOME/`x`"}, deadline="2h", price=0.5)
    words = launch_words(options, "all", "runs/it's; here")
    text = job_command(words).replace("-m sweep.away.head", "-c 'import json, sys; print(json.dumps(sys.argv[1:]))'")
    done = subprocess.run(
        text,
        shell=True,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "SWEEP_PYTHON": sys.executable},
    )
    assert json.loads(done.stdout) == words
    assert words[-1].endswith("+00:00")


def test_resume_tells_the_head_only_what_was_given() -> None:
    given = LaunchOptions(grid="", max_cost=10.0, deadline="2h", retry_failed=True)
    words = resume_words(given, "runs/all")
    assert words[:5] == ["resume", "--run", "runs/all", "--max-cost", "10.0"]
    assert words[5] == "--deadline" and words[6].endswith("+00:00") and words[7:] == ["--retry-failed"]
    assert resume_words(LaunchOptions(grid=""), "runs/all") == ["resume", "--run", "runs/all"]


def test_job_is_named_by_its_run_folder_alone() -> None:
    assert job_label(run_word("runs//a/../tiny")) == job_label("runs/tiny")
    assert job_label("runs/tiny") != job_label("other/tiny")
    assert job_label("runs/" + "ü; $x" * 30).isascii()


def test_other_options_are_told_from_the_same() -> None:
    options = LaunchOptions(grid="tiny")
    assert wish(options, "code") == wish(LaunchOptions(grid="tiny", run=Path("x")), "code")
    assert wish(options, "code") != wish(LaunchOptions(grid="tiny", price=1.0), "code") != wish(options, "other")


def test_job_is_told_nothing_of_the_laptops_secrets() -> None:
    told = surroundings({"RAY_AUTH_TOKEN": "t", "SWEEP_NOTIFY": "https://x", "HF_TOKEN": "h", "COLUMNS": "99"})
    assert told == {"COLUMNS": "99", "PYTHONUNBUFFERED": "1", "SWEEP_JOB": "1"}


def test_output_that_comes_again_after_a_lost_connection_is_shown_once() -> None:
    parts: list[str] = []
    shown = Shown(parts.append)
    text = "Runtime env is setting up.\nRunning entrypoint for job a-1: exec x\none\ntwo\nthree\n"
    for cut in (10, 40, 75, len(text)):
        for begin in range(0, cut, 7):
            shown.take(text[begin : min(begin + 7, cut)])
        shown.restart()
    assert "".join(parts) == "one\ntwo\nthree\n"
    assert PREAMBLE.sub(b"", text.encode(), count=1) == b"one\ntwo\nthree\n"
    assert BEGIN.search("Running entrypoint for job a") is None


def test_base_of_relative_folders_is_what_the_head_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEP_BASE", str(tmp_path / "base"))
    assert base_folder() == tmp_path / "base"
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SWEEP_BASE", str(tmp_path / "file"))
    with pytest.raises(UserError, match="can't be made") as fault:
        base_folder()
    assert "SWEEP_BASE" in fault.value.remedy


def test_signals_of_sweep_rank_go_along_to_a_run_folder_that_has_none(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop, head = tmp_path / "laptop" / "runs" / "mine", tmp_path / "head"
    assert kept_signals_in(laptop) == {}
    laptop.mkdir(parents=True)
    (laptop / "rankings.json").write_text("here")
    zipfile.ZipFile(package(root=checkout).write(tmp_path, kept_signals_in(laptop))).extractall(head / "package")
    monkeypatch.chdir(head)
    came = Path("package", "rankings.json")
    words = launch_words(LaunchOptions(grid="all"), "all", "runs/mine")
    place_signals(came, ["resume", "--run", "runs/other"])
    place_signals(came, words)
    assert [path.parent.name for path in Path("runs").rglob("*.json")] == ["mine"]
    assert Path("runs", "mine", "rankings.json").read_text() == "here"
    Path("runs", "mine", "rankings.json").write_text("of the head")
    place_signals(came, words)
    assert Path("runs", "mine", "rankings.json").read_text() == "of the head"
