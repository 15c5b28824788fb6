"""Measures the speed of training on this machine's CPU against what users would run instead, and prints the table of ratios.

    SWEEP_DATA=/path/to/data python -m benchmarks.speed [--quick] [--json PATH] [--markdown PATH]

Hugging Face's Trainer needs `accelerate` (`pip install --editable '.[bench]'`); without it row 2 is left out. `--quick` takes
about three minutes on 2 idle cores, the whole about twelve. Times mean little while the machine does other work; `load before`
says whether it did.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import torch

from benchmarks.speed import elsewhere, embedding, growth, making, training
from benchmarks.speed.table import Ratio, Report, Table, made_with

Found = Sequence[Ratio | Table]
NEW_LINE = "\n"
NOTES = (
    "A ratio is of seconds a real token, over the steps after a run's first. Arms take turns in one process.",
    "Both arms have dropout 0.1, but none of attention weights (the product's default); losses are compared without dropout.",
    "Medians and minima are of wall time; with several threads processor time also counts threads that wait for each other.",
    "Padding to the maximum is what the example scripts do by default; `tuned` groups by length and pads to the longest row.",
    "Models have random weights, and XLM-R's shape but for their sizes. Checkpoints are in neither arm.",
)


def parts(quick: bool, data: Path | None) -> Mapping[str, Callable[[], Iterator[Found]]]:
    """What can be measured, by name."""
    return {
        "training": lambda: training.sections(quick, data),
        "embedding": lambda: embedding.sections(quick),
        "making": lambda: making.sections(quick, data),
        "growth": lambda: growth.sections(quick, data),
        "elsewhere": elsewhere.sections,
    }


def data_folder(given: Path | None) -> Path | None:
    """The data folder that was named, on the command line or by SWEEP_DATA."""
    named = os.environ.get("SWEEP_DATA")
    return given or (Path(named) if named else None)


def command_of(module: str, asked: argparse.Namespace, data: Path | None) -> str:
    """The command that measures the same again, without this machine's paths."""
    flags = [f"--{name}" for name in ("quick", "rehearse") if getattr(asked, name, False)]
    flags += [f"--only {name}" for name in asked.only or ()] + ([f"--threads {asked.threads}"] if asked.threads else [])
    return " ".join([*(["SWEEP_DATA=DIR"] if data else []), "python -m", module, *flags])


def arguments(description: str | None, names: Sequence[str]) -> argparse.ArgumentParser:
    """What both benchmarks of speed are asked."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds, sets and sizes")
    parser.add_argument("--only", choices=names, action="append", help="measure this part alone (may be repeated)")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: torch's own choice)")
    parser.add_argument("--data", type=Path, help="data folder (default: SWEEP_DATA, else made-up texts)")
    parser.add_argument("--json", type=Path, help="write everything to this file")
    parser.add_argument("--markdown", type=Path, help="write the page to this file")
    return parser


def measured(
    report: Report,
    chosen: Mapping[str, Callable[[], Iterator[Found]]],
    asked: argparse.Namespace,
    goes_on: bool = False,
) -> None:
    """Measure the chosen parts, telling how long each took; write the files after each, and print the page at the end.

    With `goes_on` a part that fails is named on the page, and the others are measured: a GPU may be lent for minutes only.
    """
    for name, sections in chosen.items():
        begun = time.perf_counter()
        try:
            for found in sections():
                report.add(found)
                report.write(asked.json, asked.markdown)
                print(f"{name}: {time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)
        except Exception as error:
            if not goes_on:
                raise
            traceback.print_exc()
            report.failed.append(f"{name}: {type(error).__name__}: {str(error).partition(NEW_LINE)[0]}")
    report.write(asked.json, asked.markdown)
    print("\n".join(report.markdown()))
    if report.failed:
        sys.exit(1)


def main(given: Sequence[str] | None = None) -> None:
    """Measure, print and write."""
    parser = arguments(__doc__, list(parts(True, None)))
    asked = parser.parse_args(given)
    if asked.threads:
        torch.set_num_threads(asked.threads)
    data = data_folder(asked.data)
    command = command_of("benchmarks.speed", asked, data)
    report = Report("Speed of training on a CPU", command, made_with(torch.device("cpu")), notes=list(NOTES))
    every = parts(asked.quick, data)
    measured(report, {name: every[name] for name in asked.only or every}, asked)


if __name__ == "__main__":
    main()
