"""What each evaluated item added to a trial's scores: one file a trial beside its record, from which intervals are computed.

A file holds, for each result of the record in its order, one array [items, columns] a language (`training.metrics.units`). It
is written before the record and holds nothing that the record needs: a trial without it has its scores and no interval. What
does not give the record's own scores again is not used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from training.errors import StoreError
from training.files.storage import write_atomically
from training.metrics.units import Form, Units, score_of
from training.record import EVIDENCE, TargetResult, TrialRecord

FIELD = "sweep"
CLOSE = 1e-3
"""Points by which a score from single precision may differ from the record's."""
MAKE_ANEW = "delete the trial's record and give the launch's command again to have it"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The items of one target: language -> `Units`; `data` is the digest of what was scored.

    Where `parallel`, item i is the same in every language, said in other words (a translated test set).
    """

    task: str
    split: str
    data: str
    form: Form
    parallel: bool
    languages: Mapping[str, Units]


def evidence_path(folder: Path, trial: str) -> Path:
    """Where the evidence of a trial lives below a run folder."""
    return folder / EVIDENCE / f"{trial}.safetensors"


def write_evidence(folder: Path, trial: str, results: Sequence[Evidence]) -> None:
    """Write the evidence of a trial's results, in their order; raises StoreError (StorageFullError on a full disk)."""
    arrays = {
        f"{number}/{language}": units.values for number, one in enumerate(results) for language, units in one.languages.items()
    }
    described = [{**asdict(one), "languages": list(one.languages)} for one in results]
    said = {FIELD: json.dumps({"trial": trial, "results": described}, ensure_ascii=True)}
    write_atomically(evidence_path(folder, trial), save(arrays, said))


def read_evidence(folder: Path, record: TrialRecord) -> tuple[Evidence, ...]:
    """The evidence of a record's results, in their order; empty where there is none.

    Raises StoreError where a file is damaged, or is not the record's: its scores are others.
    """
    path = evidence_path(folder, record.trial)
    if not record.results or not path.exists():
        return ()
    try:
        with safe_open(path, framework="numpy") as file:
            said = json.loads(file.metadata()[FIELD])
            trial, found = said["trial"], tuple(_one(number, entry, file) for number, entry in enumerate(said["results"]))
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise StoreError(f"the evidence {path} can't be read ({error})", "", MAKE_ANEW) from error
    if trial != record.trial or len(found) != len(record.results):
        raise StoreError(f"the evidence {path} is another trial's", trial, MAKE_ANEW)
    for one, result in zip(found, record.results, strict=True):
        _compare(path, one, result)
    return found


def _one(number: int, entry: Mapping[str, Any], file: Any) -> Evidence:
    form = Form(entry["form"])
    languages = {name: Units(form, file.get_tensor(f"{number}/{name}")) for name in entry["languages"]}
    if any(units.values.ndim != 2 or not len(units.values) for units in languages.values()):
        raise ValueError("an array that is no table of items")
    return Evidence(**{**entry, "form": form, "languages": languages})


def _compare(path: Path, found: Evidence, result: TargetResult) -> None:
    """Raise StoreError unless the evidence gives the result's scores."""
    if (found.task, found.split, set(found.languages)) != (result.task, result.split, set(result.languages)):
        raise StoreError(f"the evidence {path} is about another result", f"{found.task}/{found.split}", MAKE_ANEW)
    for language, units in found.languages.items():
        mine, recorded = score_of(units), result.languages[language]["score"]
        if not abs(mine - recorded) <= CLOSE:
            seen = f"{found.task}/{language}: {mine:.3f} against {recorded:.3f}"
            raise StoreError(f"the evidence {path} gives other scores than its record", seen, MAKE_ANEW)
