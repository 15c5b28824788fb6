"""Time from a trial's start to its first training step, cold (first trial of a process) and warm, for both executors.

Runs the `tiny` grid into a temporary folder and reads the records: `start` counts from when the search gave the trial out until
its chain began to run, `to_first_step` until its first optimiser step was done. Trials that reuse every phase train no step.

    python benchmarks/trial_start.py [--executors inline train]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from training.record import TrialRecord, read_records


def measure(executor: str) -> list[TrialRecord]:
    """Records of one run of the tiny grid, in the order in which the trials were started."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        command = [
            str(Path(sys.executable).with_name("sweep")),
            "launch",
            "--grid",
            "tiny",
            "--executor",
            executor,
            "--run",
            str(run),
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return sorted(read_records(run), key=lambda record: record.started)


def main() -> None:
    """Print a markdown table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--executors", nargs="+", default=["inline", "train"])
    print("| executor | trial | start, s | to first training step, s | whole trial, s |")
    print("|---|---|---|---|---|")
    for executor in parser.parse_args().executors:
        for number, record in enumerate(measure(executor)):
            timing = record.timing
            first = f"{timing['to_first_step']:.2f}" if "to_first_step" in timing else "–"
            print(f"| {executor} | {number + 1} | {timing['start']:.2f} | {first} | {timing['seconds']:.2f} |")


if __name__ == "__main__":
    main()
