"""The hub route over real HTTP, against a stand-in that serves what the library asks for, in good order and out of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.training.data import hub_sets
from tests.training.data.hub_server import Hub, serving
from training.data.examples import Answer, Choices, Question, Sentences, Tagged
from training.data.loading import DataSource, load
from training.data.manifest import Manifest, Origin, read_manifest
from training.data.pins import read_pins
from training.tasks.registry import row

ROOT = Path(__file__).parents[3]
Done = subprocess.CompletedProcess[str]
Prepare = Callable[..., Done]
DEV_SW = "sw/validation-00000-of-00001.parquet"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving() as server:
        yield server


@pytest.fixture
def prepare(hub: Hub, tmp_path: Path) -> Prepare:
    """Prepares tasks from the stand-in, into the data folder `data`, with a library cache that `fresh` empties."""
    (tmp_path / "data").mkdir()

    def run(*tasks: str, fresh: bool = False, environment: dict[str, str] | None = None, **options: object) -> Done:
        if fresh:
            shutil.rmtree(tmp_path / "cache", ignore_errors=True)
        asked = json.dumps({"data": str(tmp_path / "data"), "tasks": tasks, **options})
        proxies = {name: "" for name in os.environ if name.lower().endswith("_proxy")}
        around = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "cache"), "HF_HUB_DISABLE_TELEMETRY": "1", **proxies}
        return subprocess.run(
            [sys.executable, "-m", "tests.training.data.hub_run", asked],
            env={**os.environ, **around, **(environment or {})},
            cwd=ROOT,
            capture_output=True,
            text=True,
        )

    return run


def refused(done: Done) -> str:
    assert done.returncode == 2, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr


def test_prepare_from_hub_gives_the_examples_of_every_kind(hub: Hub, prepare: Prepare, tmp_path: Path) -> None:
    hub.add("facebook/xnli", hub_sets.xnli(["en", "sw"]))
    hub.add("stanfordnlp/snli", hub_sets.snli())
    hub.add("rajpurkar/squad", hub_sets.squad())
    hub.add("Rowan/hellaswag", hub_sets.hellaswag())
    hub.add("unimelb-nlp/wikiann", hub_sets.wikiann(["en"]))
    hub.add("tau/commonsense_qa", hub_sets.commonsense_qa())
    done = prepare("mnli", "snli", "squad_v1", "hellaswag", "panx", "commonsenseqa", languages=["en"])
    assert done.returncode == 0, done.stderr
    found = {
        (task, split): load(DataSource(row=row(task), root=tmp_path / "data"), split, "en")
        for task, split in (
            ("mnli", "train"),
            ("snli", "test"),
            ("squad_v1", "dev"),
            ("hellaswag", "dev"),
            ("panx", "test"),
            ("commonsenseqa", "train"),
            ("commonsenseqa", "test"),
        )
    }
    first = found["mnli", "train"][0]
    assert first == Sentences("train-en-0", "en train premise 0", "en train premise 0 is so", 1, "en train premise 0")
    assert [item.label for item in found["snli", "test"] if isinstance(item, Sentences)] == [1, 0]
    assert found["squad_v1", "dev"][1] == Question(
        "q2", "Who built it?", "The house was built in 1901 by Ada.", (Answer("Ada", 31), Answer("Ada", 31)), "House"
    )
    assert found["hellaswag", "dev"][1] == Choices(
        "dev-en-1", "The boat", ("sinks.", "sails off.", "flies.", "eats."), 1, "Sailing"
    )
    tagged = found["panx", "test"][0]
    assert isinstance(tagged, Tagged) and tagged.words == ("Ada", "saw", "Rome") and tagged.tags is not None
    assert [row("panx").labels[tag] for tag in tagged.tags] == ["B-PER", "O", "B-LOC"]
    assert [item.label for item in found["commonsenseqa", "train"] if isinstance(item, Choices)] == [0, 1]
    assert [item.label for item in found["commonsenseqa", "test"] if isinstance(item, Choices)] == [None, None]
    left_out = [item for item in _manifest(tmp_path, "snli").findings() if item.check == "by_convention"]
    assert {(item.split, item.count) for item in left_out} == {("train", 1), ("dev", 1), ("test", 1)}


def _manifest(tmp_path: Path, task: str) -> Manifest:
    manifest = read_manifest(tmp_path / "data", task)
    assert manifest is not None
    return manifest


def test_prepare_choice_with_a_question_and_several_columns_is_put_together(hub: Hub, prepare: Prepare, tmp_path: Path) -> None:
    hub.add("cambridgeltl/xcopa", hub_sets.xcopa(["sw"]))
    assert prepare("xcopa", languages=["sw"]).returncode == 0
    (example,) = load(DataSource(row=row("xcopa"), root=tmp_path / "data"), "test", "sw")
    assert isinstance(example, Choices) and example.endings == ("Choo kilijaa maji.", "Maji yalitiririka.")
    assert example.context == "Mtu alifungua bomba. What happened as a result?" and example.label == 1


def test_prepare_fetches_only_the_splits_of_the_row_and_nothing_twice(hub: Hub, prepare: Prepare, tmp_path: Path) -> None:
    commit = hub.add("facebook/xnli", hub_sets.xnli(["en", "sw"]))
    done = prepare("xnli", languages=["en", "sw"], workers=2)
    assert done.returncode == 0 and "to do 4, there 0" in done.stdout
    fetched = {path.rsplit("/", 2)[-2] + "/" + path.rsplit("/", 1)[-1] for path in hub.requests if path.endswith(".parquet")}
    assert {name.partition("-")[0] for name in fetched} == {"en/validation", "en/test", "sw/validation", "sw/test"}
    manifest = _manifest(tmp_path, "xnli")
    assert (manifest.repository, manifest.revision) == ("facebook/xnli", commit)
    assert {entry.origin for _, _, entry in manifest.units()} == {Origin.HUB}
    assert manifest.entries["dev"]["sw"].labels == {"contradiction": 2, "entailment": 2, "neutral": 2}
    assert read_pins(tmp_path / "data").of(row("xnli")) == commit
    asked = len(hub.requests)
    again = prepare("xnli", languages=["en", "sw"])
    assert again.returncode == 0 and "to do 0, there 4" in again.stdout
    assert len(hub.requests) == asked
    assert not list((tmp_path / "data" / "prepared" / "xnli").glob(".fetching*"))


def test_prepare_keeps_to_the_commit_it_pinned_until_told_otherwise(hub: Hub, prepare: Prepare, tmp_path: Path) -> None:
    old = hub.add("Rowan/hellaswag", hub_sets.hellaswag())
    assert prepare("hellaswag").returncode == 0
    changed = {path: content for path, content in hub_sets.hellaswag().items()} | {"new.txt": b"new"}
    new = hub.add("Rowan/hellaswag", changed)
    shutil.rmtree(tmp_path / "data" / "prepared" / "hellaswag")
    assert prepare("hellaswag", fresh=True).returncode == 0
    assert _manifest(tmp_path, "hellaswag").revision == old
    assert prepare("hellaswag", revisions={"hellaswag": "main"}).returncode == 0
    assert _manifest(tmp_path, "hellaswag").revision == new
    assert read_pins(tmp_path / "data").of(row("hellaswag")) == new


def test_prepare_interrupted_goes_on_with_what_was_stored(hub: Hub, prepare: Prepare, tmp_path: Path) -> None:
    hub.add("facebook/xnli", hub_sets.xnli(["en", "sw"]))
    assert prepare("xnli", languages=["en", "sw"]).returncode == 0
    folder = tmp_path / "data" / "prepared" / "xnli"
    (folder / "manifest.json").unlink()
    (folder / "dev-sw.parquet").unlink()
    before = len([path for path in hub.requests if path.endswith(".parquet")])
    assert prepare("xnli", languages=["en", "sw"], fresh=True).returncode == 0
    fetched = [path for path in hub.requests if path.endswith(".parquet")][before:]
    assert fetched and all(path.endswith(DEV_SW) for path in fetched)
    assert len(list(_manifest(tmp_path, "xnli").units())) == 4


def test_prepare_pinned_revision_that_answers_as_another_is_refused(hub: Hub, prepare: Prepare, tmp_path: Path) -> None:
    old = hub.add("rajpurkar/squad", hub_sets.squad())
    assert prepare("squad_v1").returncode == 0
    new = hub.add("rajpurkar/squad", hub_sets.squad() | {"new.txt": b"new"})
    hub.answers_as[old] = new
    shutil.rmtree(tmp_path / "data" / "prepared" / "squad_v1")
    said = refused(prepare("squad_v1", fresh=True))
    assert f"the pinned revision {old} answers as another commit" in said and f"--revision squad_v1={new}" in said


def test_prepare_pinned_revision_that_is_gone_is_refused(hub: Hub, prepare: Prepare, tmp_path: Path) -> None:
    old = hub.add("rajpurkar/squad", hub_sets.squad())
    assert prepare("squad_v1").returncode == 0
    hub.add("rajpurkar/squad", hub_sets.squad() | {"new.txt": b"new"})
    del hub.repositories["rajpurkar/squad"].commits[old]
    shutil.rmtree(tmp_path / "data" / "prepared" / "squad_v1")
    said = refused(prepare("squad_v1", fresh=True))
    assert "the hub has no such revision" in said and "--revision squad_v1=COMMIT" in said


def test_prepare_files_that_changed_at_the_pinned_revision_are_refused(hub: Hub, prepare: Prepare, tmp_path: Path) -> None:
    commit = hub.add("facebook/xnli", hub_sets.xnli(["en", "sw"]))
    assert prepare("xnli", languages=["en", "sw"]).returncode == 0
    changed = hub_sets.nli([f"other {number}" for number in range(6)], [0] * 6)
    hub.repositories["facebook/xnli"].commits[commit][DEV_SW] = changed
    (tmp_path / "data" / "prepared" / "xnli" / "dev-sw.parquet").unlink()
    said = refused(prepare("xnli", languages=["en", "sw"], fresh=True))
    assert f"its files at the pinned revision {commit} are not what they were (dev in sw)" in said
    assert set(_manifest(tmp_path, "xnli").entries["test"]) == {"en", "sw"}


def test_prepare_missing_language_is_named_and_the_rest_kept(hub: Hub, prepare: Prepare, tmp_path: Path) -> None:
    hub.add("facebook/xnli", hub_sets.xnli(["en", "sw"]))
    said = refused(prepare("xnli", languages=["en", "qq", "sw"]))
    assert "/qq/validation: the data set has no such configuration" in said and "'qq' not found" in said
    manifest = _manifest(tmp_path, "xnli")
    assert set(manifest.failed) == {"dev/qq", "test/qq"} and set(manifest.entries["dev"]) == {"en", "sw"}
    narrowed = replace(row("xnli"), languages=("en", "qq", "sw"))
    assert len(load(DataSource(row=narrowed, root=tmp_path / "data"), "dev", "sw")) == 6


def _drifted(**columns: object) -> dict[str, bytes]:
    whole = {"premise": ["a b", "c d"], "hypothesis": ["e", "f"], "label": [0, 1]} | columns
    split = hub_sets.parquet({name: values for name, values in whole.items() if values is not None})
    return hub_sets.repository({"en": {"train": split, "validation": split}})


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"hypothesis": None}, "the data set has no column hypothesis: 'its columns are premise, label'"),
        ({"hypothesis": [1, 2]}, "validation:0: no text in column 'hypothesis': '1'"),
        ({"label": [0, 7]}, "validation:1: a label outside the task's set: '7'"),
        ({"label": [0.0, 1.0]}, "validation:0: a label outside the task's set: '0.0'"),
        ({"label": [0, None]}, "validation:1: a label outside the task's set: 'None'"),
        ({"premise": ["a b", " "]}, "validation:1: no text in column 'premise': ' '"),
    ],
    ids=["column gone", "other type", "label outside", "label of another type", "label missing", "blank text"],
)
def test_prepare_schema_that_drifted_is_refused_by_row(
    hub: Hub, prepare: Prepare, columns: dict[str, object], said: str
) -> None:
    hub.add("facebook/xnli", _drifted(**columns))
    assert said in refused(prepare("mnli"))


def test_prepare_rows_that_the_card_does_not_promise_are_refused(hub: Hub, prepare: Prepare) -> None:
    files = hub_sets.xnli(["en"])
    files["en/validation-00000-of-00001.parquet"] = hub_sets.nli(["only one"], [0])
    hub.add("facebook/xnli", files)
    assert "1 rows, where the data set's card says 6" in refused(prepare("xnli", languages=["en"]))


def test_prepare_file_that_is_no_parquet_is_refused(hub: Hub, prepare: Prepare) -> None:
    files = hub_sets.xnli(["en"])
    files["en/validation-00000-of-00001.parquet"] = b"PAR1 but not really PAR1"
    hub.add("facebook/xnli", files)
    assert "its files can't be read" in refused(prepare("xnli", languages=["en"]))


def test_prepare_connection_that_drops_is_taken_up_again(hub: Hub, prepare: Prepare, tmp_path: Path) -> None:
    hub.add("facebook/xnli", hub_sets.xnli(["en", "sw"]))
    hub.drops[DEV_SW] = 2
    hub.failing["en/test-00000-of-00001.parquet"] = 1
    done = prepare("xnli", languages=["en", "sw"])
    assert done.returncode == 0, done.stderr
    assert sum(path.startswith("GET") and path.endswith(DEV_SW) for path in hub.requests) == 3
    assert _manifest(tmp_path, "xnli").entries["dev"]["sw"].rows == 6


def test_prepare_connection_that_always_drops_is_a_fault_and_the_rest_kept(hub: Hub, prepare: Prepare, tmp_path: Path) -> None:
    hub.add("facebook/xnli", hub_sets.xnli(["en", "sw"]))
    hub.drops[DEV_SW] = -1
    said = refused(prepare("xnli", languages=["en", "sw"]))
    assert "/sw/validation: it can't be fetched from the hub" in said and "what is prepared is kept" in said
    assert set(_manifest(tmp_path, "xnli").failed) == {"dev/sw"}
    hub.drops.clear()
    again = prepare("xnli", languages=["en", "sw"])
    assert again.returncode == 0 and "to do 1, there 3" in again.stdout
    assert not _manifest(tmp_path, "xnli").failed


def test_prepare_repository_that_is_not_there_is_named(prepare: Prepare) -> None:
    said = refused(prepare("squad_v1"))
    assert "rajpurkar/squad@main: the hub has no such data set" in said


def test_prepare_without_the_hub_still_does_the_native_files(prepare: Prepare, tmp_path: Path) -> None:
    (tmp_path / "data" / "xnli").mkdir()
    (tmp_path / "data" / "xnli" / "dev-sw.tsv").write_text("jua kali\tkuna jua\tneutral\n")
    said = refused(prepare("xnli", languages=["sw"], only=None))
    assert "facebook/xnli@main: the hub has no such data set" in said
    manifest = _manifest(tmp_path, "xnli")
    assert manifest.entries["dev"]["sw"].origin is Origin.NATIVE
    assert set(manifest.failed) == {"test/sw"}


@pytest.mark.slow
def test_prepare_hub_out_of_order_is_a_fault(hub: Hub, prepare: Prepare) -> None:
    hub.add("facebook/xnli", hub_sets.xnli(["en"]))
    hub.failing["en/test-00000-of-00001.parquet"] = -1
    assert "/en/test: it can't be fetched from the hub" in refused(prepare("xnli", languages=["en"]))


def test_prepare_where_the_hub_is_forbidden_says_so(hub: Hub, prepare: Prepare) -> None:
    hub.add("facebook/xnli", hub_sets.xnli(["en"]))
    said = refused(prepare("xnli", languages=["en"], environment={"HF_HUB_OFFLINE": "1"}))
    assert "HF_HUB_OFFLINE forbids to fetch it" in said
    assert hub.requests == []
