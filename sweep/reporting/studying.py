"""What a run folder's grid varies, as a study: from its last launch's snapshot and what its records say of phases and models.

Reports read records alone, so a launch writes into them what no score tells: a model's family and its number of parameters.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.studies.design import Design, IntermediateFacts, ModelFacts
from sweep.foreseen import current_of
from sweep.runfolder import read_mark
from sweep.snapshots import Snapshot, read_snapshot
from sweep.tidy import readable_records
from training.identity import Role
from training.record import ENGLISH, PhaseTrace, Status, TrialRecord
from training.tasks.registry import ROWS

if TYPE_CHECKING:
    from search_spaces.schema import Model
    from sweep.sources import ResolvedModel
    from training.tasks.row import TaskRow

FAMILY, PARAMETERS = "model.family", "model.parameters"
"""What a record's provenance has of its model."""
KIND = "kind."
"""Before the name of a task of the user's own: its kind, in a record's provenance."""


def design_of(folder: Path) -> Design | None:
    """The study of a run folder's grid; None where its grid names none. Raises UserError where the folder is none.

    What no finished record tells yet stands at what the grid says, or at 0.
    """
    mark, snapshot = read_mark(folder), read_snapshot(folder)
    if snapshot is None or not snapshot.fields.get("study"):
        return None
    records = current_of(readable_records(folder, set_aside=False)[0], mark)
    return design_from(snapshot, [record for record in records if record.status is Status.FINISHED])


def design_from(snapshot: Snapshot, records: Sequence[TrialRecord]) -> Design:
    """The study of a grid's snapshot and of finished trials of it."""
    models, settings = snapshot.members("models"), snapshot.members("intermediates")
    said = (item for record in records for item in record.provenance.items())
    kinds = {name.removeprefix(KIND): kind for name, kind in said if name.startswith(KIND)}
    return Design(
        study=str(snapshot.fields["study"]),
        models={name: _model(name, said, records) for name, said in models.items()},
        intermediates={name: _intermediate(name, said, records, kinds) for name, said in settings.items()},
    )


def model_provenance(model: Model, resolved: ResolvedModel) -> dict[str, str]:
    """What a record says of its model; nothing where its configuration can't be read."""
    from sweep.planning.architecture import architecture_of
    from training.models.family import family_of

    try:
        config = json.loads((resolved.folder / "config.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return {FAMILY: str(family_of(config)), PARAMETERS: str(architecture_of(model, resolved).parameters)}


def kind_provenance(rows: Iterable[TaskRow]) -> dict[str, str]:
    """What a record says of the intermediate tasks that the project does not know."""
    return {f"{KIND}{row.name}": str(row.kind) for row in rows if row.name not in ROWS}


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
