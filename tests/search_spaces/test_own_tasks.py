"""A task file becomes a row like any other, or every fault of it at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from search_spaces.own_tasks import own_rows, read_task
from search_spaces.reading import known_rows, load_grid
from tests.search_spaces.rows import ROWS
from training.errors import Faults
from training.tasks.row import Kind, Split, TaskRow

METRICS = {"accuracy": 1, "span_f1": 1}
WHOLE = """\
name: my_nli
kind: classification
files: {train: mine/train.jsonl, dev: mine/dev.jsonl, test: "mine/{lang}.tsv"}
columns: {first: premise, second: hypothesis, label: gold}
labels: [no, yes]
languages: [en, gn, quy]
max_length: 96
licence: CC BY 4.0
"""


def read(text: str) -> TaskRow:
    return read_task(text, "my.task.yaml", ROWS, METRICS)


def faults(text: str) -> list[str]:
    with pytest.raises(Faults) as raised:
        read(text)
    assert all(fault.remedy for fault in raised.value.faults)
    return [str(fault) for fault in raised.value.faults]


def test_a_whole_file_gives_its_row() -> None:
    row = read(WHOLE)
    assert (row.name, row.kind, row.reader, row.metric) == ("my_nli", Kind.CLASSIFICATION, "columns", "accuracy")
    assert row.files == {"train": "mine/train.jsonl", "dev": "mine/dev.jsonl", "test": "mine/{lang}.tsv"}
    assert row.labels == ("no", "yes")
    assert row.columns == {"first": "premise", "second": "hypothesis", "label": "gold"}
    assert (row.intermediate, row.target, row.scored_on, row.encoding.max_length) == (True, True, Split.TEST, 96)
    assert not row.synthetic


def test_like_takes_what_is_not_said_from_another_row() -> None:
    row = read("name: other\nlike: pos\nlabels: [N, V]\nlanguages: [gn]\nfiles: {dev: 'mine/{lang}.tsv'}\ntrain_on: pos\n")
    assert (row.kind, row.reader, row.metric) == (ROWS["pos"].kind, ROWS["pos"].reader, ROWS["pos"].metric)
    assert (row.languages, row.train_on, row.scored_on) == (("gn",), "pos", Split.DEV)
    assert (row.target, row.intermediate, row.licence) == (True, False, "")


def test_another_reading_of_the_data_is_another_version() -> None:
    assert read(WHOLE).version == read(WHOLE.replace("CC BY 4.0", "none")).version
    assert read(WHOLE).version != read(WHOLE.replace("[no, yes]", "[yes, no]")).version
    assert read(WHOLE).version != read(WHOLE.replace("label: gold", "label: silver")).version


def test_a_hub_data_set_needs_its_commit() -> None:
    hub = 'hub: {repository: org/name, revision: "%s", splits: {train: train, test: test}, columns: {first: s1, label: l}}\n'
    text = WHOLE.replace('files: {train: mine/train.jsonl, dev: mine/dev.jsonl, test: "mine/{lang}.tsv"}\n', "")
    row = read(text + hub % ("0" * 40))
    assert row.hub is not None and row.hub.repository == "org/name" and row.intermediate and row.target
    (fault,) = faults(text + hub % "main")
    assert "hub.revision" in fault and "40 hex digits" in fault


@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [
        ("name: my_nli", "name: nli", "there is a task of this name"),
        ("name: my_nli", "name: My NLI", "name: "),
        ("kind: classification", "kind: classify", "kind: must be one of"),
        ("kind: classification\n", "", "a task needs a kind"),
        ("kind: classification", "like: nly", "no task has this name: 'nly'"),
        ("labels: [no, yes]\n", "", "needs labels"),
        ("languages: [en, gn, quy]\n", "", "a task needs languages"),
        ("columns: {first: premise, second: hypothesis, label: gold}\n", "", "the columns of the files are not known"),
        ("second: hypothesis", "secnod: hypothesis", "no such field: 'secnod'"),
        ("max_length: 96", "max_lenght: 96", "unknown key: 'max_lenght'"),
        ("max_length: 96", "metric: acuracy", "no metric has this name: 'acuracy'"),
        ("max_length: 96", "metric: span_f1", "does not score a task of kind classification: 'span_f1'"),
        ("max_length: 96", "stride: 200", "stride must be below max_length"),
        ("max_length: 96", "train_on: nil", "no task has this name: 'nil'"),
        ("mine/train.jsonl", "/etc/passwd", "a file must be below the data folder"),
        ("mine/train.jsonl", "../up.tsv", "a file must be below the data folder"),
        (
            "mine/train.jsonl",
            "mine/train.txt.gz",
            "files.train: the file's ending does not say how it is read: 'mine/train.txt.gz'",
        ),
        ("name: my_nli", "name: My-NLI", "name: must match the pattern ^[a-z]"),
    ],
)
def test_a_wrong_file_is_a_fault_with_its_line_and_a_remedy(old: str, new: str, cause: str) -> None:
    found = faults(WHOLE.replace(old, new))
    assert any(cause in fault for fault in found), found
    assert all(fault.startswith("my.task.yaml") for fault in found)


def test_faults_of_all_files_of_a_folder_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.task.yaml").write_text(WHOLE.replace("kind: classification", "kind: x"), "utf-8")
    (tmp_path / "b.task.yaml").write_text(WHOLE.replace("labels", "label"), "utf-8")
    (tmp_path / "c.task.yaml").write_bytes(b"name: \xff")
    with pytest.raises(Faults) as raised:
        own_rows(tmp_path, ROWS, METRICS)
    told = "\n".join(map(str, raised.value.faults))
    assert all(name in told for name in ("a.task.yaml", "b.task.yaml", "c.task.yaml"))


@pytest.mark.parametrize(
    ("text", "cause", "remedy"),
    [
        ("", "the file is empty", "write `name:`, `like:` or `kind:`, and `files:`"),
        ("- name\n", "must be a mapping of keys", "write one `key: value` a line"),
    ],
)
def test_a_file_that_is_no_mapping_is_one_fault_that_says_what_to_write(text: str, cause: str, remedy: str) -> None:
    (fault,) = faults(text)
    assert cause in fault and remedy in fault


def test_a_name_that_two_files_give_is_told_with_the_first_file(tmp_path: Path) -> None:
    (tmp_path / "a.task.yaml").write_text(WHOLE, "utf-8")
    (tmp_path / "b.task.yaml").write_text(WHOLE, "utf-8")
    with pytest.raises(Faults, match=r"b\.task\.yaml:1: name: there is a task of this name in a\.task\.yaml: 'my_nli'"):
        own_rows(tmp_path, ROWS, METRICS)


def test_a_grid_that_scores_a_task_without_test_files_hears_what_the_task_lacks(tmp_path: Path) -> None:
    (tmp_path / "my.task.yaml").write_text(WHOLE.replace(', test: "mine/{lang}.tsv"', ""), "utf-8")
    grid = tmp_path / "mine.yaml"
    grid.write_text("name: mine\nmodels: {m: {source: mini_world}}\nintermediates: [none]\ntargets: [my_nli]\n", "utf-8")
    with pytest.raises(Faults, match="a task of your own is one with test files, or `scored_on: dev` and dev files"):
        load_grid(str(grid))


def test_a_grid_may_name_the_tasks_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "my.task.yaml").write_text(WHOLE, "utf-8")
    grid = tmp_path / "mine.yaml"
    grid.write_text("name: mine\nmodels: {m: {source: mini_world}}\nintermediates: [none]\ntargets: [my_nli]\n", "utf-8")
    assert load_grid(str(grid)).rows["my_nli"].labels == ("no", "yes")
    assert "my_nli" in known_rows(grid)
    assert "my_nli" not in known_rows(tmp_path / "elsewhere" / "grid.yaml")


def test_one_file_may_build_on_another(tmp_path: Path) -> None:
    (tmp_path / "a.task.yaml").write_text(WHOLE, "utf-8")
    (tmp_path / "b.task.yaml").write_text("name: b\nlike: my_nli\ntrain_on: my_nli\nlanguages: [shp]\n", "utf-8")
    rows = own_rows(tmp_path, ROWS, METRICS)
    assert rows["b"].train_on == "my_nli" and rows["b"].files == rows["my_nli"].files
