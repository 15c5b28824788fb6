"""The studies that a grid's `study` can name, and what analyses each: a new one is a module and a line here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reports.frame import TransferTable
from reports.statistics.transfer import Arms
from reports.studies.analysis import Analysis, analyse
from reports.studies.architecture import ARCHITECTURE
from reports.studies.dataset_size import DATASET_SIZE
from reports.studies.design import Design
from reports.studies.finding import Finding
from reports.studies.model_scale import MODEL_SCALE
from reports.studies.multilingual_xnli import MULTILINGUAL_XNLI
from reports.studies.task_diversity import TASK_DIVERSITY
from training.record import TrialRecord

ANALYSES: Mapping[str, Analysis] = {
    "dataset_size": DATASET_SIZE,
    "multilingual_xnli": MULTILINGUAL_XNLI,
    "model_scale": MODEL_SCALE,
    "task_diversity": TASK_DIVERSITY,
    "architecture": ARCHITECTURE,
}


def finding_of(design: Design, tables: Sequence[TransferTable], arms: Arms, records: Sequence[TrialRecord]) -> Finding | None:
    """What a sweep says of its study; None where no analysis has the study's name."""
    analysis = ANALYSES.get(design.study)
    return analyse(analysis, design, tables, arms, records) if analysis else None
