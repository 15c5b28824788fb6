"""Verdicts are shown with what they rest on; a script reads them by JSON and exit code."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from reports.claims.show import claims_text, exit_code, render_claims
from reports.claims.verdicts import Ruling, Verdict
from sweep.cli import main
from sweep.runfolder import SCHEMA, RunMark, write_mark
from tests.reports.builders import record
from tests.reports.full_study import AS_PUBLISHED, judged, row, whole_study
from training.record import TrialRecord, write_record


def verdict(ruling: Ruling, *, counts: bool = True, model: str = "m") -> Verdict:
    return Verdict(number=1, model=model, says="it helps", ruling=ruling, counts=counts)


@pytest.mark.parametrize(
    ("rulings", "code"),
    [
        ([Ruling.SUPPORTED, Ruling.UNDECIDED], 0),
        ([Ruling.SUPPORTED, Ruling.CONTRADICTED], 1),
        ([Ruling.CONTRADICTED], 1),
        ([Ruling.UNDECIDED], 3),
        ([], 3),
    ],
)
def test_exit_code_says_what_was_found(rulings: list[Ruling], code: int) -> None:
    assert exit_code([*map(verdict, rulings), verdict(Ruling.SUPPORTED, counts=False)]) == code


def shown(verdicts: list[Verdict]) -> str:
    stream = io.StringIO()
    Console(file=stream, width=150).print(render_claims(verdicts, "runs/all"))
    return stream.getvalue()


def test_verdict_is_shown_with_its_numbers_and_the_published_ones(tmp_path: Path) -> None:
    text = shown(list(judged(whole_study(), tmp_path).values()))
    mean = sum(AS_PUBLISHED.values()) / 9
    assert "arXiv 2005.13013 v2" in text and f"{mean:+.1f}" in text
    assert "+8.2 (published)" in text and "+48.8 (recalled, not checked)" in text
    assert "5 supported, 0 contradicted, 1 not decidable" in text
    assert "add to the grid's intermediates: mnli_mlm: [mnli, xtreme_mlm]" in text


def test_names_of_users_are_shown_as_they_are(tmp_path: Path) -> None:
    hostile = verdict(Ruling.UNDECIDED, model="[red]m")
    assert "[red]m" in shown([hostile])
    assert "nothing to judge" in shown([])


def run_folder(folder: Path, records: list[TrialRecord]) -> Path:
    for one in records:
        write_record(folder, one)
    studies = tuple(sorted({one.study for one in records}))
    seeds = tuple(sorted({one.seed for one in records}))
    write_mark(folder, RunMark(schema=SCHEMA, sweep="s", grid="all", studies=studies, seeds=seeds, trials=len(records)))
    (folder / "grid.json").write_text(
        json.dumps({"schema": 1, "fields": {"models.xlmr.source": "FacebookAI/xlm-roberta-large"}})
    )
    return folder


def test_claims_of_a_run_folder_are_judged_by_its_records(tmp_path: Path) -> None:
    run = run_folder(tmp_path / "run", whole_study())
    done = CliRunner().invoke(main, ["claims", "--run", str(run), "--json"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["exit_code"] == 0 and said["study"] == "arXiv 2005.13013 v2"
    rulings = {one["number"]: one["ruling"] for one in said["claims"]}
    assert rulings[1] == "supported" and rulings[7] == "supported" and rulings[6] == "not decidable"
    (open_one,) = [one for one in said["claims"] if one["number"] == 6]
    assert open_one["commands"][-1] == f"then: sweep launch --grid FILE --run {run}"


def test_contradicted_claims_end_with_1_and_tasks_of_the_mini_world_with_3(tmp_path: Path) -> None:
    worse = [*row("none", {}), *row("mnli", {target: -9.0 for target in AS_PUBLISHED})]
    run = run_folder(tmp_path / "worse", worse)
    assert CliRunner().invoke(main, ["claims", "--run", str(run)]).exit_code == 1
    mini = [
        record(name, {"mini_xnli": 50.0 + seed}, seed=seed, synthetic=True) for name in ("none", "mini_nli") for seed in (1, 2)
    ]
    done = CliRunner().invoke(main, ["claims", "--run", str(run_folder(tmp_path / "mini", mini))])
    assert done.exit_code == 3
    assert "SYNTHETIC" in done.output and "no trial of squad_v2; mnli; hellaswag" in done.output


def test_text_and_json_agree(tmp_path: Path) -> None:
    verdicts = list(judged(whole_study(), tmp_path).values())
    said = json.loads(claims_text(verdicts, "runs/all"))
    assert [one["ruling"] for one in said["claims"]] == [str(one.ruling) for one in verdicts]


def test_folder_that_is_no_run_folder_is_a_fault_of_the_user(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["claims", "--run", str(tmp_path)])
    assert done.exit_code == 2 and "not a run folder" in done.stderr
