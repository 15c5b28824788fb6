"""Prepared data: what is stored of the hub reads back as it was, goes after native files, and is never read damaged."""

from __future__ import annotations

import hashlib
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from training.data.examples import Answer, Bitext, Choices, Example, Question, Sentences, Tagged, Text
from training.data.loading import DataSource, data_digest, load
from training.data.manifest import DataFile, Manifest, Origin, SplitEntry, read_manifest, write_manifest
from training.data.prepared import Provenance, prepared_path, read_examples, write_examples
from training.data.statistics import content_digest
from training.data.units import Unit, UnitResult, described, is_done, recipe_of, wanted
from training.errors import DataError
from training.tasks.registry import ROWS, row
from training.tasks.row import TaskRow

ROOT = Path(__file__).parents[3]
XNLI = row("xnli")
PAIRS: list[Example] = [
    Sentences("dev-sw-0", "jua ni kali", "kuna jua", 1, "jua ni kali"),
    Sentences("dev-sw-1", "mvua", "hakuna mvua", 0, "mvua"),
]


def stored(data: Path, item: TaskRow, examples: list[Example], split: str = "dev", language: str = "sw") -> UnitResult:
    """Stores examples as if they had been fetched, with their manifest."""
    path = prepared_path(data, item.name, split, language)
    provenance = Provenance(
        task=item.name,
        split=split,
        language=language,
        repository="facebook/xnli",
        revision="a" * 40,
        recipe=recipe_of(item) if item.hub else "",
        example=type(examples[0]).__name__,
        content=content_digest(examples),
    )
    write_examples(path, item, examples, provenance)
    unit = Unit(row=item, data=data, split=split, language=language, origin=Origin.HUB)
    result = described(unit, examples, (DataFile(path=str(path.relative_to(data)), sha256=_sha256(path)),))
    manifest = Manifest(
        task=item.name,
        version=item.version,
        licence=item.licence,
        files=dict(item.files),
        entries={split: {language: result.entry}},
        repository="facebook/xnli",
        revision="a" * 40,
        recipe=provenance.recipe,
    )
    write_manifest(data, manifest)
    return result


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
_FOUR, _SOME = (st.lists(_TEXT, min_size=low, max_size=high).map(tuple) for low, high in ((4, 4), (2, 5)))
_EXAMPLES = {
    "xnli": st.builds(Sentences, _TEXT, _TEXT, _TEXT, st.none() | st.integers(0, 2), _TEXT),
    "hellaswag": st.builds(Choices, _TEXT, _TEXT, _FOUR, st.none() | st.integers(0, 3)),
    "commonsenseqa": st.builds(Choices, _TEXT, _TEXT, _SOME, st.none() | st.integers(0, 4)),
    "squad_v1": st.builds(
        Question, _TEXT, _TEXT, _TEXT, st.lists(st.builds(Answer, _TEXT, st.integers(0, 9)), max_size=2).map(tuple), _TEXT
    ),
    "tatoeba": st.builds(
        Bitext, _TEXT, st.lists(_TEXT, min_size=1).map(tuple), st.lists(_TEXT, min_size=1).map(tuple), st.none() | st.just((0,))
    ),
    "panx": st.lists(st.tuples(_TEXT, st.integers(0, 6)), min_size=1, max_size=5).map(
        lambda words: Tagged("x", tuple(word for word, _ in words), tuple(tag for _, tag in words))
    ),
    "mini_mlm": st.builds(Text, _TEXT, _TEXT, _TEXT),
}


@pytest.mark.parametrize("task", list(_EXAMPLES))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data())
def test_stored_examples_read_back_as_they_were(tmp_path: Path, task: str, draw: st.DataObject) -> None:
    examples: list[Example] = draw.draw(st.lists(_EXAMPLES[task], min_size=1, max_size=5))
    stored(tmp_path, ROWS[task], examples)
    provenance, found = read_examples(prepared_path(tmp_path, task, "dev", "sw"), ROWS[task])
    assert found == examples
    assert provenance.content == content_digest(found)


def test_stored_labels_are_names(tmp_path: Path) -> None:
    stored(tmp_path, XNLI, PAIRS)
    table = pq.read_table(prepared_path(tmp_path, "xnli", "dev", "sw"))
    assert table.column("label").to_pylist() == ["entailment", "contradiction"]


def test_load_takes_prepared_data_where_native_files_are_not_there(tmp_path: Path) -> None:
    stored(tmp_path, XNLI, PAIRS)
    source = DataSource(row=XNLI, root=tmp_path)
    assert load(source, "dev", "sw") == PAIRS
    assert [item.id for item in load(replace(source, caps={"dev": 1}), "dev", "sw")] != []
    with pytest.raises(DataError, match="no dev data in language 'de'") as caught:
        load(source, "dev", "de")
    assert "sweep data prepare xnli" in caught.value.remedy


def test_load_takes_native_files_before_prepared_data(tmp_path: Path) -> None:
    stored(tmp_path, XNLI, PAIRS)
    prepared = data_digest(DataSource(row=XNLI, root=tmp_path), "dev", ["sw"])
    (tmp_path / "xnli").mkdir()
    (tmp_path / "xnli" / "dev-sw.tsv").write_text("a\tb\tneutral\n")
    (only,) = load(DataSource(row=XNLI, root=tmp_path), "dev", "sw")
    assert isinstance(only, Sentences) and only.first == "a"
    assert data_digest(DataSource(row=XNLI, root=tmp_path), "dev", ["sw"]) != prepared


def test_load_of_another_file_than_the_row_named_takes_no_prepared_data(tmp_path: Path) -> None:
    stored(tmp_path, XNLI, PAIRS)
    other = replace(XNLI, files={**XNLI.files, "dev": "mine/dev-{lang}.tsv"})
    with pytest.raises(DataError, match=r"mine/dev-sw\.tsv is missing"):
        load(DataSource(row=other, root=tmp_path), "dev", "sw")


def test_load_of_prepared_data_of_another_version_is_refused(tmp_path: Path) -> None:
    stored(tmp_path, XNLI, PAIRS)
    with pytest.raises(DataError, match="of version 1 of the task, not 2") as caught:
        load(DataSource(row=replace(XNLI, version=2), root=tmp_path), "dev", "sw")
    assert "sweep data prepare xnli" in caught.value.remedy


@pytest.mark.parametrize("damage", ["changed", "cut", "gone"])
def test_load_of_a_damaged_prepared_file_is_refused(tmp_path: Path, damage: str) -> None:
    stored(tmp_path, XNLI, PAIRS)
    path = prepared_path(tmp_path, "xnli", "dev", "sw")
    content = path.read_bytes()
    path.unlink()
    if damage != "gone":
        path.write_bytes(content[:-9] if damage == "cut" else content[:40] + b"\0" + content[41:] + b"x")
    with pytest.raises(DataError, match="the prepared file") as caught:
        load(DataSource(row=XNLI, root=tmp_path), "dev", "sw")
    assert "sweep data verify xnli, then: sweep data prepare xnli" in caught.value.remedy


def test_data_digest_names_the_examples_and_not_the_parquet_file(tmp_path: Path) -> None:
    stored(tmp_path / "a", XNLI, PAIRS)
    stored(tmp_path / "b", XNLI, PAIRS)
    path = prepared_path(tmp_path / "b", "xnli", "dev", "sw")
    pq.write_table(pq.read_table(path), path, compression="none")
    manifest = read_manifest(tmp_path / "b", "xnli")
    assert manifest is not None
    file = DataFile(path=str(path.relative_to(tmp_path / "b")), sha256=_sha256(path))
    entry = replace(manifest.entries["dev"]["sw"], files=(file,))
    write_manifest(tmp_path / "b", replace(manifest, entries={"dev": {"sw": entry}}))
    here, there = (DataSource(row=XNLI, root=tmp_path / name) for name in "ab")
    assert data_digest(here, "dev", ["sw"]) == data_digest(there, "dev", ["sw"])
    assert load(here, "dev", "sw") == load(there, "dev", "sw")
    stored(tmp_path / "c", XNLI, PAIRS[:1])
    assert data_digest(DataSource(row=XNLI, root=tmp_path / "c"), "dev", ["sw"]) != data_digest(here, "dev", ["sw"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "can't be read"),
        (b'{"format": 9}', "another format"),
        (b'{"format": 1, "task": 3}', "does not read as a manifest"),
    ],
)
def test_manifest_that_does_not_read_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    stored(tmp_path, XNLI, PAIRS)
    (tmp_path / "prepared" / "xnli" / "manifest.json").write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        read_manifest(tmp_path, "xnli")
    assert "sweep data prepare xnli" in caught.value.remedy


def test_manifest_of_another_task_is_refused(tmp_path: Path) -> None:
    stored(tmp_path, XNLI, PAIRS)
    shutil.copytree(tmp_path / "prepared" / "xnli", tmp_path / "prepared" / "pawsx")
    with pytest.raises(DataError, match="the manifest of another task"):
        read_manifest(tmp_path, "pawsx")


def test_unit_is_done_until_its_commit_or_its_row_changes(tmp_path: Path) -> None:
    entry: SplitEntry = stored(tmp_path, XNLI, PAIRS).entry
    unit = Unit(row=XNLI, data=tmp_path, split="dev", language="sw", origin=Origin.HUB)
    assert XNLI.hub is not None
    assert is_done(unit, entry, "a" * 40)
    assert not is_done(unit, entry, "b" * 40)
    assert not is_done(unit, None, "a" * 40)
    other = replace(XNLI, hub=replace(XNLI.hub, label_names={}))
    assert not is_done(replace(unit, row=other), entry, "a" * 40)
    prepared_path(tmp_path, "xnli", "dev", "sw").unlink()
    assert not is_done(unit, entry, "a" * 40)


def test_wanted_asks_once_for_a_file_that_serves_every_language() -> None:
    places = list(wanted(replace(XNLI, hub=None, files={"dev": "dev-en.tsv", "test": "test-{lang}.tsv"})))
    assert ("dev", "en") in places and sum(split == "dev" for split, _ in places) == 1
    assert sum(split == "test" for split, _ in places) == len(XNLI.languages)


_OFFLINE = """
import socket, sys
from pathlib import Path
from training.data.loading import DataSource, data_digest, load
from training.data.manifest import read_manifest
from training.data.verify import verify_task
from training.tasks.registry import row

try:
    socket.create_connection(("127.0.0.1", int(sys.argv[2])), timeout=2)
except OSError:
    pass
else:
    raise SystemExit("the network is not cut off")
data = Path(sys.argv[1])
source = DataSource(row=row("xnli"), root=data)
assert len(load(source, "dev", "sw")) == 2 and data_digest(source, "dev", ["sw"])
manifest = read_manifest(data, "xnli")
assert manifest is not None and not verify_task(row("xnli"), data, manifest).differences
assert "datasets" not in sys.modules
"""


def _cut_off() -> list[str]:
    """A command that runs another without any network; skips where that is not allowed."""
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-rn", "true"], capture_output=True).returncode:
        pytest.skip("network namespaces can't be made here (unshare -rn)")
    return [unshare, "-rn"]


def test_prepared_data_is_read_and_verified_with_the_network_cut_off(tmp_path: Path) -> None:
    stored(tmp_path, XNLI, PAIRS)
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [*_cut_off(), sys.executable, "-c", _OFFLINE, str(tmp_path), str(server.getsockname()[1])]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


_VERBS = """
import sys
from sweep.cli import main

for words in (["verify", "xnli"], ["show", "xnli"], ["list"]):
    try:
        main(["data", *words, "--data", sys.argv[1]])
    except SystemExit as done:
        assert not done.code, words
"""


def test_sweep_verbs_run_on_prepared_data_with_the_network_cut_off(tmp_path: Path) -> None:
    stored(tmp_path, XNLI, PAIRS)
    command = [*_cut_off(), sys.executable, "-c", _VERBS, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "as prepared" in done.stdout and "dev-sw" not in done.stderr
