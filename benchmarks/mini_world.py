"""Does the mini world transfer? Scores in English and in the other languages over three seeds, beside what guessing gets.

Runs the grid `mini_world` (several minutes on two cores; the same run folder again goes on where it was), then scores phase 0's
masked language modelling in every language. Guessing means: the most frequent label or tag of the split, a random word of the
context as the answer (seeded), one candidate of all, the most frequent piece of the text.

    python benchmarks/mini_world.py --run runs/mini_world > benchmarks/mini_world.md
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from reports.table import transfer_markdown
from sweep.foreseen import tables_of
from sweep.options import LaunchOptions
from sweep.planning.plan import Plan
from sweep.planning.preparing import prepare
from training.chain import ChainJob, run_chain
from training.data.corpus import Corpus
from training.data.examples import Bitext, Question
from training.data.loading import data_digest, load
from training.identity import EvaluationIdentity
from training.metrics.scores import gold_of, score
from training.models.backbone import load_tokenizer
from training.record import TargetResult, TrialRecord, read_records
from training.tasks.row import Kind


def guessing(plan: Plan, task: str, language: str) -> float:
    """Score of a guesser on one language of a task."""
    source = plan.sources[task]
    examples = load(source, source.row.scored_on, language)
    gold = gold_of(source.row, examples)
    if source.row.kind is Kind.RETRIEVAL:
        (bitext,) = (example for example in examples if isinstance(example, Bitext))
        return 100.0 / len(bitext.candidates)
    if source.row.kind is Kind.SPAN:
        generator = np.random.default_rng(0)
        answers = {item.id: str(generator.choice(item.context.split())) for item in examples if isinstance(item, Question)}
        return score(source.row, language, answers, gold)["score"]
    if source.row.kind is Kind.TAGGING:
        ((most, _),) = Counter(tag for tags in gold for tag in tags).most_common(1)
        return score(source.row, language, [[most] * len(tags) for tags in gold], gold)["score"]
    ((most, _),) = Counter(gold).most_common(1)
    return score(source.row, language, [most] * len(gold), gold)["score"]


def masked_scores(plan: Plan) -> TargetResult:
    """Phase 0's accuracy on masked tokens in every language."""
    job = plan.job(plan.studies[0], {f"target.{axis}": 1 for axis in ("lr", "epochs")}, 1)
    row = plan.sources["mini_mlm"].row
    measured = EvaluationIdentity(
        task=row.name,
        version=row.version,
        split="dev",
        languages=row.languages,
        data=data_digest(plan.sources["mini_mlm"], "dev", row.languages)[:16],
        max_length=row.encoding.max_length,
        stride=row.encoding.stride,
    )
    chain = replace(job.identity, phases=job.identity.phases[:1], selection=(), evaluations=(measured,))
    only: ChainJob = replace(job, identity=chain)
    (result,) = run_chain(only).results
    return result


def most_frequent_piece(plan: Plan, language: str) -> float:
    """Share, in percent, of the piece that is most frequent in a language's text."""
    job = plan.job(plan.studies[0], {f"target.{axis}": 1 for axis in ("lr", "epochs")}, 1)
    corpus = Corpus(plan.sources, load_tokenizer(job.model_folder), job.identity.model.tokenizer)
    features = corpus.encoded("mini_mlm", "dev", language, "any").features
    pieces = Counter(int(piece) for item in features if item.special is not None for piece in item.ids[item.special == 0])
    return 100.0 * max(pieces.values()) / sum(pieces.values())


def spread(values: list[float]) -> str:
    """Mean and standard deviation over seeds."""
    return f"{np.mean(values):.1f} ± {np.std(values, ddof=1):.1f}" if len(values) > 1 else f"{values[0]:.1f}"


def results_of(records: list[TrialRecord], intermediate: str, task: str) -> list[TargetResult]:
    """Results of one pair, one a seed."""
    chosen = [record for record in records if record.intermediate == intermediate]
    return [result for record in chosen for result in record.results if result.task == task]


def main() -> None:
    """Run the grid, print markdown."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", type=Path, default=Path("runs/mini_world"))
    run = parser.parse_args().run
    sweep = str(Path(sys.executable).with_name("sweep"))
    subprocess.run([sweep, "launch", "--grid", "mini_world", "--run", str(run)], check=True, stdout=sys.stderr)
    plan, records = prepare(LaunchOptions(grid="mini_world", run=run)), read_records(run)
    print("# The mini world: does it transfer?\n")
    print("SYNTHETIC data. Made by `python benchmarks/mini_world.py --run runs/mini_world`.\n")
    print(transfer_markdown(tables_of(run)))
    print("## Against guessing, without an intermediate task\n\nMean ± standard deviation over the seeds.\n")
    print("| task | kind | en | mean of the others | lowest other | guessing, mean of the others |\n|---|---|---|---|---|---|")
    for task in plan.grid.targets:
        found = results_of(records, "none", task)
        others = [language for language in found[0].languages if language != "en"]
        english = spread([result.languages["en"]["score"] for result in found]) if "en" in found[0].languages else "–"
        lowest = min(float(np.mean([result.languages[name]["score"] for result in found])) for name in others)
        guessed = float(np.mean([guessing(plan, task, language) for language in others]))
        mean = spread([result.mean_non_english or 0.0 for result in found])
        kind = plan.sources[task].row.kind.replace("_", " ")
        print(f"| {task} | {kind} | {english} | {mean} | {lowest:.1f} | {guessed:.1f} |")
    masked = masked_scores(plan)
    others = [scores["score"] for language, scores in masked.languages.items() if language != "en"]
    english = masked.languages["en"]["score"]
    guessed = float(np.mean([most_frequent_piece(plan, language) for language in masked.languages if language != "en"]))
    scores = f"{english:.1f} | {np.mean(others):.1f} | {min(others):.1f} | {guessed:.1f}"
    print(f"| mini_mlm (phase 0) | masked language modelling | {scores} |")


if __name__ == "__main__":
    main()
