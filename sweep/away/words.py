"""The words of commands: those that a job is started with, and those that a user comes back with."""

from __future__ import annotations

import hashlib
import posixpath
import re
import shlex
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from sweep.options import LaunchOptions
from sweep.planning.limits import deadline_of

LABEL = "sweep-"
HEAD = "sweep.away.head"
"""The module that runs there."""
PACK, KNOWN = "pack", "known.json"
"""The word that has a run folder packed, and the file that says what of it is here already."""
PYTHON = '"${SWEEP_PYTHON:-python}"'
"""The head's Python: what its shell finds, or what the head's environment names."""


def run_word(run: object) -> str:
    """A run folder of the cluster as it is asked for: equal folders in equal words."""
    return posixpath.normpath(str(run))


def job_label(run: str) -> str:
    """What the submission ids of every launch of a run folder begin with."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", posixpath.basename(run))[:40] or "run"
    return f"{LABEL}{name}-{hashlib.sha256(run.encode()).hexdigest()[:10]}-"


def launch_words(options: LaunchOptions, grid: str, run: str) -> list[str]:
    """`launch --grid ...` for the head, with the folders of its machine; a deadline is told as a moment, its zone included."""
    words = ["launch", "--grid", grid, "--run", run]
    for flag, folder in (("--data", options.data), ("--store", options.store_word), ("--executor", options.executor)):
        words += [flag, str(folder)] if folder else []
    for name, folder_name in options.models.items():
        words += ["--model", f"{name}={folder_name}"]
    return words + _limit_words(options)


def resume_words(options: LaunchOptions, run: str) -> list[str]:
    """`resume --run ...` for the head; only limits that are given replace those of the latest launch."""
    return ["resume", "--run", run, *_limit_words(options)]


def _limit_words(options: LaunchOptions) -> list[str]:
    limits = (
        ("--budget-gpu-hours", options.budget_gpu_hours),
        ("--max-cost", options.max_cost),
        ("--price", options.price),
    )
    words = [word for flag, value in limits if value is not None for word in (flag, repr(value))]
    if options.deadline is not None:
        until = deadline_of(options.deadline, time.time())
        words += ["--deadline", datetime.fromtimestamp(until, UTC).isoformat(timespec="seconds")]
    return [*words, "--retry-failed"] if options.retry_failed else words


def wish(options: LaunchOptions, digest: str) -> str:
    """What tells two launches apart that a user asks for: a digest of code and options (a deadline as it was written)."""
    told: list[object] = [options.grid, options.data, options.store_word, options.executor, sorted(options.models.items())]
    told += [digest, options.budget_gpu_hours, options.max_cost, options.price, options.retry_failed, options.deadline]
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def job_command(words: Sequence[str]) -> str:
    """The shell command of a job that runs these words on the head."""
    return f"exec {PYTHON} -m {HEAD} {shlex.join(words)}"


def command(verb: str, on: str, run: str, *more: str) -> str:
    """A command for the user: `sweep <verb> --on ... --run ...`."""
    return shlex.join(["sweep", verb, "--on", on, "--run", run, *more])
