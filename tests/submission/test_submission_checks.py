"""`sweep submit --check`: everything that the official script would read otherwise than it was meant, all at once."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sweep.cli import main
from sweep.submission.submitting import Submitted
from tests.submission.conftest import World


@pytest.fixture
def folder(xtreme: Submitted, tmp_path: Path) -> Path:
    return Path(shutil.copytree(xtreme.out, tmp_path / "theirs"))


def checked(folder: Path, data: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["submit", "--check", str(folder), "--data", str(data), "--benchmark", "xtreme", *words])


def _edit(name: str, change: Callable[[str], str]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / name
        path.write_text(change(path.read_text("utf-8")), encoding="utf-8")

    return apply


def _json(name: str, change: Callable[[dict[str, object]], object]) -> Callable[[Path], None]:
    def altered(text: str) -> str:
        document = json.loads(text)
        change(document)
        return json.dumps(document)

    return _edit(name, altered)


def _gzipped(folder: Path) -> None:
    path = folder / "pawsx" / "test-ja.tsv"
    path.with_name("test-ja.tsv.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()


def _cut_words(text: str) -> str:
    """One word from the first sentence to the second: as many lines and sentences as before."""
    first, second, *rest = text.split("\n\n")
    lines = first.split("\n")
    return "\n\n".join(["\n".join(lines[:-1]), lines[-1] + "\n" + second, *rest])


SPOILT: dict[str, tuple[Callable[[Path], None], str]] = {
    "a language is absent": (lambda folder: (folder / "mlqa" / "test-hi.json").unlink(), "task mlqa has no file test-hi.json"),
    "a task is absent": (lambda folder: shutil.rmtree(folder / "xnli"), "the submission has no folder xnli"),
    "a line too many": (_edit("xnli/test-de.tsv", lambda text: text + "neutral\n"), "5 lines, the test set has 4"),
    "a line too few": (_edit("pawsx/test-fr.tsv", lambda text: text[2:]), "3 lines, the test set has 4"),
    "another label": (
        _edit("xnli/test-de.tsv", lambda text: "contradictory" + text[text.index("\n") :]),
        "outside the task's set: 'contradictory'",
    ),
    "another tag": (
        _edit("panx/test-sw.tsv", lambda text: "B-MISC" + text[text.index("\n") :]),
        "outside the task's set: 'B-MISC'",
    ),
    "a doubled blank line": (
        _edit("udpos/test-fi.tsv", lambda text: text.replace("\n\n", "\n\n\n", 1)),
        "a blank line that makes an empty sentence",
    ),
    "a leading blank line": (
        _edit("udpos/test-fi.tsv", lambda text: "\n" + text),
        "test-fi.tsv:1: a blank line that makes an empty sentence",
    ),
    "a sentence too few": (_edit("panx/test-yo.tsv", lambda text: text.split("\n\n", 1)[1]), "3 sentences, the test set has 4"),
    "words of another sentence": (_edit("udpos/test-tr.tsv", _cut_words), "tags, its test sentence"),
    "an index of no line": (_edit("tatoeba/test-jv.tsv", lambda text: "4\n" + text[2:]), "not the index of a sentence: '4'"),
    "an unknown pair": (
        _edit("bucc2018/test-de.tsv", lambda text: text + "de-0\ten-99\n"),
        "a pair of ids that the test set does not have",
    ),
    "a pair twice": (
        _edit("bucc2018/test-de.tsv", lambda text: text + text.split("\n")[0] + "\n"),
        "a pair that stands before",
    ),
    "an id is missing": (
        _json("xquad/test-el.json", lambda found: found.pop("q0")),
        "['q0']: an id of the test set without a prediction",
    ),
    "an id too many": (
        _json("tydiqa/test-te.json", lambda found: found.update(q99="x")),
        "['q99']: an id that the test set does not have",
    ),
    "no text": (_json("mlqa/test-vi.json", lambda found: found.update(q0=None)), "an answer that is not text"),
    "no JSON": (_edit("mlqa/test-vi.json", lambda text: text[:-3]), "not JSON at column"),
    "not UTF-8": (lambda folder: (folder / "xnli" / "test-el.tsv").write_bytes(b"\xff\n"), "not UTF-8 at byte 0"),
    "a byte order mark": (_edit("xnli/test-ru.tsv", lambda text: "\ufeff" + text), "a byte order mark"),
    "packed": (_gzipped, "gzipped, and the official script reads plain files alone"),
    "a stranger's file": (lambda folder: (folder / "xnli" / "test-xx.tsv").touch(), "a file that belongs to no language"),
    "a stranger's folder": (lambda folder: (folder / "xlni").mkdir(), "no task of the benchmark: 'xlni'"),
}
SEVERAL = ("words of another sentence", "no text", "no JSON")
"""One change that makes several faults."""


@pytest.mark.parametrize("what", SPOILT)
def test_check_names_a_fault_of_a_file(world: World, folder: Path, what: str) -> None:
    spoil, said = SPOILT[what]
    spoil(folder)
    result = checked(folder, world.data)
    assert result.exit_code == 2 and "Traceback" not in result.output
    assert said in result.stderr, result.stderr
    assert result.stderr.startswith("error: 1 fault in") or what in SEVERAL


def test_check_of_a_whole_folder_ends_well_with_gold_and_without(world: World, folder: Path) -> None:
    for data in (world.data, world.blank):
        result = checked(folder, data)
        assert (result.exit_code, result.stdout) == (0, "162 files, all as the test sets want them\n"), result.stderr


def test_check_names_all_faults_of_all_files_at_once(world: World, folder: Path) -> None:
    names = ("a line too many", "another tag", "an id is missing", "a language is absent")
    for name in names:
        SPOILT[name][0](folder)
    result = checked(folder, world.data)
    assert "error: 4 faults in the submission" in result.stderr
    assert all(SPOILT[name][1] in result.stderr for name in names)


def test_check_of_a_part_wants_whole_tasks(world: World, folder: Path) -> None:
    shutil.rmtree(folder / "xnli")
    assert checked(folder, world.data).exit_code == 2
    assert checked(folder, world.data, "--partial").stdout.startswith("147 files")
    (folder / "pawsx" / "test-de.tsv").unlink()
    assert "task pawsx has no file test-de.tsv" in checked(folder, world.data, "--partial").stderr


def test_check_without_test_sets_says_how_to_name_them_once(folder: Path) -> None:
    result = CliRunner().invoke(main, ["submit", "--check", str(folder), "--benchmark", "xtreme"])
    assert result.exit_code == 2 and "1 fault in" in result.stderr and "give --data FOLDER or set SWEEP_DATA" in result.stderr


def test_check_of_test_sets_that_lack_a_file_names_it(world: World, folder: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(world.blank, tmp_path / "data"))
    (data / "xnli" / "test-de.tsv").unlink()
    result = checked(folder, data)
    assert result.exit_code == 2 and "has no test data in language 'de'" in result.stderr


def test_check_loads_no_torch(world: World, folder: Path) -> None:
    """Somebody who only wants to check a folder waits for no library of training."""
    words = ["submit", "--check", str(folder), "--data", str(world.blank)]
    program = (
        f"import sys\nfrom sweep.cli import main\nmain({words}, standalone_mode=False)\n"
        "print('torch' in sys.modules, 'mlflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False False"
