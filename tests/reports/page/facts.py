"""Facts of small, made-up sweeps, as pages are made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from reports.cells import Pair
from reports.frame import Expectation, transfer_tables
from reports.page.conclusions import concluded
from reports.page.facts import Facts
from reports.statistics.transfer import Arms
from reports.studies.design import Design, IntermediateFacts, ModelFacts
from reports.studies.registry import finding_of
from tests.reports.builders import phase, record
from tests.reports.five_studies import STUDIES, Made, records_of
from training.identity import Role
from training.record import Status, TrialRecord

NO_FOLDER = Path("/nowhere")
"""There is no evidence: intervals are about the seeds alone."""
HOSTILE = (
    "</script><script>window.hit=1;alert(1)</script>",
    '"><img src=x onerror="window.hit=1">',
    "' onmouseover='window.hit=1",
    "{{7*7}}{% raw %}",
    "javascript:window.hit=1",
    "</style></title><!--",
    "\u202egnp.live\u2066 \x1b[31m\x00",
    "m" * 300,
)
"""Names that would do something where they are not shown as text."""


def facts_of(records: Sequence[TrialRecord], expected: Expectation | None = None, **more: object) -> Facts:
    """The facts that records give."""
    tables = transfer_tables(records, expected)
    facts = Facts(grid="all", tables=tables, records=records)
    return replace(concluded(facts, Arms(records, NO_FOLDER, lambda line: None)), **more)


def small_records() -> list[TrialRecord]:
    """Two seeds on three targets: a sure gain, a collapse, something undecided, a cell that is not complete, a failed trial."""
    scores = {
        "none": {"xnli": (60.0, 60.4), "panx": (62.0, 62.4)},
        "mnli": {"xnli": (65.0, 65.6), "panx": (63.0, 61.9)},
        "qqp": {"xnli": (59.0, 60.9), "panx": (20.0, 21.0)},
    }
    made = [
        record(
            task, {target: value}, number=number, seed=seed, selected=70.0 + number, phases=_phases(task, target, number, seed)
        )
        for task, targets in scores.items()
        for target, values in targets.items()
        for number in (0, 1)
        for seed, value in enumerate(values, 1)
    ]
    made += [record("none", {"tatoeba": 31.0}, selected=None, retrieval=["tatoeba"], phases=[])]
    made += [record("mnli", {"tatoeba": 79.0}, number=number, seed=1, retrieval=["tatoeba"]) for number in (0, 1)]
    made += [record("qqp", {"tatoeba": 0.0}, seed=1, status=Status.FAILED, reason="the loss was not finite\nat step 12")]
    return made


def _phases(task: str, target: str, number: int, seed: int) -> list[object]:
    """A pretrained model and an intermediate phase that targets share, and a target phase."""
    made = [phase(Role.PRETRAIN, "mlm", key="a" * 16, outcome="reused", seed=0)]
    if task != "none":
        made.append(phase(Role.INTERMEDIATE, task, key=f"{task}{number}{seed}".encode().hex()[:16], seed=seed))
    return [*made, phase(Role.TARGET, target, key=f"{task}{target}{number}{seed}".encode().hex()[-16:], seed=seed)]


def small_expectation() -> Expectation:
    """Six settings a pair are planned: with two, every cell is on its way."""
    pairs = {Pair("xlmr", task, target): 2 for task in ("none", "mnli", "qqp") for target in ("xnli", "panx", "tatoeba")}
    return Expectation(seeds=(1, 2), settings=pairs)


def small_facts() -> Facts:
    """The facts of `small_records`."""
    return facts_of(small_records(), small_expectation(), trials=48, unit="GPU-hours")


def study_facts(study: str) -> Facts:
    """A made-up sweep of one of the five studies, with what its analysis says."""
    return _found(STUDIES[study]())


def hostile_study_facts() -> Facts:
    """A study whose every name is meant to do harm."""
    families = HOSTILE[:3]
    models = {name: ModelFacts(name=name, family=name, group=HOSTILE[3], parameters=1) for name in families}
    settings = {name: IntermediateFacts(name=name, tasks=(name,), kinds=(name,), series=name) for name in HOSTILE[4:6]}
    made = Made(
        design=Design(study="architecture", models=models, intermediates=settings),
        worth=lambda model, name, code: 0.0 if name == "none" else 1.0 + families.index(model),
        targets=HOSTILE[6:8],
        languages=("en", *HOSTILE[:4]),
    )
    return _found(made)


def _found(made: Made) -> Facts:
    records = records_of(made)
    tables = transfer_tables(records)
    finding = finding_of(made.design, tables, Arms(records, NO_FOLDER, lambda line: None), records)
    return Facts(grid=made.design.study, tables=tables, records=records, design=made.design, finding=finding)


def hostile_facts() -> Facts:
    """A sweep whose every name is meant to do harm."""
    records = []
    for place, name in enumerate(HOSTILE):
        for task in ("none", name):
            made = record(task, {f"target {name}": 50.0 + place}, seed=1, model=f"model {name}", reason=name)
            results = tuple(
                replace(
                    one,
                    languages={f"{code}{name}": scores for code, scores in one.languages.items()},
                    examples={f"{code}{name}": 5 for code in one.languages},
                    split=name,
                )
                for one in made.results
            )
            harm = {"results": results, "provenance": {f"code.{name}": name, name: name}, "started": name}
            records.append(replace(made, **harm, hyperparameters={name: 1.0}))
            records.append(replace(made, trial=f"{name}-{task}-failed", status=Status.FAILED, results=(), number=1))
    return facts_of(records, grid=HOSTILE[0], damaged=list(HOSTILE), unit=HOSTILE[1])
