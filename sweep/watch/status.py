"""`sweep status`: how far a sweep is, from any shell, from the run folder alone."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from sweep.outcome import current_records
from sweep.runfolder import is_held, read_mark
from sweep.watch.live import doing, read_live
from training.record import Status

STALE = 30.0


def status_of(run: Path) -> dict[str, Any]:
    """Counts, running trials and rate of a run folder; raises UserError when it is not one."""
    mark = read_mark(run)
    records = current_records(run, mark)
    held = is_held(run)
    live = [state for state in read_live(run) if held]
    failed = [record.trial for record in records if record.status is Status.FAILED]
    phases = list((run / "phases").glob("*--*")) if (run / "phases").is_dir() else []
    return {
        "grid": mark.grid,
        "run": str(run),
        "state": "running" if held else ("finished" if len(records) >= mark.trials else "stopped"),
        "trials": mark.trials,
        "done": len(records),
        "failed": failed,
        "phases": len(phases),
        "running": [_running(state) for state in live],
    }


def _running(state: dict[str, Any]) -> dict[str, Any]:
    updated = float(state.get("updated", 0.0))
    return {
        "trial": state.get("trial", ""),
        "phase": state.get("phase", "starting"),
        "step": state.get("step", 0),
        "steps": state.get("steps", 0),
        "loss": state.get("loss"),
        "doing": doing(state) or "starting",
        "seconds": round(time.time() - float(state.get("started", updated)), 1),
        "silent": time.time() - updated > STALE,
    }


def print_status(run: Path, as_json: bool = False) -> None:
    """Print `status_of` for a person or a program."""
    status = status_of(run)
    if as_json:
        click.echo(json.dumps(status, indent=1))
        return
    click.echo(
        f"{status['grid']} in {status['run']}: {status['state']}, {status['done']} of {status['trials']} trials, "
        f"{len(status['failed'])} failed, {status['phases']} phases in the store"
    )
    for trial in status["running"]:
        loss = f", loss {trial['loss']:.3f}" if trial["loss"] is not None else ""
        click.echo(
            f"  {trial['trial']}: {trial['doing']}{loss}, {trial['seconds']:.0f} s" + (" (silent)" if trial["silent"] else "")
        )
    for name in status["failed"]:
        click.echo(f"  failed: {name} (sweep show {name} --run {status['run']})")
    if status["state"] == "stopped":
        click.echo(f"go on with: sweep launch --grid {status['grid']} --run {status['run']}")
