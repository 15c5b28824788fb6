"""What `sweep plan` prints: the overview and the comparison, for a person or a program."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from sweep.amounts import several, size
from sweep.options import LaunchOptions
from sweep.planning.commands import command_of
from sweep.planning.gpus import named_gpu
from sweep.planning.nominal import NominalPlan, is_nominal, plan_with_what_is_there
from sweep.planning.overview import overview
from sweep.planning.throughput import Sample
from sweep.words import listing, print_lines
from training.errors import UserError


def print_plan(options: LaunchOptions, *, as_json: bool, gpu: str | None = None, calibrate: float | None = None) -> None:
    """Print the overview; `calibrate` are seconds of real training to measure this machine with.

    `gpu` is `H100`, or `H100:80` with its memory in GB. Raises UserError where there is nothing to calibrate with, nothing is
    known of `gpu`, or a trial does not fit it.
    """
    seen = named_gpu(gpu) if gpu else None
    found = plan_with_what_is_there(options)
    calibrated = _calibrated(found, calibrate) if calibrate else []
    shown = overview(found, price=options.price, gpu=seen, calibrated=calibrated)
    if as_json:
        click.echo(json.dumps(shown, indent=1))
        return
    console = Console()
    table = listing("study", "targets", "settings", "seeds", "trials", "done")
    for study in shown["studies"]:
        counts = (str(study[name]) for name in ("settings", "seeds", "trials", "done"))
        table.add_row(escape(study["study"]), ", ".join(study["targets"]), *counts)
    console.print(table)
    print_lines(console, "\n".join(_lines(shown)))
    if any(shown["nominal"].values()):
        print_lines(console, "\n".join(nominal_lines(found)), "yellow")
    print_lines(console, f"run it: {command_of('launch', options)}")


def print_comparison(options: LaunchOptions, *, as_json: bool) -> None:
    """Print how many tokens the grid needs in several ways (`compare`)."""
    from sweep.planning.compare import comparison
    from sweep.planning.sizes import sizes_of

    found = plan_with_what_is_there(options)
    shown = comparison(found.plan, sizes_of(found.plan, found.splits))
    if as_json:
        click.echo(json.dumps(shown, indent=1))
        return
    console = Console()
    table = listing("way", "tokens, G", "fewer than naive", "fewer than once", "trials to the end")
    for way in shown["ways"]:
        ratios = (f"{way['fewer'][other]:.2f}x" for other in ("naive", "once"))
        table.add_row(way["way"], f"{way['tokens'] / 1e9:.2f}", *ratios, str(way.get("trials_to_the_end", "")))
    console.print(f"{shown['grid']}: {shown['trials']} trials, {shown['settings']} settings x {shown['seeds']} seeds a pair\n")
    console.print(table)
    console.print()
    print_lines(console, "\n".join(f"{way['way']}: {way['definition']}" for way in shown["ways"]))
    console.print()
    for aim in shown["aims"]:
        said = "met" if aim["met"] else "MISSED"
        line = f"aim: {aim['way']} at least {aim['aim']:g}x fewer than {aim['than']}: {aim['fewer']:.2f}x, {said}"
        print_lines(console, line)
    if is_nominal(found.plan):
        print_lines(console, "\n".join(nominal_lines(found)), "yellow")


def nominal_lines(found: NominalPlan) -> list[str]:
    """That something is not at hand, and what that means."""
    lines = []
    if found.tasks:
        lines.append(f"no data here of: {', '.join(found.tasks)}. Their sizes are published or assumed (--json says which)")
    if found.models:
        here = "a launch fetches what is on the hub, and needs every other folder"
        lines.append(f"not here: the model {', '.join(found.models)}, so no phase is looked for in the store; {here}")
    if found.unsized:
        names = ", ".join(found.unsized)
        lines.append(f"size unknown, counted as XLM-R Base (hours, memory, store): {names}. --model NAME=DIR gives its folder")
    if found.tasks:
        lines.append("a launch needs all of it: sweep data prepare fetches what can be fetched, --data names the folder")
    return lines


def _calibrated(found: NominalPlan, seconds: float) -> list[Sample]:
    from sweep.planning.calibrate import calibrate

    if is_nominal(found.plan):
        missing = ", ".join((*found.tasks, *found.models))
        raise UserError("there is nothing to calibrate with: data or models are not here", missing, "give --data and --model")
    return calibrate(found.plan, seconds)


def _lines(shown: Mapping[str, Any]) -> list[str]:
    phases, left = shown["phases"], shown["left"]
    synthetic = ", SYNTHETIC data (mini world)" if shown["synthetic"] else ""
    waiting = f", {shown['paused']} waiting at a rung" if shown["paused"] else ""
    stopped = f", {left['stopped_early']} of them stopped early" if left["stopped_early"] else ""
    roles = ", ".join(f"{count} {role}" for role, count in phases.items())
    lines = [
        "",
        f"{shown['grid']}: {several(len(shown['studies']), 'study', 'studies')}, {several(shown['trials'], 'trial')} "
        f"({shown['done']} done{waiting}), executor {shown['executor']}{synthetic}",
        f"phases: at most {sum(phases.values())} to train ({roles}) where unshared chains would train "
        f"{shown['phases_unshared']}; {shown['phases_in_store']} in the store",
    ]
    lines += [shown["rank"]] if "rank" in shown else []
    for setting, tasks in shown["examples_lacking"].items():
        said = ", ".join(f"{there:,} of {wanted:,} examples of {task}" for task, (there, wanted) in tasks.items())
        lines.append(f"{setting}: there are only {said}; all of them are learned, and no other task has the rest")
    if not left["trials"]:
        return [*lines, "nothing is left to run"]
    part = f", {left['phases_stopped_early']} in part" if left["phases_stopped_early"] else ""
    lines += [
        f"left: {several(left['trials'], 'trial')}{stopped}; phases: {left['phases_cached']} cached, "
        f"{left['phases_to_train']} to train{part}, {left['phases_shared']} uses shared",
        f"work: {shown['tokens'] / 1e6:,.1f} M tokens, {_range(shown['gpu_hours'])} {_unit(shown)}{_price(shown['money'])}",
    ]
    times = "; ".join(f"{gpus}: {_range(hours)} h" for gpus, hours in shown["hours_at"].items())
    lines.append(f"time, by number of {'GPUs' if shown['gpu'] else 'trials at once'}: {times}")
    lines.append(f"store: up to {size(shown['storage_bytes'])}")
    return [*lines, *shown["sharing"], f"rates: {'; '.join([*shown['gpu_hours_basis'], *shown['pace']])}"]


def _unit(shown: Mapping[str, Any]) -> str:
    return "GPU-hours" if shown["gpu"] else "hours of trials"


def _price(found: Mapping[str, float] | None) -> str:
    return f", {_range(found)} at {found['price']:g} each" if found else ""


def _range(found: Mapping[str, float]) -> str:
    low, likely, high = (_number(found[name]) for name in ("low", "likely", "high"))
    return f"{likely} ({low} to {high})"


def _number(value: float) -> str:
    """Two figures behind the point, or as many as it takes to see one that is not 0."""
    return f"{value:,.2f}" if value >= 0.01 or value == 0 else f"{value:.1g}"
