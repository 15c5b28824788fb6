"""What early stopping saves, and what it costs: a grid with `search.stopping` against the same grid without it.

Both arms have the same pairs, settings a pair and seeds, each its own run folder. Compared are the tokens trained, the best
English dev score of each pair (of its chosen setting: mean over seeds), and how much a score moves between seeds.

    python benchmarks/early_stopping.py [--folder FOLDER] [--grid mini_stopping]

A run that is cut short goes on with the same command. Data and scores of the mini grids are synthetic.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import yaml

from search_spaces.catalogue import grids
from training.identity import TaskUse
from training.record import PhaseTrace, Status, TrialRecord, read_records

Pair = tuple[str, str]


def launch(grid: Path, run: Path) -> None:
    """Run a grid to its end; raises CalledProcessError where it fails."""
    sweep = str(Path(sys.executable).with_name("sweep"))
    command = [sweep, "launch", "--grid", str(grid), "--run", str(run)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def without_stopping(grid: Path, folder: Path) -> Path:
    """The grid, written without `search.stopping`."""
    said = yaml.safe_load(grid.read_text(encoding="utf-8"))
    del said["search"]["stopping"]
    changed = folder / "without.yaml"
    changed.write_text(yaml.safe_dump(said, sort_keys=False), encoding="utf-8")
    return changed


def tokens(records: Iterable[TrialRecord]) -> int:
    """Tokens trained in all: every finished phase once, and of a stopped trial's last phase as many as its last rung's steps.

    A trunk is counted with each phase that stands on it.
    """
    known = list(records)
    phases = {trace.key: trace.tokens for record in known for trace in record.phases}
    ended = [record.phases[-1] for record in known if record.status is Status.FINISHED and record.phases]
    step = {trace.identity.tasks: trace.tokens / trace.steps for trace in ended}
    cut = [record for record in known if record.status is Status.STOPPED and record.rungs]
    unfinished = sum(record.rungs[-1].step * step[_last_task(record, ended)] for record in cut)
    return round(sum(phases.values()) + unfinished)


def _last_task(record: TrialRecord, ended: list[PhaseTrace]) -> tuple[TaskUse, ...]:
    """The tasks of the phase that a stopped trial was in: those of its pair's finished trials."""
    group = record.study.split(".")[2].partition("~")[0]
    return next(trace.identity.tasks for trace in ended if trace.identity.tasks[0].task == group)


def chosen(records: Iterable[TrialRecord], seeds: int) -> dict[Pair, list[float]]:
    """English dev scores, one a seed, of each pair's best setting among those that have every seed."""
    found: dict[Pair, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        if record.status is Status.FINISHED and record.selection is not None:
            found[record.intermediate, "+".join(record.targets)][record.number].append(record.selection.score)
    best = {}
    for pair, settings in found.items():
        whole = [scores for scores in settings.values() if len(scores) == seeds]
        best[pair] = max(whole, key=statistics.fmean)
    return best


def main() -> None:
    """Run both arms and print a Markdown table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--grid", default="mini_stopping")
    parser.add_argument("--folder", type=Path, default=Path("runs/early_stopping"))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    grid = grids()[options.grid]
    arms = {"with": grid, "without": without_stopping(grid, options.folder)}
    records = {}
    for arm, file in arms.items():
        launch(file, options.folder / arm)
        records[arm] = read_records(options.folder / arm)
    seeds = len({record.seed for record in records["without"]})
    best = {arm: chosen(found, seeds) for arm, found in records.items()}
    print("| pair | best dev, every setting to its end | best dev, early stopping | difference | spread over seeds |")
    print("|---|---|---|---|---|")
    differences = []
    for pair, scores in best["without"].items():
        mine = best["with"][pair]
        differences.append(statistics.fmean(mine) - statistics.fmean(scores))
        cells = f"{statistics.fmean(scores):.1f} | {statistics.fmean(mine):.1f} | {differences[-1]:+.1f}"
        print(f"| {pair[0]} → {pair[1]} | {cells} | {statistics.stdev(scores):.1f} |")
    error = statistics.stdev(differences) / len(differences) ** 0.5
    print(f"\nMean difference {statistics.fmean(differences):+.2f}, standard error {error:.2f} over {len(differences)} pairs.")
    for arm, found in records.items():
        stopped = sum(record.status is Status.STOPPED for record in found)
        seconds = sum(record.timing.get("seconds", 0.0) for record in found)
        print(f"{arm}: {len(found)} trials, {stopped} stopped early, {tokens(found):,} tokens, {seconds:.0f} s of trials")


if __name__ == "__main__":
    main()
