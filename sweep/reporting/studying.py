"""What a run folder's grid varies, as a study: from its latest snapshot and what its records say of phases and models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.studies.design import Design, IntermediateFacts, ModelFacts
from sweep.foreseen import current_records
from sweep.provenance import FAMILY, KIND, PARAMETERS
from sweep.runfolder import RunMark, read_mark
from sweep.snapshots import Snapshot, read_snapshot
from training.identity import Role
from training.record import ENGLISH, PhaseTrace, Status, TrialRecord
from training.tasks.registry import ROWS

if TYPE_CHECKING:
    from reports.studies.finding import Finding
    from sweep.reporting.certainty import Seen


def study_of(folder: Path, languages: Path | None = None) -> Design | None:
    """What a run folder's grid varies, with groups of languages from a file; raises UserError where that can't be read."""
    from reports.studies.groups import FILE, read_groups

    design = design_of(folder)
    own = folder / FILE
    path = languages or (own if own.is_file() else None)
    return replace(design, groups=read_groups(path)) if design is not None and path is not None else design


def finding_in(seen: Seen, design: Design | None) -> Finding | None:
    """What the records say of a study; None where the grid names none."""
    from reports.studies.registry import finding_of

    return finding_of(design, seen.tables, seen.arms, seen.records) if design is not None else None


def design_of(folder: Path) -> Design | None:
    """The study of a run folder's grid; None where its grid names none. Raises UserError where the folder is none.

    What no finished record tells yet stands at what the grid says, or at 0.
    """
    mark, snapshot = read_mark(folder), read_snapshot(folder)
    if snapshot is None or not snapshot.fields.get("study"):
        return None
    records = current_records(folder, mark)
    return design_from(snapshot, [record for record in records if record.status is Status.FINISHED], mark)


def design_from(snapshot: Snapshot, records: Sequence[TrialRecord], mark: RunMark | None = None) -> Design:
    """The study of a grid's snapshot and of finished trials of it.

    `mark` knows the order of the grid: the snapshot has models and settings by name.
    """
    pairs = (*mark.pairs, *mark.left_out) if mark else ()
    models = _in_order(snapshot.members("models"), [pair.model for pair in pairs])
    settings = _in_order(snapshot.members("intermediates"), [pair.intermediate for pair in pairs])
    said = (item for record in records for item in record.provenance.items())
    kinds = {name.removeprefix(KIND): kind for name, kind in said if name.startswith(KIND)}
    return Design(
        study=str(snapshot.fields["study"]),
        models={name: _model(name, said, records) for name, said in models.items()},
        intermediates={name: _intermediate(name, said, records, kinds) for name, said in settings.items()},
    )


def _in_order(members: Mapping[str, dict[str, Any]], names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Members in the order in which their names come first, then those that are not named."""
    return {name: members[name] for name in dict.fromkeys([*names, *members]) if name in members}


def _model(name: str, said: Mapping[str, Any], records: Iterable[TrialRecord]) -> ModelFacts:
    known = next((record.provenance for record in records if record.model == name and FAMILY in record.provenance), {})
    return ModelFacts(
        name=name,
        family=known.get(FAMILY, "encoder"),
        parameters=int(known.get(PARAMETERS, 0)),
        pretraining=said.get("pretraining") or "multilingual",
        group=said.get("group") or "",
    )


def _intermediate(
    name: str, said: Mapping[str, Any], records: Iterable[TrialRecord], kinds: Mapping[str, str]
) -> IntermediateFacts:
    phase = _phase_of(name, records)
    uses = phase.identity.tasks if phase else ()
    tasks = tuple(said.get("tasks") or ())
    languages = dict.fromkeys(language for use in uses for language in use.languages)
    return IntermediateFacts(
        name=name,
        tasks=tasks,
        kinds=tuple(kinds.get(task) or (str(ROWS[task].kind) if task in ROWS else "") for task in tasks),
        languages=tuple(languages) or tuple(said.get("languages") or ()) or (ENGLISH,),
        examples=phase.examples if phase else 0,
        budget=said.get("examples") or 0,
        series=said.get("series") or "",
    )


def _phase_of(name: str, records: Iterable[TrialRecord]) -> PhaseTrace | None:
    """An intermediate phase of a setting; all of them have the same training data."""
    for record in records:
        if record.intermediate == name:
            for phase in record.phases:
                if phase.identity.role is Role.INTERMEDIATE:
                    return phase
    return None
