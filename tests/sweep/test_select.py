"""`sweep select`: the chosen chains as folders, in the registry and on a hub."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from click.testing import CliRunner, Result
from mlflow import MlflowClient

from reports.cells import result_of
from search_spaces.reading import load_grid
from sweep.cli import main
from sweep.gc.registered import registered_trials
from sweep.sources import resolve_sources
from tests.sweep.conftest import Reference
from tests.sweep.hub import Hub, serving
from training.data.examples import Tagged
from training.data.loading import load
from training.record import TrialRecord, read_records

pytestmark = [pytest.mark.ray, pytest.mark.timeout(1800)]
Select = Callable[..., Result]
TARGETS = ("mini_udpos", "mini_tatoeba")


@pytest.fixture
def run(reference: Reference, tmp_path: Path) -> Path:
    """A copy of a finished run folder, without the weights of its trials in the tracker."""
    return Path(shutil.copytree(reference.run, tmp_path / "run", ignore=shutil.ignore_patterns("mlflow*", ".mlflow*")))


@pytest.fixture
def select(run: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Select:
    monkeypatch.setenv("SWEEP_CACHE", str(cache))
    return lambda *arguments: CliRunner().invoke(main, ["select", "--run", str(run), *map(str, arguments)])


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving() as found:
        monkeypatch.setenv("HF_ENDPOINT", found.url)
        monkeypatch.setenv("HF_TOKEN", "hf_" + "x" * 24)
        yield found


def chosen(result: Result, target: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout)["chosen"][target]
    return found


def record_of(run: Path, trial: str) -> TrialRecord:
    return next(record for record in read_records(run) if record.trial == trial)


def test_selected_tagger_scores_with_transformers_alone_what_its_record_says(select: Select, run: Path) -> None:
    told = select("--no-register", "--json")
    assert told.exit_code == 0, told.output
    folder = run / "selected" / "mini_udpos"
    model = transformers.AutoModelForTokenClassification.from_pretrained(str(folder)).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder))
    result = result_of(record_of(run, chosen(told, "mini_udpos")["trial"]), "mini_udpos")
    assert result is not None
    source = resolve_sources(load_grid("tiny"), None)["mini_udpos"]
    for language in ("en", "qaa"):
        hits, words = 0, 0
        for sentence in load(source, "test", language):
            assert isinstance(sentence, Tagged)
            batch = tokenizer(list(sentence.words), is_split_into_words=True, return_tensors="pt")
            with torch.inference_mode():
                best = model(**{name: batch[name] for name in ("input_ids", "attention_mask")}).logits[0].argmax(-1)
            firsts = {word: place for place, word in reversed(list(enumerate(batch.word_ids()))) if word is not None}
            found = [model.config.id2label[int(best[firsts[number]])] for number in range(len(sentence.words))]
            hits += sum(tag == source.row.labels[gold] for tag, gold in zip(found, sentence.tags or (), strict=True))
            words += len(found)
        assert 100 * hits / words == pytest.approx(result.languages[language]["clean"], abs=1e-6)


def test_folders_are_written_once_and_replaced_by_another_choice(select: Select, run: Path) -> None:
    folder = run / "selected" / "mini_udpos"
    assert "(2 new)" in select("--no-register").output
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert "(0 new)" in select("--no-register").output
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    other = select("--no-register", "--rule", "oracle", "--json")
    about = json.loads((folder / "selection.json").read_bytes())
    assert (about["rule"], about["oracle"], about["trial"]) == ("oracle", True, chosen(other, "mini_udpos")["trial"])
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "**Oracle: gold of the target languages" in card and "**Synthetic:" in card
    assert sorted(path.name for path in (run / "selected").iterdir()) == sorted(TARGETS)


def test_registry_has_a_version_a_choice_and_an_alias_a_rule(select: Select, run: Path) -> None:
    assert select().exit_code == 0
    assert select().exit_code == 0  # the same again: no further version
    told = select("--rule", "oracle", "--target", "mini_udpos", "--json")
    assert told.exit_code == 0, told.output
    client = MlflowClient(f"sqlite:///{run / 'mlflow.db'}")
    assert {found.name for found in client.search_registered_models()} == {f"tiny.{target}" for target in TARGETS}
    versions = client.search_model_versions("name = 'tiny.mini_udpos'")
    assert {version.tags["rule"] for version in versions} == {"dev", "oracle"} and len(versions) == 2
    best = client.get_model_version_by_alias("tiny.mini_udpos", "oracle")
    assert best.tags["sweep.trial"] == chosen(told, "mini_udpos")["trial"]
    assert best.tags["oracle"] == "true" and best.description.startswith("# mini: ")
    place = Path(client.get_model_version_download_uri("tiny.mini_udpos", best.version).removeprefix("file://"))
    assert {"README.md", "config.json", "model.safetensors"} <= {path.name for path in place.iterdir()}
    kept = registered_trials(run)
    assert kept is not None and best.tags["sweep.phase"] in kept[0]


def test_push_is_private_and_one_that_is_refused_stops_no_other(select: Select, run: Path, hub: Hub) -> None:
    hub.refused.add("me/x-mini_udpos")
    told = select("--no-register", "--push", "me/x-{target}")
    assert told.exit_code == 2
    assert "push mini_udpos: the hub did not take the model" in told.output and "hf auth login" in told.output
    assert hub.private == {"me/x-mini_tatoeba"}
    folder = run / "selected" / "mini_tatoeba"
    assert hub.files["me/x-mini_tatoeba"] == {path.name: path.read_bytes() for path in folder.iterdir()}
    assert hub.tokens == {"hf_" + "x" * 24} and "hf_xxx" not in told.output
    hub.refused.clear()
    assert select("--no-register", "--push", "me/x-{target}", "--rule", "oracle").exit_code == 0
    assert "oracle" in hub.files["me/x-mini_udpos"]["selection.json"].decode()


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (("--push", "me/x"), "one repository can't hold 2 models"),
        (("--push", "nobody"), "this is no name of a hub repository"),
        (("--target", "xnli"), "the sweep has no such target"),
        (("--model", "xlmr"), "the sweep has no such model"),
    ],
)
def test_argument_that_can_not_be_meant_writes_nothing(
    select: Select, run: Path, arguments: tuple[str, ...], cause: str
) -> None:
    told = select(*arguments)
    assert told.exit_code == 2 and cause in told.output
    assert not (run / "selected").exists()


def test_weights_that_are_gone_are_named_and_the_others_are_kept(select: Select, run: Path) -> None:
    trial = chosen(select("--dry-run", "--json"), "mini_udpos")["trial"]
    key = record_of(run, trial).phases[-1].key
    shutil.rmtree(next((run / "phases").glob(f"*--{key}")))
    told = select("--no-register")
    assert told.exit_code == 2
    assert f"the weights of trial {trial} are not in the store" in told.output and "sweep resume" in told.output
    assert [path.name for path in (run / "selected").iterdir()] == ["mini_tatoeba"]


def test_folder_of_somebody_else_is_left_alone(select: Select, run: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "mini_udpos").mkdir(parents=True)
    (tmp_path / "out" / "mini_udpos" / "thesis.tex").write_text("mine")
    told = select("--no-register", "--out", tmp_path / "out")
    assert told.exit_code == 2 and "holds something else than a selected model" in told.output
    assert (tmp_path / "out" / "mini_udpos" / "thesis.tex").read_text() == "mine"
    assert (tmp_path / "out" / "mini_tatoeba" / "README.md").is_file()
