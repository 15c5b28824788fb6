"""Run folders and stores made by hand: records with phases, phase folders with an identity, checkpoints and trunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sweep.ending import Ending, EndState, write_ending
from sweep.foreseen import mark_of
from sweep.planning.plan import Plan, trial_name
from sweep.planning.studies import Setting, StudySpec
from sweep.runfolder import RunMark, open_run, write_mark
from tests.sweep.plans import SMALL, plan_of, score_record
from training.files.codec import canonical
from training.identity import ChainIdentity
from training.record import CarryReport, PhaseTrace, Status, TargetResult, TrialRecord, write_record

TWO_SEEDS = SMALL.replace("targets:", "seeds: [1, 2]\ntargets:")


def begun(run: Path, text: str = SMALL) -> Plan:
    """The plan of a grid, in a run folder that a launch has marked."""
    plan = plan_of(text, run)
    write_mark(run, mark_of(plan, open_run(run, plan.grid.name)))
    return plan


def ended(run: Path, state: EndState = EndState.FINISHED) -> None:
    """A launch has ended here."""
    write_ending(run, Ending(state=state))


def setting_of(study: StudySpec, number: int) -> Setting:
    """A setting for each number."""
    values = {"lr": [1e-4, 1e-3, 1e-4, 1e-3], "epochs": [1, 1, 2, 2]}
    fixed = {"intermediate.lr": 3e-4, "intermediate.epochs": 1}
    return {name: fixed[name] if name in fixed else values[name.partition(".")[2]][number] for name in study.axes}


def traces(chain: ChainIdentity, trained: Sequence[int]) -> tuple[PhaseTrace, ...]:
    """Phases of a chain, 1,000 tokens and 10 s each; those of the given numbers were trained by the trial."""
    pairs = enumerate(zip(chain.phase_keys, chain.phases, strict=True))
    return tuple(
        PhaseTrace(
            key=key,
            identity=phase,
            outcome="trained" if number in trained else "reused",
            seconds=10.0,
            steps=5,
            tokens=1000,
            curve=(),
            carry=CarryReport(carried=1),
        )
        for number, (key, phase) in pairs
    )


def record_of(
    plan: Plan,
    study: StudySpec,
    number: int,
    score: float | None,
    *,
    seed: int = 1,
    status: Status = Status.FINISHED,
    trained: Sequence[int] = (0, 1, 2),
    reason: str = "",
) -> TrialRecord:
    """A trial that took 36 s; a score of None makes it a failed one without phases, stopped ones lack their last phase."""
    chain = plan.chain(study, setting_of(study, number), seed)
    plain = score_record(study, number, seed, setting_of(study, number), score, trial_name(study, number, seed, chain))
    phases = traces(chain, trained) if score is not None else ()
    results = tuple(
        TargetResult(
            task=target,
            split="test",
            languages={"en": {"score": score}},
            examples={"en": 10},
            mean=score,
            mean_non_english=None,
            synthetic=True,
        )
        for target in study.targets
        if score is not None and status is Status.FINISHED
    )
    return replace(
        plain,
        status=plain.status if score is None else status,
        phases=phases[:-1] if status is Status.STOPPED else phases,
        results=results,
        reason=reason,
        timing={"seconds": 36.0},
    )


def leave(plan: Plan, *records: TrialRecord) -> None:
    """Put records, and all that their chains trained, into the run folder and its store."""
    for record in records:
        write_record(plan.run, record)
        for phase in record.phases:
            phase_folder(plan.store, phase)


def phase_folder(store: Path, phase: PhaseTrace) -> Path:
    """The folder of a phase with 1,000 bytes of weights."""
    folder = store / f"{phase.identity.name}--{phase.key}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.safetensors").write_bytes(b"w" * 1000)
    (folder / "identity.json").write_bytes(canonical(phase.identity))
    return folder


def checkpoint(store: Path, key: str, room: str = ".inflight") -> Path:
    """A checkpoint inside a phase, or (`room` is .trunks, `key` with its @epochs) a trunk."""
    path = store / room / f"{key}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"c" * 3000)
    return path


def mark_with(run: Path, **changes: Any) -> RunMark:
    """Change a run folder's mark."""
    from sweep.runfolder import read_mark

    mark = replace(read_mark(run), **changes)
    write_mark(run, mark)
    return mark
