"""What the sweeps of a store still need of it, from their run folders alone.

* A sweep is *settled* when nothing of it is left to run and nobody holds its folder. What a settled sweep needs is a matter of
  taste (`Keep`); the weights that MLflow's registry names stay in any case.
* An unsettled sweep needs what its trials at a rung need, and whatever its open trials could share: all pretraining and
  intermediate phases, tasks that other targets go on from, checkpoints, trunks, and phases that no record accounts for. What it
  provably needs no more are target phases of settings that every seed has scored and that another setting has beaten.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from sweep.ending import EndState, read_ending
from sweep.foreseen import current_of, tables_from
from sweep.gc.registered import registered_trials
from sweep.gc.users import User
from sweep.records import readable_records, waiting_trials
from sweep.runfolder import RunMark, is_held
from training.identity import Role
from training.record import Status, TrialRecord


class Keep(StrEnum):
    """Which phases of settled sweeps stay: those of the settings that were chosen, of all records, or none."""

    BEST = "best"
    ALL = "all-records"
    NONE = "none"


@dataclass
class Needs:
    """What a store's users need: `keys` of phases with the reason; `beaten` are those that records account for.

    `unknown` are users that can't be asked, `unsettled` those that have trials left, `chained` the tasks that targets of
    unsettled sweeps go on from.
    """

    keep: Keep = Keep.BEST
    keys: dict[str, str] = field(default_factory=dict)
    beaten: dict[str, set[str]] = field(default_factory=dict)
    recorded: set[str] = field(default_factory=set)
    unknown: list[User] = field(default_factory=list)
    unsettled: list[User] = field(default_factory=list)
    chained: set[str] = field(default_factory=set)

    def why_kept(self, key: str, role: str, tasks: Iterable[str]) -> str:
        """Why a phase has to stay; empty where nothing needs it."""
        if key in self.keys:
            return self.keys[key]
        if self.unknown:
            return f"sweep {self.unknown[0].sweep} can't be asked: its run folder is gone"
        if not self.unsettled:
            return ""
        open_run = self.unsettled[0].run
        if role != Role.TARGET or self.chained.intersection(tasks):
            return f"unfinished trials could share it ({open_run})"
        if all(key in self.beaten.get(user.sweep, ()) for user in self.unsettled):
            return ""
        return f"unfinished trials could still need it ({open_run})"

    def why_goes(self, key: str) -> str:
        """Why a phase that nothing needs may go."""
        if key not in self.recorded:
            return "no record names it"
        return (
            "of a setting that was not chosen" if self.keep is Keep.BEST else "of a settled sweep, of which none are to be kept"
        )

    def why_in_phase(self) -> str:
        """Why checkpoints inside phases, and trunks, have to stay; empty where nothing needs them."""
        if self.unknown:
            return f"sweep {self.unknown[0].sweep} can't be asked: its run folder is gone"
        return f"unfinished trials may go on from it ({self.unsettled[0].run})" if self.unsettled else ""


def needs_of(users: Iterable[User], keep: Keep) -> Needs:
    """Ask every user; raises OtherVersionError where a record is another version's."""
    needs = Needs(keep)
    for user in users:
        if user.mark is None:
            needs.unknown.append(user)
        else:
            _ask(user, user.mark, keep, needs)
    return needs


def is_settled(run: Path) -> bool:
    """Whether nothing of a sweep is left to run, and no launch holds its folder."""
    ending = read_ending(run)
    return not is_held(run) and ending is not None and ending.state is EndState.FINISHED


def _ask(user: User, mark: RunMark, keep: Keep, needs: Needs) -> None:
    settled = is_settled(user.run)  # before the records are read: what ends meanwhile counts as open
    records, damaged = readable_records(user.run, set_aside=False)
    needs.recorded.update(phase.key for record in records for phase in record.phases)
    chosen = _chosen(current_of(records, mark), mark)
    for record in chosen if keep is Keep.BEST else records if keep is Keep.ALL else ():
        _need(needs, record, f"of the chosen setting of a pair ({user.run})" if keep is Keep.BEST else f"of {record.trial}")
    waiting, more = waiting_trials(user.run, set_aside=False)
    for record in waiting:
        _need(needs, record, f"of a trial that waits at a rung ({user.run})")
    _need_registered(needs, user, records)
    if not settled or damaged or more:
        needs.unsettled.append(user)
        needs.chained.update(mark.chained)
        needs.beaten[user.sweep] = set() if keep is Keep.ALL else _beaten(current_of(records, mark), mark, chosen)


def _need(needs: Needs, record: TrialRecord, why: str) -> None:
    for phase in record.phases:
        needs.keys.setdefault(phase.key, why)


def _need_registered(needs: Needs, user: User, records: Iterable[TrialRecord]) -> None:
    """What the registry names; where it can't be asked, the final weights of every trial."""
    named = None if user.copied and not os.environ.get("MLFLOW_TRACKING_URI") else registered_trials(user.run)
    keys, trials = named if named is not None else (set(), {record.trial for record in records})
    why = "MLflow's registry names its weights" if named is not None else "MLflow can't be asked whether its registry names it"
    for key in keys:
        needs.keys.setdefault(key, why)
    for record in records:
        if record.trial in trials and record.phases:
            needs.keys.setdefault(record.phases[-1].key, why)


def _chosen(records: list[TrialRecord], mark: RunMark) -> list[TrialRecord]:
    """Records of the setting that each pair was chosen at, every seed of it."""
    wanted = {
        (table.model, cell.intermediate, cell.target, cell.setting)
        for table in tables_from(records, mark)
        for row in table.cells.values()
        for cell in row.values()
        if cell.setting is not None
    }
    return [
        record
        for record in records
        if any((record.model, record.intermediate, target, record.number) in wanted for target in record.targets)
    ]


def _beaten(records: list[TrialRecord], mark: RunMark, chosen: list[TrialRecord]) -> set[str]:
    """Keys of target phases of settings that have every seed and were not chosen: no later score can bring them back."""
    seeds = frozenset(mark.seeds)
    scored: dict[tuple[str, int], dict[int, TrialRecord]] = {}
    for record in records:
        if record.status is Status.FINISHED:
            scored.setdefault((record.study, record.number), {})[record.seed] = record
    best = {(record.study, record.number) for record in chosen}
    kept = {phase.key for record in chosen for phase in record.phases}
    return {key for place, runs in scored.items() if place not in best and runs.keys() >= seeds for key in _last(runs)} - kept


def _last(runs: Mapping[int, TrialRecord]) -> Iterable[str]:
    return (run.phases[-1].key for run in runs.values() if run.phases and run.phases[-1].identity.role is Role.TARGET)
