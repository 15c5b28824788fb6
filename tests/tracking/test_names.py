from __future__ import annotations

import posixpath
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.tracking import names
from tests.reports.builders import phase, record
from training.identity import Role
from training.record import Status


@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=4))
def test_any_name_becomes_one_that_mlflow_takes(parts: list[str]) -> None:
    name = names.joined(*parts)
    assert re.fullmatch(r"[/\w.\- :]+", name, re.ASCII)
    assert posixpath.normpath(name) == name and not name.startswith(("/", ".."))
    assert len(name) <= names.NAME_LIMIT


def test_metrics_have_stable_names() -> None:
    trial = record(
        "mnli", {"xnli": 71.0}, phases=[phase(Role.INTERMEDIATE, "mnli", outcome="reused"), phase(Role.TARGET, "xnli")]
    )
    values = {point.name: point.value for point in names.points(trial)}
    assert values["xnli/mean"] == 71.0 and values["xnli/mean_non_english"] == 68.75
    assert values["xnli/score/en"] == 77.75 and values["selection/score"] == 70.0
    assert (values["phase/intermediate/trained"], values["phase/target/trained"]) == (0.0, 1.0)
    assert values["phase/target/seconds"] == 12.5
    curve = [(point.step, point.value) for point in names.points(trial) if point.name == "phase/target/loss"]
    assert curve == list(trial.phases[1].curve)


def test_run_is_named_by_pair_setting_and_seed() -> None:
    assert names.run_name(record("mnli", {"xnli": 1.0}, number=3, seed=2)) == "mnli → xnli #3 s2 (xlmr)"
    many = names.run_name(record("none", {f"t{place}": 1.0 for place in range(5)}))
    assert many == "none → t0+t1+t2 and 2 more #0 s1 (xlmr)"
    assert len(names.run_name(replace(record("a" * 900, {"x\u202e": 1.0}), model="m"))) == names.NAME_LIMIT


def test_learning_rates_are_there_as_powers_of_ten_too() -> None:
    trial = replace(record("mnli", {"xnli": 1.0}), hyperparameters={"target.lr": 1e-5, "target.epochs": 3, "lr": 0.0})
    params = names.params(trial)
    assert (params["target.log10_lr"], params["target.lr"], params["target.epochs"]) == ("-5", "1e-05", "3")
    assert "log10_lr" not in params


def test_second_phase_of_one_role_has_a_number() -> None:
    trial = record("none", {"xcopa": 60.0}, phases=[phase(Role.TARGET, "siqa"), phase(Role.TARGET, "copa")])
    assert [label for label, _ in names.phases(trial)] == ["target", "target2"]


def test_params_and_tags_name_the_setting_the_layer_and_the_data() -> None:
    trial = record("mnli", {"tatoeba": 70.0}, retrieval=["tatoeba"], synthetic=True)
    params, tags = names.params(trial), names.tags(trial)
    assert params["intermediate.lr"] == "1e-05" and params["setting"] == "0" and params["tatoeba.layer"] == "14"
    assert tags["phase/intermediate"] == f"mnli-lr1e-05-ep2-s1--{trial.phases[0].key}"
    assert (tags["data/mnli/train"], tags["synthetic"], tags["status"]) == ("data-of-mnli", "true", "finished")
    assert (tags["code"], tags["package/torch"]) == ("0123456789ab", "2.13.0")


def test_tags_hold_the_data_of_the_trial_and_not_of_the_whole_grid() -> None:
    tags = names.tags(record("none", {"panx": 60.0}))
    assert {name for name in tags if name.startswith("data/")} == {"data/panx/scored", "data/panx/train"}


def test_long_values_are_cut_to_what_mlflow_takes() -> None:
    trial = replace(record("mnli", {"xnli": 1.0}, status=Status.FAILED, reason="x" * 20_000), study="s" * 9000)
    assert all(len(value) <= names.TAG_LIMIT for value in names.tags(trial).values())


@pytest.mark.parametrize(
    ("started", "timing", "expected"),
    [
        ("2026-03-01T12:00:00+00:00", {"seconds": 2.5, "phases": 2.0}, (1772366400000, 1772366402500)),
        ("2026-03-01T12:00:00", {"phases": 3.0, "evaluation": 2.0}, (1772366400000, 1772366403000)),
        ("", {"seconds": 1.0}, (None, None)),
    ],
)
def test_times_come_from_the_record(started: str, timing: dict[str, float], expected: tuple[int | None, int | None]) -> None:
    assert names.times(replace(record("none", {"xnli": 1.0}), started=started, timing=timing)) == expected
