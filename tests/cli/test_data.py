"""`sweep data`: what it lists, shows, prepares and verifies, and how it answers what a user gets wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sweep.cli import main
from tests.training.data.test_prepared import PAIRS, stored
from training.data.manifest import read_manifest
from training.tasks.registry import row


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SWEEP_DATA", raising=False)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with XNLI's dev sets in two languages, and one in which a line is wrong."""
    (tmp_path / "xnli").mkdir()
    (tmp_path / "xnli" / "dev-en.tsv").write_text("the sun shines\tit is hot\tneutral\nrain\tno rain\tcontradiction\n")
    (tmp_path / "xnli" / "dev-sw.tsv").write_text("jua kali\tkuna jua\tneutral\nmvua\thakuna\tneutral\n")
    return tmp_path


def _run(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["data", *map(str, words)])


def _output(*words: str | Path) -> str:
    result = _run(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


def _refused(*words: str | Path) -> str:
    result = _run(*words)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.stderr
    return result.stderr


def test_list_says_of_every_task_where_from_and_what_is_here(data: Path) -> None:
    found = {item["task"]: item for item in json.loads(_output("list", "--data", data, "--json"))}
    assert {"xnli", "mnli", "panx", "tatoeba", "anli_plus"} <= found.keys()
    assert not any(name.startswith("mini_") for name in found)
    xnli = found["xnli"]
    assert (xnli["native"], xnli["prepared"], xnli["manifest"]) == (2, 0, False)
    assert "test/sw" in xnli["missing"] and "dev/sw" not in xnli["missing"]
    assert xnli["hub"] == ["facebook/xnli"] and xnli["licence"] == "CC BY-NC 4.0" and "Conneau" in xnli["citation"]
    assert "missing" in _output("list", "--data", data)
    assert "facebook/xnli" in _output("list")


def test_prepare_says_what_it_did_and_does_nothing_twice(data: Path) -> None:
    said = _output("prepare", "xnli", "--from", "native", "--data", data, "--workers", "1")
    assert "2 files of a split and language to prepare" in said
    assert "xnli: 4 rows, 2 files native, 28 absent" in said
    written = (data / "prepared" / "xnli" / "manifest.json").stat().st_mtime_ns
    again = _output("prepare", "xnli", "--from", "native", "--data", data, "--workers", "1")
    assert "0 files of a split and language to prepare, 2 prepared before" in again
    assert (data / "prepared" / "xnli" / "manifest.json").stat().st_mtime_ns == written


def test_prepare_without_a_task_takes_the_native_files_that_are_there(data: Path) -> None:
    said = _output("prepare", "--data", data, "--workers", "2")
    assert "xnli: 4 rows" in said and "mnli: 2 rows" in said and "pawsx" not in said


def test_prepare_without_a_task_leaves_alone_what_the_hub_gave(data: Path) -> None:
    stored(data, row("pawsx"), PAIRS, language="de")
    before = read_manifest(data, "pawsx")
    assert "pawsx" not in _output("prepare", "--data", data, "--workers", "1")
    assert before is not None and read_manifest(data, "pawsx") == before


def test_prepare_of_a_grid_takes_the_files_it_names(data: Path, tmp_path: Path) -> None:
    (data / "mine").mkdir()
    (data / "xnli" / "dev-sw.tsv").rename(data / "mine" / "sw.tsv")
    grid = tmp_path / "mine.yaml"
    grid.write_text(
        "name: mine\nabout: a file of another name\n"
        "models: {mini: {source: mini_world, pretrain: {task: mini_mlm, epochs: 1}}}\n"
        "intermediates: [none]\ntargets: [xnli]\ndata: {xnli: {files: {dev: 'mine/{lang}.tsv'}, languages: [sw]}}\n"
        "search:\n  trials: 1\n  sampler: random\n"
        "  space: {intermediate: {lr: [1e-4], epochs: [1]}, target: {lr: [1e-4], epochs: [1]}}\n"
        "training: {batch: 16}\n"
    )
    result = _run("prepare", "xnli", "--grid", grid, "--data", data, "--from", "native", "--workers", "1")
    assert result.exit_code == 0, result.output
    manifest = read_manifest(data, "xnli")
    assert manifest is not None and manifest.entries["dev"]["sw"].files[0].path == "mine/sw.tsv"


def test_show_tells_rows_labels_lengths_and_an_example(data: Path) -> None:
    _output("prepare", "xnli", "--from", "native", "--data", data, "--workers", "1")
    shown = _output("show", "xnli", "--data", data)
    assert "Conneau et al. 2018" in shown and "CC BY-NC 4.0" in shown
    assert "neutral 2" in shown and "first example (dev, en):" in shown and "the sun shines" in shown
    payload = json.loads(_output("show", "xnli", "--data", data, "--json"))
    (part,) = payload["parts"]
    assert part["manifest"]["entries"]["dev"]["sw"]["rows"] == 2
    assert {finding["check"] for finding in part["findings"]} == {"impossible_count"}
    assert payload["example"]["fields"]["first"] == "the sun shines"


def test_show_without_a_manifest_says_how_to_get_one(data: Path) -> None:
    assert "run `sweep data prepare xnli`" in _output("show", "xnli", "--data", data)


def test_show_without_a_folder_says_which_files_to_bring() -> None:
    shown = " ".join(_output("show", "xnli").split())
    assert "native files: dev xnli/dev-{lang}.tsv, test xnli/test-{lang}.tsv" in shown and "languages: en, ar, bg" in shown
    assert "native files of mnli: train xnli/train-en.tsv, dev xnli/dev-en.tsv" in _output("show", "anli_plus")


def test_verify_is_silent_on_what_is_as_prepared_and_names_each_difference(data: Path) -> None:
    _output("prepare", "xnli", "--from", "native", "--data", data, "--workers", "1")
    assert "xnli: 2 files of a split and language, as prepared" in _output("verify", "--data", data)
    (data / "xnli" / "dev-sw.tsv").write_text("jua kali\tkuna jua\tneutral\n")
    said = _refused("verify", "xnli", "--data", data)
    assert "different: xnli dev/sw: the sha256 of xnli/dev-sw.tsv is" in said
    assert "different: xnli dev/sw: rows is 1, the manifest says 2" in said
    result = _run("verify", "xnli", "--data", data, "--json")
    assert result.exit_code == 2
    assert {item["what"] for item in json.loads(result.stdout)[0]["differences"]} >= {"rows", "labels"}


def test_verify_of_a_file_that_is_gone_says_so_once_and_of_one_that_does_not_read_why(data: Path) -> None:
    _output("prepare", "xnli", "--from", "native", "--data", data, "--workers", "1")
    (data / "xnli" / "dev-sw.tsv").unlink()
    (data / "xnli" / "dev-en.tsv").write_text("rain\tno rain\tperhaps\n")
    said = _refused("verify", "xnli", "--data", data)
    assert "different: xnli dev/sw: the sha256 of xnli/dev-sw.tsv is missing" in said and said.count("dev/sw") == 1
    assert "different: xnli dev/en: it can't be read any more: 1 fault in" in said


def test_show_of_files_that_do_not_read_says_why_in_the_place_of_an_example(data: Path) -> None:
    (data / "mine").mkdir()
    (data / "mine" / "gn.tsv").write_text("premise\thypothesis\tlabel\nrain\tno rain\tcontradiction\n")
    (data / "mine.task.yaml").write_text(
        "name: mine\nlike: xnli\nfiles: {dev: 'mine/{lang}.tsv'}\nscored_on: dev\nlanguages: [gn]\n"
        "columns: {first: premiss, second: hypothesis, label: label}\n"
    )
    grid = data / "grid.yaml"
    grid.write_text("name: grid\nmodels: {m: {source: mini_world}}\nintermediates: [none]\ntargets: [mine]\n")
    shown = " ".join(_output("show", "mine", "--grid", grid, "--data", data).split())
    assert "can't be read:" in shown and "no column premiss" in shown and "first example" not in shown
    assert "--grid" in shown.partition("has no manifest: run `sweep data prepare mine")[2].partition("`")[0]
    assert "licence:" not in shown
    assert "missing:" not in shown, "it learns from MultiNLI, so English dev of its own is not missed"
    payload = json.loads(_output("show", "mine", "--grid", grid, "--data", data, "--json"))
    assert payload["example"] is None and "premiss" in payload["unreadable"]


def test_show_tells_what_failed_for_one_cause_on_one_line(data: Path) -> None:
    for language in ("de", "fr"):
        (data / "xnli" / f"dev-{language}.tsv.gz").write_bytes(b"\x1f\x8b")
    _refused("prepare", "xnli", "--from", "native", "--data", data, "--workers", "1")
    path = data / "prepared" / "xnli" / "manifest.json"
    found = json.loads(path.read_text())
    assert set(found["failed"]) == {"dev/de", "dev/fr"}
    found["failed"] = dict.fromkeys(found["failed"], "the hub does not answer")
    path.write_text(json.dumps(found))
    assert "failed dev/de, dev/fr: the hub does not answer" in _output("show", "xnli", "--data", data)


def test_list_of_a_narrow_terminal_keeps_the_names_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert "squad_v1_translated" in _output("list")
    tasks = CliRunner().invoke(main, ["tasks"]).stdout
    assert "mini_squad_translated" in tasks and "…" not in tasks


def test_prepare_of_a_file_that_does_not_read_is_told_and_the_rest_kept(data: Path) -> None:
    (data / "xnli" / "dev-de.tsv").write_text("eins\tzwei\tperhaps\n")
    said = _refused("prepare", "xnli", "--from", "native", "--data", data, "--workers", "1")
    assert "dev-de.tsv:1: a label outside the task's set: 'perhaps'" in said
    manifest = read_manifest(data, "xnli")
    assert manifest is not None and set(manifest.entries["dev"]) == {"en", "sw"} and set(manifest.failed) == {"dev/de"}
    assert "note: xnli dev/de: its files are there, but could not be prepared: " in _output("verify", "xnli", "--data", data)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["prepare", "xnli"], "no data folder was given"),
        (["prepare", "xmli", "--data", "."], "no task has this name: 'xmli'"),
        (["prepare", "--data", "."], "no task has native files in the folder"),
        (["prepare", "ccg", "--data", "."], "task ccg has no data in"),
        (["prepare", "xnli", "--data", ".", "--revision", "xnli"], "--revision takes TASK=COMMIT: 'xnli'"),
        (["prepare", "xnli", "--data", ".", "--revision", "mlqa=main"], "takes nothing from the hub here: 'mlqa'"),
        (["verify", "xnli", "--data", "."], "task xnli has no manifest"),
        (["verify", "--data", "."], "nothing was prepared in the folder"),
        (["show", "xnli", "--data", "nowhere"], "--data names is not there: 'nowhere'"),
        (["prepare", "xmli", "panxx", "--data", "."], "no task has this name: 'panxx'"),
        (["prepare", "mine", "--data", "."], "(a task of your own is found with --grid GRID)"),
        (["prepare", "mini_nli", "--data", "."], "a task of the mini world has no data to prepare or verify"),
        (["verify", "mini_nli", "--data", "."], "a task of the mini world has no data to prepare or verify"),
        (["prapare"], "there is no such verb: 'prapare'"),
    ],
)
def test_fault_is_shown_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str) -> None:
    monkeypatch.chdir(tmp_path)
    shown = _refused(*words)
    assert said in shown and "remedy:" in shown
