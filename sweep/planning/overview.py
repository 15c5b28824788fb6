"""`sweep plan`: what a grid would run, and what of it is there already; trains nothing."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Iterator
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from search_spaces.schema import PhaseSpace
from search_spaces.values import Choices
from sweep.launch import executor_of, prepare
from sweep.options import LaunchOptions
from sweep.outcome import current_records, mark_of
from sweep.planning.plan import Plan, StudySpec, learned_for
from sweep.runfolder import RunMark
from sweep.words import listing
from training.identity import Role
from training.store import PhaseStore


def overview(plan: Plan) -> dict[str, Any]:
    """Studies, trials and phases of a plan. Target phases of a continuous space are counted, not named: no two are alike."""
    mark = mark_of(plan, RunMark(schema=1, sweep="", grid=plan.grid.name))
    done = Counter(record.study for record in current_records(plan.run, mark))
    seeds = len(plan.grid.seeds)
    studies = [
        {
            "study": study.name,
            "targets": list(study.targets),
            "settings": plan.settings_of(study),
            "seeds": seeds,
            "trials": plan.settings_of(study) * seeds,
            "done": done[study.label],
        }
        for study in plan.studies
    ]
    bounds = dict(_phase_bounds(plan))
    store = PhaseStore(plan.store)
    return {
        "grid": plan.grid.name,
        "run": str(plan.run),
        "executor": executor_of(plan),
        "models": {name: str(model.folder) for name, model in plan.models.items()},
        "synthetic": any(source.row.synthetic for source in plan.sources.values()),
        "studies": studies,
        "trials": plan.trials(),
        "done": sum(done.values()),
        "phases": bounds,
        "phases_unshared": _unshared(plan),
        "phases_in_store": len(list(store.root.glob("*--*"))) if store.root.is_dir() else 0,
    }


def _phase_bounds(plan: Plan) -> Iterator[tuple[str, int]]:
    """At most how many phases of each role will be trained, with sharing."""
    seeds = len(plan.grid.seeds)
    yield str(Role.PRETRAIN), sum(model.pretrain is not None for model in plan.grid.models.values())
    intermediate = 0
    for model in plan.grid.models:
        for setting in {study.intermediate for study in plan.studies if not study.intermediate.is_baseline}:
            asked = sum(
                plan.settings_of(study) for study in plan.studies if study.model == model and study.intermediate == setting
            )
            distinct = _distinct(setting.space or plan.grid.search.space.intermediate)
            intermediate += (min(asked, distinct) if distinct else asked) * seeds
    yield str(Role.INTERMEDIATE), intermediate
    yield str(Role.TARGET), sum(plan.settings_of(study) * seeds * _target_phases(plan, study) for study in plan.studies)


def _distinct(space: PhaseSpace) -> int | None:
    """Settings that a space of choices has; None for one with a range."""
    if isinstance(space.lr, Choices) and isinstance(space.epochs, Choices):
        return len(space.lr.values) * len(space.epochs.values)
    return None


def _unshared(plan: Plan) -> int:
    """Phases that chains would train if none was shared."""
    pretrained = {name: int(model.pretrain is not None) for name, model in plan.grid.models.items()}
    return sum(
        plan.settings_of(study)
        * len(plan.grid.seeds)
        * (pretrained[study.model] + int(not study.intermediate.is_baseline) + _target_phases(plan, study))
        for study in plan.studies
    )


def _target_phases(plan: Plan, study: StudySpec) -> int:
    return len(learned_for(plan.sources[study.group].row))


def print_plan(options: LaunchOptions, *, as_json: bool) -> None:
    """Print the overview for a person or a program."""
    found = overview(prepare(options))
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    console = Console()
    table = listing("study", "targets", "settings", "seeds", "trials", "done")
    for study in found["studies"]:
        table.add_row(
            escape(study["study"]),
            ", ".join(study["targets"]),
            *(str(study[name]) for name in ("settings", "seeds", "trials", "done")),
        )
    console.print(table)
    phases = found["phases"]
    synthetic = ", SYNTHETIC data (mini world)" if found["synthetic"] else ""
    counts = f"{len(found['studies'])} studies, {found['trials']} trials ({found['done']} done)"
    console.print(f"\n{found['grid']}: {counts}, executor {found['executor']}{synthetic}", highlight=False)
    console.print(
        f"phases: at most {sum(phases.values())} to train ({', '.join(f'{count} {role}' for role, count in phases.items())}) "
        f"where unshared chains would train {found['phases_unshared']}; {found['phases_in_store']} in the store",
        highlight=False,
    )
    console.print(f"run it: {_command(options)}", highlight=False, soft_wrap=True)


def _command(options: LaunchOptions) -> str:
    """The launch that this plan is of."""
    words = ["sweep", "launch", "--grid", options.grid]
    for flag, folder in (("--data", options.data), ("--run", options.run)):
        words += [flag, str(folder)] if folder else []
    for name, folder_name in options.models.items():
        words += ["--model", f"{name}={folder_name}"]
    return shlex.join(words)
