"""Learning curves of real target phases, for the simulator: English dev score at several shares of the phase.

Trains phase 0 of the mini world once, then every target phase of the table below, and measures English dev on the way. Batches
and dropout follow from (seed, step), so looking does not change what is learned. About ten minutes on one core.

    python benchmarks/learning_curves.py > sweep/simulate/curves.json
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from itertools import product
from pathlib import Path

from search_spaces.reading import read_grid
from sweep.options import encoded_folder
from sweep.planning.plan import Plan, make_plan
from sweep.planning.studies import StudySpec
from sweep.sources import resolve_models, resolve_sources
from training.chain import run_chain
from training.data.corpus import Corpus
from training.errors import DivergedError
from training.evaluate import Evaluator
from training.models.backbone import load_tokenizer
from training.models.carry import from_phase
from training.phase import train_phase, vocabulary_of
from training.stores.store import PhaseStore
from training.tasks.registry import ROWS
from training.tasks.row import Split

SHARES = (0.0625, 0.125, 0.25, 0.375, 0.5, 0.75, 1.0)
RATES = (2e-4, 4e-4, 8e-4, 1.6e-3, 3.2e-3, 6.4e-3, 1.28e-2)
EPOCHS = (2, 4)
SEEDS = (1, 2, 3)
PAIRS = (
    ("none", "mini_udpos"),
    ("none", "mini_panx"),
    ("none", "mini_xquad"),
    ("none", "mini_xcopa"),
    ("mini_hellaswag", "mini_xcopa"),
)
GRID = """
name: learning_curves
models:
  mini:
    source: mini_world
    pretrain: {task: mini_mlm, lr: 1.5e-3, epochs: 4, batch: 16, seed: 0, mask_rate: 0.4, length_pool: 50}
intermediates: [none, mini_hellaswag]
targets: [mini_xcopa, mini_udpos, mini_panx, mini_xquad, mini_tatoeba]
data:
  mini_squad: {caps: {train: 1200}}
  mini_udpos: {caps: {train: 300}}
  mini_panx: {caps: {train: 500}}
search:
  space:
    intermediate: {lr: [6e-4], epochs: [2]}
    target: {lr: {low: 2e-4, high: 1.28e-2, log: true}, epochs: [2, 4]}
"""


def prepared(run: Path) -> Plan:
    """The plan of the grid above, its phase 0 and its intermediate phase trained."""
    grid = read_grid(GRID, "learning_curves.yaml", ROWS)
    plan = make_plan(grid, resolve_models(grid, {}), resolve_sources(grid, None), run.resolve())
    for study in plan.studies:
        if study.group == "mini_tatoeba":
            run_chain(plan.job(study, {"intermediate.lr": 6e-4, "intermediate.epochs": 2}, 0))
    return plan


def study_of(plan: Plan, intermediate: str, target: str) -> StudySpec:
    """The study of a pair."""
    (found,) = [item for item in plan.studies if item.intermediate.name == intermediate and target in item.targets]
    return found


def measured(plan: Plan, study: StudySpec, rate: float, epochs: int, seed: int) -> list[float]:
    """English dev scores (percent) after each of SHARES of one target phase; zeros from where it diverges."""
    start = {"intermediate.lr": 6e-4, "intermediate.epochs": 2}
    chain = plan.chain(study, {**start, "target.lr": rate, "target.epochs": epochs}, seed)
    job = plan.job(study, {**start, "target.lr": rate, "target.epochs": epochs}, seed)
    # The intermediate phase is that of seed 0, whatever the target's: one start for every curve.
    parent = plan.chain(study, {**start, "target.lr": rate, "target.epochs": epochs}, 0).phase_keys[-2]
    weights = PhaseStore(plan.store).find(parent)
    assert weights is not None
    phase = chain.phases[-1]
    tokenizer = load_tokenizer(job.model_folder)
    corpus = Corpus(plan.sources, tokenizer, chain.model.tokenizer, folder=encoded_folder())
    rows = [plan.sources[use.task].row for use in phase.tasks]
    model, _ = from_phase(job.model_folder, weights.weights, rows, seed=seed)
    vocabulary = vocabulary_of(model, tokenizer)
    evaluator = Evaluator(model, corpus, vocabulary, job.runtime)
    scores: list[float] = []

    def look(step: int, steps: int, loss: float) -> None:
        while len(scores) < len(SHARES) and step >= SHARES[len(scores)] * steps:
            scores.append(round(evaluator.evaluate(chain.selection[0]).mean, 1))
        model.train()

    data = [corpus.encoded(use.task, Split.TRAIN, "en", use.data) for use in phase.tasks]
    try:
        train_phase(model, phase, data, vocabulary, job.runtime, progress=look)
    except DivergedError:
        scores += [0.0] * (len(SHARES) - len(scores))
    return scores


def main() -> None:
    """Print the table as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", type=Path, default=Path("runs/learning_curves"))
    plan = prepared(parser.parse_args().run)
    tables = []
    for intermediate, target in PAIRS:
        study, curves = study_of(plan, intermediate, target), []
        for rate, epochs, seed in product(RATES, EPOCHS, SEEDS):
            begun = time.monotonic()
            curves.append([rate, epochs, seed, measured(plan, study, rate, epochs, seed)])
            print(*curves[-1], f"{time.monotonic() - begun:.1f} s", file=sys.stderr)
        kind = plan.sources[study.group].row.kind
        tables.append({"intermediate": intermediate, "target": target, "kind": kind, "curves": curves})
    listed = ",\n".join(
        json.dumps({**item, "curves": None})[:-5] + "[\n" + ",\n".join(map(json.dumps, item["curves"])) + "\n]}"
        for item in tables
    )
    print(f'{{"shares": {json.dumps(SHARES)}, "tables": [\n{listed}\n]}}')


if __name__ == "__main__":
    main()
