"""Runs chains of the toy model over the toy tasks' files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.training import toy
from training.chain import ChainJob, ChainOutcome, run_chain
from training.data.loading import DataSource
from training.identity import ChainIdentity, EvaluationIdentity, ModelIdentity, PhaseIdentity, Role, Runtime
from training.models.backbone import identify
from training.tasks.row import TaskRow

XNLI = replace(toy.NLI, name="xnli", train_on="nli", languages=("en", "de"))
XQA = replace(toy.QA, name="xqa", train_on="qa")
ROWS = {row.name: row for row in (*toy.TRAINED, toy.TATOEBA, XNLI, XQA)}


def measured(row: TaskRow, split: str, *languages: str) -> EvaluationIdentity:
    return EvaluationIdentity(
        task=row.name,
        version=1,
        split=split,
        languages=languages,
        data="d",
        max_length=row.encoding.max_length,
        stride=row.encoding.stride,
        pooling="mean" if row is toy.TATOEBA else None,
    )


DEV = {row.name: measured(row, "dev", "en") for row in toy.TRAINED}
INTERMEDIATE = toy.phase(toy.NLI, role=Role.INTERMEDIATE)
XNLI_TEST = measured(XNLI, "test", "en", "de")
TAGS_TEST = measured(toy.TAGS, "test", "en", "de")
QA_TEST = measured(toy.QA, "test", "en", "de")


class Bench:
    """Runs chains of the toy model in one store."""

    def __init__(self, folder: Path, root: Path, store: Path) -> None:
        self.folder, self.root, self.store = folder, root, store
        self.sources = {name: DataSource(row=row, root=root) for name, row in ROWS.items()}
        self.model: ModelIdentity = identify("toy", folder)
        self.runtime = Runtime()

    def chain(
        self, *phases: PhaseIdentity, selection: tuple[EvaluationIdentity, ...] = (), evaluations: Any = ()
    ) -> ChainIdentity:
        return ChainIdentity(model=self.model, phases=phases, selection=selection, evaluations=tuple(evaluations))

    def run(self, chain: ChainIdentity, watcher: Any = None, **changes: Any) -> ChainOutcome:
        return run_chain(self.job(chain, **changes), watcher)

    def job(self, chain: ChainIdentity, **changes: Any) -> ChainJob:
        return ChainJob(
            identity=chain,
            model_folder=self.folder,
            store=self.store,
            sources=self.sources,
            runtime=self.runtime,
            **changes,
        )


def outcomes(found: ChainOutcome) -> list[str]:
    return [trace.outcome for trace in found.phases]
