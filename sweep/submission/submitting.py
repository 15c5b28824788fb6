"""From a run folder to a checked submission: choose, look for what is missing, predict, check, score, write down.

Everything that can be missing is looked for before anything is predicted, and told at once. The folder is fit to be handed in
when this ends without a fault.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from reports.scoring.board import Board
from reports.scoring.forms import FORMS
from reports.selection import Rule
from reports.submission.checking import faults_of
from reports.submission.manifest import MANIFEST, SCHEMA, Manifest, read_manifest, write_manifest
from reports.submission.packing import pack
from reports.submission.scoring import scored
from sweep.provenance import code_version, package_versions
from sweep.submission.choosing import Choice, choose, oracle_in
from sweep.submission.facts import Facts, facts_of
from sweep.submission.making import Maker
from sweep.submission.progress import View
from sweep.submission.sources import TaskData, narrowed, without_unscored
from sweep.words import shown
from training.data.checking import together
from training.errors import DataError, Faults, UserError
from training.inference.predicting import device_here
from training.tasks.benchmarks import BENCHMARKS, MINI, XTREME, Benchmark

SUBMISSIONS = Path("submissions")
Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """One `sweep submit`: None is what follows from the run folder. `labels` holds gold in a submission's layout.

    `unscored` asks for tasks that the official script scores not: where labels hold such a folder, too, it ends with an error.
    """

    run: Path
    benchmark: str | None = None
    out: Path | None = None
    data: Path | None = None
    labels: Path | None = None
    rule: Rule = Rule.DEV
    partial: bool = False
    zipped: bool = False
    unscored: bool = False


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """What was made: `board` has scores where gold is known, `differing` are folders that do not score as their records do."""

    out: Path
    manifest: Manifest
    board: Board | None
    archive: Path | None = None
    differing: tuple[str, ...] = ()


@dataclass
class _Survey:
    """What can be predicted, and what is missing of the rest, with the remedies."""

    choices: dict[str, Choice]
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    faults: list[UserError] = field(default_factory=list)


def submit(wishes: Wishes, tell: Tell, view: View) -> Submitted:
    """Make a submission; raises Faults on everything that is missing, unless only a part is wanted.

    `tell` hears what a user has to know. Raises UserError where nothing can be predicted, and on a folder of other things.
    """
    facts = facts_of(wishes.run)
    benchmark = _benchmark(wishes, facts)
    out = wishes.out or SUBMISSIONS / f"{wishes.run.resolve().name}-{benchmark.name}"
    before = _earlier(out, facts, benchmark)
    data = TaskData(wishes.data, facts)
    survey = _survey(facts, benchmark, wishes.rule, data, tell)
    if survey.faults and not wishes.partial:
        raise Faults(_incomplete(benchmark), survey.faults)
    if not survey.choices:
        raise Faults(f"nothing of {benchmark.name} can be predicted", survey.faults)
    for fault in survey.faults:
        tell(f"left out: {fault}")
    if device_here(facts.resources.device) != facts.resources.device:
        tell("there is no GPU here: predicted on the CPU, where rounding may decide otherwise now and then")
    manifest = _begun(facts, benchmark, wishes.rule, survey, before)
    made = Maker(facts=facts, data=data, out=out, counts=survey.counts, view=view, manifest=manifest).make(survey.choices)
    _refuse_faulty(out, _made_part(benchmark, made), data, tell)
    records = {folder: choice.record for folder, choice in survey.choices.items()}
    found = scored(out, made, benchmark, records, data.split, wishes.labels)
    write_manifest(out, found.manifest)
    archive = pack(out, found.manifest) if wishes.zipped else None
    return Submitted(out=out, manifest=found.manifest, board=found.board, archive=archive, differing=found.differing)


def _benchmark(wishes: Wishes, facts: Facts) -> Benchmark:
    """The benchmark asked for; else the mini world's for a run on nothing else, or XTREME."""
    targets = list(dict.fromkeys(pair.target for pair in facts.mark.pairs))
    synthetic = [target for target in targets if target in MINI.tasks]
    asked = wishes.benchmark or (MINI.name if targets and len(synthetic) == len(targets) else XTREME.name)
    benchmark = BENCHMARKS[asked] if wishes.unscored else without_unscored(BENCHMARKS[asked])
    if asked != MINI.name:
        return benchmark
    if not synthetic:
        remedy = f"its targets are {', '.join(targets)}: choose another --benchmark"
        raise UserError("the run has no target of the mini world", facts.mark.grid, remedy)
    return narrowed(benchmark, synthetic)


def _earlier(out: Path, facts: Facts, benchmark: Benchmark) -> Manifest | None:
    """The manifest of an earlier submission into this folder; raises UserError where it is another's, or of other things."""
    if out.exists() and not out.is_dir():
        raise UserError("the folder to write to is a file", out, "give another --out")
    before = read_manifest(out) if out.is_dir() else None
    if before is None:
        strangers = sorted(path.name for path in out.iterdir() if not path.name.startswith(".")) if out.is_dir() else []
        if strangers:
            remedy = "give an empty or new folder with --out: nothing in this one was touched"
            raise UserError(f"the folder {out} holds files and no {MANIFEST}", ", ".join(strangers[:5]), remedy)
        return None
    if (before.benchmark, before.sweep) != (benchmark.name, facts.mark.sweep):
        seen = f"{before.benchmark} of grid {before.grid}"
        raise UserError(f"the folder {out} holds another submission", seen, "give another --out")
    return before


def _survey(facts: Facts, benchmark: Benchmark, rule: Rule, data: TaskData, tell: Tell) -> _Survey:
    """Look at every choice, phase and test file; what is missing stays out."""
    choices, missing = choose(facts, benchmark, rule, tell)
    survey = _Survey(choices={}, faults=missing)
    unread: list[UserError] = []
    for folder, choice in choices.items():
        try:
            counts = data.split(choice.task.row).counts(choice.task.languages, unread)
        except DataError as fault:
            unread.append(fault)
            continue
        if counts:
            survey.counts[folder], survey.choices[folder] = counts, choice
    survey.faults += together(list({str(fault): fault for fault in unread}.values()), whole=True)
    return survey


def _incomplete(benchmark: Benchmark) -> str:
    return f"a whole submission to {benchmark.name} (what is there goes with --partial)"


def _begun(facts: Facts, benchmark: Benchmark, rule: Rule, survey: _Survey, before: Manifest | None) -> Manifest:
    missing = tuple(str(fault).partition("\n")[0] for fault in survey.faults)
    return Manifest(
        schema=SCHEMA,
        benchmark=benchmark.name,
        sweep=facts.mark.sweep,
        grid=facts.mark.grid,
        rule=str(rule),
        complete=not missing,
        synthetic=benchmark.name == MINI.name,
        oracle=oracle_in(survey.choices),
        missing=missing,
        versions={"code": code_version(), **package_versions()},
        tasks=before.tasks if before else {},
    )


def _made_part(benchmark: Benchmark, made: Manifest) -> Benchmark:
    """The tasks and languages that were to be made."""
    tasks = {
        name: replace(task, languages=tuple(made.tasks[name].files))
        for name, task in benchmark.tasks.items()
        if name in made.tasks
    }
    return replace(benchmark, tasks=tasks)


def _refuse_faulty(out: Path, part: Benchmark, data: TaskData, tell: Tell) -> None:
    """Raise Faults where a file that was just made, or was there, is not what the official script reads."""
    leftover = sorted(name for name in FORMS if name not in part.tasks and (out / name).is_dir())
    faults = faults_of(out, part, data.split, leftover)
    for name in leftover:
        tell(f"{shown(out / name)} is of an earlier submission into this folder, and no part of this one")
    if faults:
        raise Faults(f"the submission {out}", faults)
