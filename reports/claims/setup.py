"""Claim 7: whether what was run is the study's set-up. It says nothing about what was found."""

from __future__ import annotations

from collections.abc import Sequence

from reports.claims.study import MODEL, Claim
from reports.claims.verdicts import Answer, Found, Lack, Ruling, Verdict, all_of
from reports.frame import TransferTable
from training.identity import Role
from training.record import Status, TrialRecord


def is_large(source: str) -> bool:
    """Whether a grid's source of a model is XLM-R Large."""
    return source.lower().rstrip("/").endswith(MODEL)


def judge_setup(claim: Claim, table: TransferTable, records: Sequence[TrialRecord], source: str) -> Verdict:
    """Supported where finished trials show all of it; never contradicted, since other set-ups say nothing about the study's."""
    finished = [record for record in records if record.model == table.model and record.status is Status.FINISHED]
    learned = [
        [trace.identity for trace in record.phases if trace.identity.role in (Role.INTERMEDIATE, Role.TARGET)]
        for record in finished
    ]
    middle = [(phases[0], len(phases)) for phases in learned if phases and phases[0].role is Role.INTERMEDIATE]
    checks = (
        ("the model is XLM-R Large", is_large(source), f"a model whose source is {MODEL}"),
        ("an intermediate phase, then a target phase", any(count > 1 for _, count in middle), "a finished chain of both"),
        ("one task as the intermediate phase", any(len(phase.tasks) == 1 for phase, _ in middle), "one such chain"),
        ("several tasks as the intermediate phase", any(len(phase.tasks) > 1 for phase, _ in middle), "a mixture"),
    )
    answers = tuple(
        Answer(
            compares=asks, ruling=Ruling.SUPPORTED if holds else Ruling.UNDECIDED, lack=Lack(other=() if holds else (wants,))
        )
        for asks, holds, wants in checks
    )
    found = Found(asks="the set-up is the study's", ruling=all_of(one.ruling for one in answers), needed=4, answers=answers)
    return Verdict(
        number=claim.number,
        model=table.model,
        says=claim.says,
        ruling=found.ruling,
        found=(found,),
        lack=Lack(other=tuple(why for one in answers for why in one.lack.other)),
        notes=(claim.note,),
        synthetic=table.synthetic,
        counts=False,
    )
