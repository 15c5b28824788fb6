"""What every task reads of a folder of real data, and what comes of it: tables of rows, labels, languages and scores.

The grids `real_intermediates` and `real_targets` are run first (minutes each on two cores; the same run folder again goes on
where it was). Rows are counted before caps and after a dev set is held out.

    SWEEP_DATA=/path/to/data python benchmarks/real_tasks.py --run runs > tables.md
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sweep.foreseen import current_records
from sweep.options import LaunchOptions
from sweep.planning.needs import needed_splits
from sweep.planning.plan import Plan
from sweep.planning.preparing import prepare
from sweep.runfolder import read_mark
from training.data.loading import DataSource, load
from training.data.prepared import native_files
from training.data.request import ReadRequest
from training.data.statistics import label_counts, row_texts
from training.data.units import wanted
from training.record import ENGLISH, TargetResult, TrialRecord
from training.tasks.registry import ROWS
from training.tasks.row import Kind, Split

GRIDS = ("real_intermediates", "real_targets")
_ROWS = "| task | kind | split | files | languages | rows | labels |"
_FEW = 5
"""Labels up to which each is counted in the table."""


def launched(grid: str, runs: Path) -> tuple[Plan, list[TrialRecord]]:
    """A grid that was run to its end, and its records."""
    run = runs / grid
    sweep = str(Path(sys.executable).with_name("sweep"))
    subprocess.run([sweep, "launch", "--grid", grid, "--run", str(run)], check=True, stdout=sys.stderr)
    return prepare(LaunchOptions(grid=grid, run=run)), current_records(run, read_mark(run))


def rows_read(plans: Sequence[Plan]) -> Iterator[str]:
    """Lines of the table of what the grids read: one for each task, split and way of reading it."""
    yield f"{_ROWS} used |\n|---|---|---|---|---|---:|---|---:|"
    sources = [
        (plan.sources[task], str(split), languages)
        for plan in plans
        for _, task, split, languages in needed_splits(plan.grid, plan.sources)
    ]
    lines = [f"{split_line(*read)} {used(*read):,} |" for read in sources]
    yield from dict.fromkeys(lines)


def rows_besides(plans: Sequence[Plan]) -> Iterator[str]:
    """Lines of the table of what else the folder has for the tasks of the grids, below the names that their rows give."""
    yield f"{_ROWS}\n|---|---|---|---|---|---:|---|"
    sources = {name: source for plan in plans for name, source in plan.sources.items()}
    scored = {(task, str(split)) for plan in plans for _, task, split, _ in needed_splits(plan.grid, plan.sources)}
    for name, source in sources.items():
        plain = DataSource(row=ROWS[name], root=source.root)
        there: dict[str, list[str]] = {}
        for split, language in wanted(plain.row):
            if native_files(ReadRequest(plain.row, plain.root, split, language)):
                there.setdefault(split, []).append(language)
        for split, languages in there.items():
            if (name, split) not in scored or source.row.files.get(split) != plain.row.files[split]:
                yield split_line(plain, split, languages)


def split_line(source: DataSource, split: str, languages: Sequence[str]) -> str:
    """What a split holds in all its languages, before caps."""
    row, whole = source.row, replace(source, caps={})
    rows, labels = [], Counter[str]()
    for language in languages:
        examples = load(whole, split, language)
        rows.append(len(list(row_texts(examples))))
        labels.update(label_counts(row, examples))
    carved = source.carve_dev > 0 and split in (Split.TRAIN, Split.DEV)
    file = row.files[Split.TRAIN if carved else split]
    file = f"`{file.replace('{lang}', languages[0]) if len(languages) == 1 else file}`"
    if carved:
        file = f"{source.carve_dev:.0%} of {file}" if split == Split.DEV else f"{file} less {source.carve_dev:.0%}"
    spoken = ", ".join(languages) if len(languages) < _FEW else str(len(languages))
    span = f"{sum(rows):,}" + (f" ({spread(rows)} each)" if len(rows) > 1 else "")
    return f"| {row.name} | {row.kind.replace('_', ' ')} | {split} | {file} | {spoken} | {span} | {counted(labels, row.kind)} |"


def used(source: DataSource, split: str, languages: Sequence[str]) -> int:
    """Rows that are left by the cap."""
    return sum(len(list(row_texts(load(source, split, language)))) for language in languages)


def spread(rows: Sequence[int]) -> str:
    """The fewest and the most rows of a language."""
    return f"{min(rows):,}" if min(rows) == max(rows) else f"{min(rows):,} to {max(rows):,}"


def counted(labels: Counter[str], kind: Kind) -> str:
    """Labels with their counts, or how many there are when they are many."""
    if len(labels) <= _FEW:
        return ", ".join(f"{name} {count:,}" for name, count in labels.items())
    return f"{len(labels)} {'tags' if kind is Kind.TAGGING else 'labels'}, {sum(labels.values()):,} in all"


def intermediate_lines(plan: Plan, records: Sequence[TrialRecord]) -> Iterator[str]:
    """Lines of the table of intermediate settings, in the grid's order."""
    yield "| intermediate | English dev metric | score | steps | tokens | training, s | tatoeba after it |"
    yield "|---|---|---:|---:|---:|---:|---:|"
    found = {record.intermediate: record for record in records}
    for setting in plan.grid.intermediates:
        record = found[setting.name]
        chosen = record.selection
        metrics = ", ".join(dict.fromkeys(plan.sources[task].row.metric for task in setting.tasks)) or "–"
        score = f"{chosen.score:.1f}" if chosen else "–"
        steps, tokens = sum(phase.steps for phase in record.phases), sum(phase.tokens for phase in record.phases)
        seconds = sum(phase.seconds for phase in record.phases)
        (result,) = record.results
        yield f"| {setting.name} | {metrics} | {score} | {steps} | {tokens:,} | {seconds:.0f} | {result.mean:.1f} |"


def target_lines(plan: Plan, records: Sequence[TrialRecord]) -> Iterator[str]:
    """Lines of the table of targets, in the grid's order."""
    yield "| target | learned from | split | languages | examples | official | clean | official, en | official, others |"
    yield "|---|---|---|---:|---:|---:|---:|---:|---:|"
    results = {result.task: result for record in records for result in record.results}
    for task in plan.grid.targets:
        row, result = plan.sources[task].row, results[task]
        source = row.training_row if row.trained else "nothing"
        learned = f"{row.train_first}, then {source}" if row.train_first else source
        english = f"{result.languages[ENGLISH]['score']:.1f}" if ENGLISH in result.languages else "–"
        others = "–" if result.mean_non_english is None else f"{result.mean_non_english:.1f}"
        mark = " (oracle)" if result.oracle else ""
        count = sum(result.examples.values())
        yield (
            f"| {task} | {learned} | {result.split} | {len(result.languages)} | {count:,} | {result.mean:.1f}{mark} "
            f"| {clean_mean(result)}{mark} | {english} | {others}{mark} |"
        )


def clean_mean(result: TargetResult) -> str:
    """The clean scorer's mean over languages."""
    known = [scores["clean"] for scores in result.languages.values() if "clean" in scores]
    return f"{np.mean(known):.1f}" if len(known) == len(result.languages) else "–"


def main() -> None:
    """Run the grids, print Markdown."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", type=Path, default=Path("runs"), help="the folder of the run folders")
    runs = parser.parse_args().run
    (learned, first), (scored, second) = (launched(grid, runs) for grid in GRIDS)
    print("## Intermediate tasks\n", *intermediate_lines(learned, first), "\n## Targets\n", sep="\n")
    print(*target_lines(scored, second), "\n## What was read\n", *rows_read([learned, scored]), sep="\n")
    print("\n## What the folder has besides\n", *rows_besides([learned, scored]), sep="\n")
    named = {name for plan in (learned, scored) for name in plan.sources}
    absent = [name for name, row in ROWS.items() if not row.synthetic and name not in named]
    print(f"\nTasks of neither grid: {', '.join(absent)}.")


if __name__ == "__main__":
    main()
