"""What `sweep submit` refuses, goes on with, and says; nothing is predicted before everything was looked for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from reports.scoring.board import Level
from reports.submission.manifest import read_manifest
from sweep.submission.progress import View
from sweep.submission.submitting import Submitted, Wishes, submit
from tests.submission.conftest import World, submitted
from training.errors import Faults, UserError
from training.inference.predicting import Predictor
from training.record import read_record, record_path, write_record
from training.tasks.benchmarks import XTREME


@pytest.fixture
def run(world: World, tmp_path: Path) -> Path:
    """A copy of the run folder, to be spoiled."""
    return Path(shutil.copytree(world.run, tmp_path / "run"))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """A benchmark of four tasks, named as the real one."""
    names = ("xnli", "pawsx", "udpos", "bucc2018")
    few = replace(XTREME, tasks={name: XTREME.tasks[name] for name in names}, groups={})
    monkeypatch.setattr("sweep.submission.submitting.BENCHMARKS", {"xtreme": few})
    return names


def _trial_of(run: Path, target: str) -> Path:
    (found,) = [path for path in (run / "records").glob("*.json") if target in json.loads(path.read_bytes())["targets"]]
    return found


def _never(*inputs: object) -> None:
    pytest.fail("something was predicted")


def _refused(world: World, out: Path, monkeypatch: pytest.MonkeyPatch, **wishes: object) -> str:
    monkeypatch.setattr(Predictor, "predict", _never)
    with pytest.raises(UserError) as caught:
        submitted(world, out, **wishes)
    assert not out.exists()
    return str(caught.value)


def _drop_record(run: Path) -> None:
    _trial_of(run, "panx").unlink()


def _drop_phase(run: Path) -> None:
    shutil.rmtree(next((run / "phases").glob("panx-*")))


def _damage_phase(run: Path) -> None:
    weights = next((run / "phases").glob("panx-*")) / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)


def _drop_model(run: Path) -> None:
    snapshot = json.loads((run / "grid.json").read_bytes())
    snapshot["models"]["toy"] = "0" * 16
    (run / "grid.json").write_text(json.dumps(snapshot))


SPOILT: dict[str, tuple[Callable[[Path], None], str]] = {
    "record": (
        _drop_record,
        "panx: no finished chain for the target panx: 'no trial yet'\n    remedy: go on with it: sweep resume",
    ),
    "phase": (_drop_phase, "not in the store"),
    "damage": (_damage_phase, "has a damaged file: 'model.safetensors'"),
    "model": (_drop_model, "the model toy is not the one that the sweep was made with"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_submission_that_lacks_something_is_refused_with_the_way_to_get_it(
    world: World, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    spoil, said = SPOILT[what]
    spoil(run)
    told = _refused(world, tmp_path / "out", monkeypatch, run=run)
    assert said in told and "whole submission to xtreme (what is there goes with --partial)" in told
    if what in ("phase", "damage"):
        assert f"delete {_trial_of(run, 'panx')}, then sweep resume --run {run}" in told


def test_submission_names_every_missing_task_file_and_target_at_once(
    world: World, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = Path(shutil.copytree(world.data, tmp_path / "data"))
    for name in (
        "xnli/test-sw.tsv",
        "xnli/test-ur.tsv",
        "mlqa/MLQA_V1/test/test-context-vi-question-vi.json",
        "bucc2018/ru-en.dev.gold",
    ):
        (data / name).unlink()
    (data / "pawsx" / "test-ko.tsv").write_text("only one column\n")
    _drop_record(run)
    mark = json.loads((run / "sweep.json").read_bytes())
    mark["pairs"] = [pair for pair in mark["pairs"] if pair["target"] != "tatoeba"]
    (run / "sweep.json").write_text(json.dumps(mark))
    _trial_of(run, "tatoeba").unlink()
    told = _refused(world, tmp_path / "out", monkeypatch, run=run, data=data)
    assert "6 faults" in told
    for part in (
        "test: sw, ur",
        "language 'vi'",
        "no dev gold for a language: 'ru'",
        "1 columns, not 3",
        "target panx",
        "no such targets: 'tatoeba'",
    ):
        assert part in told, (part, told)


def test_partial_submission_makes_what_it_can_and_says_what_is_missing(world: World, run: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(world.data, tmp_path / "data"))
    (data / "xnli" / "test-sw.tsv").unlink()
    _drop_record(run)
    lines: list[str] = []
    with View() as view:
        done = submit(Wishes(run=run, out=tmp_path / "out", data=data, partial=True), lines.append, view)
    assert [line for line in lines if "sweep resume" in line and "panx" in line] and [line for line in lines if "'sw'" in line]
    assert not done.manifest.complete and len(done.manifest.missing) == 2
    assert "panx" not in done.manifest.tasks and "sw" not in done.manifest.tasks["xnli"].files
    assert len(done.manifest.tasks) == 8 and done.manifest.tasks["pawsx"].official is not None
    assert done.manifest.tasks["xnli"].official is None and done.manifest.tasks["xnli"].files["de"].official is not None
    assert done.manifest.tasks["xnli"].record.startswith("not compared")


def test_submission_of_nothing_is_refused_even_as_a_part(world: World, run: Path, tmp_path: Path) -> None:
    for path in (run / "records").glob("*.json"):
        path.unlink()
    with pytest.raises(Faults, match="nothing of xtreme can be predicted"):
        submitted(world, tmp_path / "out", run=run, partial=True)


def test_submission_goes_on_where_it_stopped(
    world: World, xtreme: Submitted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = Path(shutil.copytree(xtreme.out, tmp_path / "out"))
    (out / "xnli" / "test-de.tsv").unlink()
    with (out / "tatoeba" / "test-af.tsv").open("a") as stream:
        stream.write("0\n")
    seen: list[tuple[str, str]] = []
    monkeypatch.setattr(View, "done", lambda self, folder, language: seen.append((folder, language)))
    done = submitted(world, out)
    assert seen == [("xnli", "de"), ("tatoeba", "af")]
    assert done.manifest == xtreme.manifest
    assert {path: path.read_bytes() for path in out.rglob("*.*")}.keys() == {
        out / p.relative_to(xtreme.out) for p in xtreme.out.rglob("*.*")
    }
    assert (out / "manifest.json").read_bytes() == (xtreme.out / "manifest.json").read_bytes()


def test_submission_that_is_killed_has_noted_what_it_wrote(
    small: tuple[str, ...], world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(self: View, folder: str, language: str) -> None:
        if (folder, language) == ("pawsx", "es"):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(View, "done", killed)
        submitted(world, tmp_path / "out")
    noted = read_manifest(tmp_path / "out")
    assert noted is not None and {name: len(entry.files) for name, entry in noted.tasks.items()} == {"xnli": 15, "pawsx": 3}
    seen: list[str] = []
    monkeypatch.setattr(View, "done", lambda self, folder, language: seen.append(folder))
    assert submitted(world, tmp_path / "out").manifest.complete
    assert "xnli" not in seen and seen.count("pawsx") == 4


def test_submission_of_other_weights_predicts_its_files_again(
    world: World, run: Path, xtreme: Submitted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = Path(shutil.copytree(xtreme.out, tmp_path / "out"))
    manifest = (out / "manifest.json").read_text()
    key = xtreme.manifest.tasks["udpos"].files["en"].basis
    (out / "manifest.json").write_text(manifest.replace(key, "0" * 16))
    seen: list[tuple[str, str]] = []
    monkeypatch.setattr(View, "done", lambda self, folder, language: seen.append((folder, language)))
    submitted(world, out)
    assert seen == [("udpos", "en")]


@pytest.mark.parametrize("what", ["strangers", "file", "another"])
def test_submission_into_a_folder_of_other_things_touches_nothing(
    world: World, xtreme: Submitted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    out = tmp_path / "out"
    if what == "file":
        out.write_text("mine")
    elif what == "strangers":
        out.mkdir()
        (out / "thesis.tex").write_text("mine")
    else:
        shutil.copytree(xtreme.out, out)
    before = {path: path.read_bytes() for path in [out, *out.rglob("*")] if path.is_file()}
    monkeypatch.setattr(Predictor, "predict", _never)
    with pytest.raises(UserError, match=r"is a file|holds files and no manifest|holds another submission"):
        submitted(world, out, benchmark="xtreme-r" if what == "another" else "xtreme")
    assert {path: path.read_bytes() for path in [out, *out.rglob("*")] if path.is_file()} == before


def test_submission_that_scores_otherwise_than_its_record_says_so(
    small: tuple[str, ...], world: World, run: Path, tmp_path: Path
) -> None:
    """The comparison with the record is one that can fail."""
    path = _trial_of(run, "udpos")
    record = read_record(path)
    (result,) = record.results
    changed = {**result.languages, "fi": {**result.languages["fi"], "score": result.languages["fi"]["score"] + 0.5}}
    write_record(run, replace(record, results=(replace(result, languages=changed),)))
    assert record_path(run, record.trial) == path
    done = submitted(world, tmp_path / "out", run=run)
    assert done.differing == ("udpos",)
    assert "1 of 33 languages score otherwise than in the record, fi most" in done.manifest.tasks["udpos"].record


def test_submission_scores_by_labels_that_are_given(
    small: tuple[str, ...], world: World, xtreme: Submitted, tmp_path: Path
) -> None:
    """Blank test sets with gold elsewhere: the scores of the sets that have it; right labels alone give 100."""
    labels = tmp_path / "labels"
    for name in ("xnli", "pawsx"):
        shutil.copytree(xtreme.out / name, labels / name)
    done = submitted(world, tmp_path / "out", data=world.blank, labels=labels)
    assert {name: entry.official for name, entry in done.manifest.tasks.items() if entry.official is not None} == {
        "xnli": 100.0,
        "pawsx": 100.0,
    }
    assert done.board is not None and all(message.level is Level.ABSENT for message in done.board.messages)


def test_oracle_rule_is_said_in_the_manifest(small: tuple[str, ...], world: World, xtreme: Submitted, tmp_path: Path) -> None:
    from reports.selection import Rule

    done = submitted(world, tmp_path / "out", rule=Rule.ORACLE)
    assert done.manifest.rule == "oracle" and done.manifest.oracle
    assert all(entry.oracle and entry.chosen_by.startswith("ORACLE") for entry in done.manifest.tasks.values())
    assert xtreme.manifest.rule == "dev" and not xtreme.manifest.tasks["xnli"].oracle
