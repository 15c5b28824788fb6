from __future__ import annotations

import json
import zlib
from base64 import b64decode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reports.table import SYNTHETIC
from sweep.tracking import names, open_tracker, sync
from sweep.tracking.markdown import plain
from sweep.tracking.place import connect, default_uri
from sweep.tracking.summary import _within, note_of, summary_of
from sweep.tracking.views import LIMIT, MOST, views_of
from tests.reports.builders import record
from tests.tracking.test_mirror import client_of, contents, models_of, phase_files, runs_of
from training.record import Status, TrialRecord, write_record

HOSTILE = "<img src=x onerror=alert(1)>|`_*[a](javascript:alert(2))\u202e"
TRIALS = [
    record(name, {"xnli": score + seed * step}, number=number, seed=seed, selected=selected, synthetic=True)
    for name, step in (("none", 1.0), ("mnli", 1.1))
    for number, score, selected in ((0, 60.0, 70.0), (1, 64.0, 75.0))
    for seed in (1, 2)
]


def keep(folder: Path, trials: list[TrialRecord]) -> None:
    """Records, and a mark that names their studies."""
    mark = {"schema": 1, "sweep": "all-7c41d2", "grid": "all", "seeds": [1, 2], "trials": len(trials)}
    mark["studies"] = sorted({trial.study for trial in trials})
    (folder / "sweep.json").write_text(json.dumps(mark))
    for trial in trials:
        write_record(folder, trial)


def chosen(folder: Path) -> set[str]:
    return {trial for trial, run in runs_of(folder).items() if run.data.tags.get("chosen") == "yes"}


def views(folder: Path) -> dict[str, dict[str, Any]]:
    """Name to the page's state, as MLflow reads it."""
    found = client_of(folder).get_experiment_by_name("sweep all").tags
    made = [json.loads(value) for name, value in found.items() if name.startswith("mlflow.sharedViewState.")]
    return {view["name"]: json.loads(zlib.decompress(b64decode(view["state"].removeprefix("deflate;")))) for view in made}


def test_sweeps_own_run_says_the_answer_shows_the_picture_and_links_the_chosen(run_folder: Path) -> None:
    keep(run_folder, TRIALS)
    assert sync(run_folder).page == ""
    parent = runs_of(run_folder)["all-7c41d2"]
    note = parent.data.tags["mlflow.note.content"]
    assert note.startswith(f"**xlmr**, **{SYNTHETIC}**: 0 of 1 differences")
    assert "| mnli | +0.2 | +0.2 |" in note and "8 finished" in note and "viewStateShareKey=sweep-chosen" in note
    assert f"get-artifact?path=heat-1.png&run_uuid={parent.info.run_id}" in note
    files = [item.path for item in client_of(run_folder).list_artifacts(parent.info.run_id)]
    assert files == ["heat-1.png"]
    assert chosen(run_folder) == {trial.trial for trial in TRIALS if trial.number == 1}


def test_nothing_is_written_or_drawn_again_while_the_records_are_the_same(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(run_folder, TRIALS)
    sync(run_folder)
    before = contents(run_folder)
    monkeypatch.setattr("sweep.tracking.overview.draw", lambda *_: pytest.fail("drawn again"))
    assert sync(run_folder).page == "" and contents(run_folder) == before


def test_choice_that_changes_moves_the_tag_and_the_note(run_folder: Path) -> None:
    keep(run_folder, TRIALS)
    sync(run_folder)
    better = [record("mnli", {"xnli": 70.0 + seed}, number=2, seed=seed, selected=80.0, synthetic=True) for seed in (1, 2)]
    keep(run_folder, [*TRIALS, *better])
    sync(run_folder)
    assert {trial for trial in chosen(run_folder) if "mnli" in trial} == {trial.trial for trial in better}
    assert "10 finished" in runs_of(run_folder)["all-7c41d2"].data.tags["mlflow.note.content"]


def test_run_that_is_written_anew_is_marked_as_chosen_again(run_folder: Path) -> None:
    keep(run_folder, TRIALS)
    sync(run_folder)
    lost = next(trial for trial in TRIALS if trial.number == 1)
    client_of(run_folder).delete_run(runs_of(run_folder)[lost.trial].info.run_id)
    assert sync(run_folder).mirrored == (lost.trial,)
    assert lost.trial in chosen(run_folder)


def test_runs_of_an_earlier_scheme_are_named_anew_in_place_with_their_models(run_folder: Path) -> None:
    keep(run_folder, TRIALS)
    phase_files(run_folder, TRIALS[-1])
    sync(run_folder)
    client = client_of(run_folder)
    before = {trial: run.info.run_id for trial, run in runs_of(run_folder).items()}
    weights = {model.model_id for model in models_of(run_folder)}
    for trial, run_id in before.items():
        for tag in (names.SCHEME_TAG, names.CHOSEN_TAG, names.PLAIN_KIND_TAG, names.SUMMARY_TAG):
            if tag in client.get_run(run_id).data.tags:
                client.delete_tag(run_id, tag)
        client.update_run(run_id, name=trial)
    report = sync(run_folder)
    assert len(report.mirrored) == len(TRIALS) and len(sync(run_folder).already) == len(TRIALS)
    runs = runs_of(run_folder)
    assert {trial: run.info.run_id for trial, run in runs.items()} == before
    assert runs[TRIALS[-1].trial].info.run_name == "mnli → xnli #1 s2 (xlmr)"
    assert {model.model_id for model in models_of(run_folder)} == weights and chosen(run_folder)


def test_picture_that_can_not_be_drawn_leaves_the_trials_mirrored_and_is_said(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(run_folder, TRIALS)
    monkeypatch.setattr("sweep.tracking.overview.draw", lambda *_: (_ for _ in ()).throw(RuntimeError("no fonts")))
    report = sync(run_folder)
    assert not report.failed and len(report.mirrored) == len(TRIALS) and "no fonts" in report.page
    monkeypatch.undo()
    assert sync(run_folder, default_uri(run_folder)).page == ""


def test_views_are_read_back_and_the_users_own_stay(run_folder: Path) -> None:
    client = connect(default_uri(run_folder))
    own = client.create_experiment("sweep all")
    client.set_experiment_tag(own, "mlflow.note.content", "mine")
    client.set_experiment_tag(
        own, "mlflow.sharedViewState.own", json.dumps({"name": "own", "state": "deflate;eJyrrgUAAXUA+Q=="})
    )
    keep(run_folder, TRIALS)
    sync(run_folder)
    found = views(run_folder)
    assert {"own", "Chosen trials", "Settings and dev scores", "Languages of xnli"} == set(found)
    assert client.get_experiment(own).tags["mlflow.note.content"] == "mine"
    languages = found["Languages of xnli"]
    assert languages["searchFilter"] == "tags.chosen = 'yes' and tags.target = 'xnli'"
    assert languages["groupBy"]["groupByKeys"] == [{"mode": "param", "groupByData": "intermediate"}]
    assert {chart["metricKey"] for chart in languages["compareRunCharts"]} == {
        "xnli/mean", "xnli/mean_non_english", *(f"xnli/score/{code}" for code in ("ar", "de", "en", "sw"))
    }  # fmt: skip
    parallel = found["Settings and dev scores"]["compareRunCharts"]
    assert parallel[1]["selectedParams"] == ["intermediate.log10_lr", "target.epochs"]
    matching = client.search_runs([own], languages["searchFilter"])
    assert {run.data.tags["sweep.trial"] for run in matching} == chosen(run_folder)


def test_views_fit_mlflow_for_many_targets_of_many_languages() -> None:
    big = record("none", {f"target{number}": 50.0 for number in range(60)}, status=Status.FINISHED)
    languages = {f"l{code}": {"score": 1.0} for code in range(60)}
    made = views_of([replace(big, results=tuple(replace(one, languages=languages) for one in big.results))])
    assert len(made) == MOST and len({view.key for view in made}) == MOST
    assert max(len(view.value(0)) for view in made) <= LIMIT


def test_hostile_names_are_text_in_every_note_and_view(run_folder: Path) -> None:
    trials = [
        replace(record(name, {target: 60.0 + seed}, seed=seed, model=HOSTILE), trial=f"trial-{place}-{seed}")
        for place, (name, target) in enumerate([("none", "xnli"), (HOSTILE, "xnli"), ("mnli", 'it\'s "x"')])
        for seed in (1, 2)
    ]
    keep(run_folder, trials)
    assert sync(run_folder).page == ""
    for run in runs_of(run_folder).values():
        note = run.data.tags["mlflow.note.content"]
        assert "<" not in note and "](javascript" not in note and "\u202e" not in note + run.info.run_name
    client = client_of(run_folder)
    for state in views(run_folder).values():
        client.search_runs([client.get_experiment_by_name("sweep all").experiment_id], state["searchFilter"])


def test_plain_text_is_the_same_text_to_a_reader_of_html() -> None:
    from html import unescape

    assert unescape(plain("a_b*c <d> & `e` | [f](g) # 1 → ±")) == "a_b*c <d> & `e` | [f](g) # 1 → ±"
    assert plain("squad → xnli, 12.5 %") == "squad → xnli, 12.5 %"


def test_note_stays_within_mlflows_limit_and_says_what_to_ask_for_more(run_folder: Path) -> None:
    trials = [
        record(f"intermediate{n}", {f"target{t}": 50.0}, model=f"m{m}") for m in range(4) for n in range(9) for t in range(9)
    ]
    keep(run_folder, trials)
    summary = summary_of(run_folder)
    note = note_of(summary, ["opening"], [f"p{place}" for place in range(4)])
    assert len(note) <= names.TAG_LIMIT and "sweep table" in note and "opening" in note
    assert _within(["a" * names.TAG_LIMIT]) == "a" * names.TAG_LIMIT


def test_folder_without_a_single_mirrored_trial_has_no_page(run_folder: Path) -> None:
    open_tracker(run_folder).summarise()
    assert client_of(run_folder).search_runs([client_of(run_folder).get_experiment_by_name("sweep all").experiment_id]) == []
