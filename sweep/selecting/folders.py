"""Selected chains as folders, one a target: weights, tokenizer, model card and `selection.json`, there whole or not at all."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reports.cells import result_of
from reports.model_card import Loading, model_card
from reports.selection import Chosen
from sweep.runfolder import store_of
from sweep.selecting.ingredients import Known, ingredients
from training.errors import StoreError, UserError
from training.files.codec import digest
from training.files.storage import storage_errors
from training.record import TrialRecord

ABOUT, CARD = "selection.json", "README.md"
SCHEMA = 1


@dataclass(frozen=True)
class Exported:
    """One target's folder; `new` says that it was written now."""

    chosen: Chosen
    folder: Path
    about: Mapping[str, Any]
    new: bool


def export(run: Path, chosen: Chosen, record: TrialRecord, known: Known, out: Path, tell: Callable[[str], None]) -> Exported:
    """Write `out/<target>`, or leave it where it is the same already; an older choice is replaced.

    Raises UserError where the chain has no weights of its own, or its task is unknown, StoreError where the weights are not in
    the store or the folder can't be written.
    """
    row = known.rows.get(chosen.target)
    if row is None:
        raise UserError(
            "the task of a chosen chain is not known", chosen.target, "give the grid's own tasks back to its folder"
        )
    if not record.phases:
        remedy = "use the published model as it is, or add an intermediate task to the grid"
        raise UserError(
            "nothing was trained for this target: its best chain is the pretrained model", chosen.pair.model, remedy
        )
    about = _about(chosen, record)
    folder = out / chosen.target
    if _same(folder, about):
        return Exported(chosen, folder, about, new=False)
    _refuse_foreign(folder)
    phase = _phase(run, record, tell)
    temporary = out / f".writing-{chosen.target}-{uuid.uuid4().hex[:8]}"
    with storage_errors(folder):
        try:
            temporary.mkdir(parents=True)
            _write(temporary, phase, about, (chosen, record, known))
            if folder.exists():
                folder.rename(temporary / "before")
                (temporary / "before").rename(out / f".replaced-{temporary.name.rpartition('-')[2]}")
            temporary.rename(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            shutil.rmtree(out / f".replaced-{temporary.name.rpartition('-')[2]}", ignore_errors=True)
    return Exported(chosen, folder, about, new=True)


def _write(temporary: Path, phase: Path, about: Mapping[str, Any], of: tuple[Chosen, TrialRecord, Known]) -> None:
    from training.models.plain import write_plain

    chosen, record, known = of
    written = write_plain(phase, known.rows[chosen.target], temporary)
    result = result_of(record, chosen.target)
    assert result is not None, "a chosen trial has a result"
    loading = Loading(loads_with=written.loads_with, why_encoder=written.why_encoder)
    card = model_card(chosen, record, result, ingredients(record, chosen.target, known), loading)
    (temporary / CARD).write_text(card, encoding="utf-8")
    (temporary / ABOUT).write_text(json.dumps(about, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")


def _about(chosen: Chosen, record: TrialRecord) -> dict[str, Any]:
    values = {
        "schema": SCHEMA,
        "target": chosen.target,
        "model": chosen.pair.model,
        "intermediate": chosen.pair.intermediate,
        "trial": chosen.trial,
        "study": record.study,
        "setting": chosen.setting,
        "seed": chosen.seed,
        "rule": chosen.rule.value,
        "basis": chosen.basis,
        "criterion": chosen.criterion,
        "score": chosen.score,
        "mean_score": chosen.mean_score,
        "oracle": chosen.oracle,
        "synthetic": any(result.synthetic for result in record.results),
        "phases": [phase.key for phase in record.phases],
        "hyperparameters": dict(record.hyperparameters),
        "provenance": dict(record.provenance),
    }
    return values | {"digest": digest(values)}


def _same(folder: Path, about: Mapping[str, Any]) -> bool:
    try:
        return bool(json.loads((folder / ABOUT).read_bytes()).get("digest") == about["digest"])
    except (OSError, ValueError, AttributeError):
        return False


def _refuse_foreign(folder: Path) -> None:
    if folder.exists() and not (folder / ABOUT).is_file() and any(folder.iterdir()):
        raise UserError("the folder holds something else than a selected model", folder, "give another folder with --out")


def _phase(run: Path, record: TrialRecord, tell: Callable[[str], None]) -> Path:
    """The verified folder of the trial's last phase; brought from the bucket where there is one."""
    from training.stores.store import PhaseStore

    key = record.phases[-1].key
    found = PhaseStore(store_of(run), lambda folder, cause: tell(f"damaged phase set aside: {folder.name}: {cause}")).find(key)
    if found is None:
        remedy = f"train it again: set the record {record.trial}.json aside from records/, then sweep resume --run {run}"
        raise StoreError(f"the weights of trial {record.trial} are not in the store", f"phase {key}", remedy)
    return found.folder
