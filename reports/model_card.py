"""The model card of a selected chain: what it is, how it was made and chosen, its scores, its ingredients and its limits.

Markdown with the front matter that a model hub reads. Names come from grids and data, so whatever could be markup in them is
escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from reports.selection import Chosen
from training.identity import Role
from training.record import ENGLISH, PhaseTrace, TargetResult, TrialRecord

UNSTATED = "not stated"
_MARKUP = re.compile(r"([\\`*_{}\[\]<>|#~$&])")
_ROLES = {Role.PRETRAIN: "pretraining", Role.INTERMEDIATE: "intermediate task", Role.TARGET: "target task"}


@dataclass(frozen=True, kw_only=True)
class Ingredient:
    """Something that the model is made of, or was measured on."""

    name: str
    use: str
    licence: str = ""
    source: str = ""
    citation: str = ""


@dataclass(frozen=True, kw_only=True)
class Loading:
    """How the folder is loaded: a class of transformers; `why_encoder` says why it is the encoder alone where it is."""

    loads_with: str
    why_encoder: str = ""


def model_card(
    chosen: Chosen, record: TrialRecord, result: TargetResult, ingredients: Sequence[Ingredient], loading: Loading
) -> str:
    """The whole card; equal arguments give equal text."""
    title = f"# {plain(record.model)}: {plain(record.intermediate)} → {plain(chosen.target)}"
    parts = [
        title,
        *_labels(chosen, result),
        _what(chosen, record, result),
        "## Load it",
        *_loading(loading, result),
        "## How it was trained",
        *_phases(record.phases),
        "## How it was chosen",
        *_choice(chosen),
        "## Scores",
        *_scores(result, chosen),
        "## Ingredients and their licences",
        *_ingredients(ingredients),
        "## Limits",
        *_limits(chosen, result, ingredients),
    ]
    return _front_matter(chosen, record, result) + "\n" + "\n\n".join(parts) + "\n"


def plain(text: str) -> str:
    """Text that Markdown and HTML show as it is, on one line."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split())).replace("\\<", "&lt;").replace("\\>", "&gt;").replace("\\&", "&amp;")


def _front_matter(chosen: Chosen, record: TrialRecord, result: TargetResult) -> str:
    metrics = [
        {"type": "score", "name": f"score ({code})", "value": round(scores["score"], 2)}
        for code, scores in sorted(result.languages.items())
    ]
    name = f"{record.model}-{record.intermediate}-{chosen.target}"
    about: dict[str, Any] = {
        "language": sorted(result.languages),
        "library_name": "transformers",
        "license": "other",
        "license_name": "see-ingredients",
        "tags": ["cross-lingual", "intermediate-task-training", *(["synthetic-data"] if result.synthetic else [])],
        "model-index": [
            {
                "name": name,
                "results": [
                    {
                        "task": {"type": "other", "name": chosen.target},
                        "dataset": {"type": chosen.target, "name": chosen.target, "split": result.split},
                        "metrics": metrics,
                    }
                ],
            }
        ],
    }
    return "---\n" + yaml.safe_dump(about, sort_keys=False, allow_unicode=True) + "---\n"


def _labels(chosen: Chosen, result: TargetResult) -> Iterator[str]:
    if result.synthetic:
        yield "**Synthetic: trained and scored on made-up data. It is of no use outside a demonstration.**"
    if chosen.oracle:
        yield "**Oracle: gold of the target languages had a part in its choice or its scores. It is not zero-shot.**"


def _what(chosen: Chosen, record: TrialRecord, result: TargetResult) -> str:
    middle = "no intermediate task" if record.intermediate == "none" else f"the intermediate task {plain(record.intermediate)}"
    return (
        f"{plain(record.model)} with {middle}, for {plain(chosen.target)}; scored in {len(result.languages)} languages. "
        f"Trial {plain(chosen.trial)} of the grid {plain(record.grid)}."
    )


def _loading(loading: Loading, result: TargetResult) -> Iterator[str]:
    module, _, name = loading.loads_with.rpartition(".")
    lines = [
        *([f"from {module} import {name}", "from transformers import AutoTokenizer"] if module else []),
        *([] if module else [f"from transformers import {name}, AutoTokenizer"]),
        "",
        f'model = {name}.from_pretrained("FOLDER")',
        'tokenizer = AutoTokenizer.from_pretrained("FOLDER")',
    ]
    yield "```python\n" + "\n".join(lines) + "\n```"
    if loading.why_encoder:
        yield f"This is the encoder alone, since {plain(loading.why_encoder)}. `head.safetensors` has the head's weights."
    if result.layer is not None:
        pooling = plain(result.pooling or "")
        yield f"Sentence vectors: the states after layer {result.layer} (`output_hidden_states=True`), pooling: {pooling}."


def _phases(phases: Sequence[PhaseTrace]) -> Iterator[str]:
    if not phases:
        yield "Nothing was trained: these are the published weights."
        return
    rows = [
        "| phase | tasks | languages | learning rate | epochs | batch | steps | seed | key |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for phase in phases:
        one = phase.identity
        tasks = ", ".join(plain(use.task) for use in one.tasks)
        labelled = one.role is not Role.PRETRAIN  # text says nothing of its languages
        languages = ", ".join(sorted({plain(code) for use in one.tasks for code in use.languages})) if labelled else ""
        cells = (_ROLES[one.role], tasks, languages, f"{one.lr:.3g}", f"{one.epochs}", f"{one.batch}", f"{phase.steps}")
        rows.append("| " + " | ".join((*cells, f"{one.seed}", f"`{phase.key}`")) + " |")
    yield "\n".join(rows)


def _choice(chosen: Chosen) -> Iterator[str]:
    yield f"Rule `{chosen.rule}`: {plain(chosen.basis)}. Its criterion is {chosen.criterion:.1f}; its seed is {chosen.seed}."
    rows = ["| model | intermediate | criterion |", "|---|---|---|"]
    rows += [f"| {plain(pair.model)} | {plain(pair.intermediate)} | {score:.1f} |" for pair, score in chosen.rivals]
    yield "\n".join(rows)
    if chosen.notes:
        yield "\n".join(f"* {plain(note)}" for note in chosen.notes)


def _scores(result: TargetResult, chosen: Chosen) -> Iterator[str]:
    names = sorted({name for scores in result.languages.values() for name in scores} - {"score"})
    rows = ["| language | score | " + " | ".join(map(plain, names)) + " | examples |", "|---" * (len(names) + 3) + "|"]
    for code, scores in sorted(result.languages.items()):
        cells = [f"{scores['score']:.1f}", *(f"{scores[name]:.1f}" if name in scores else "" for name in names)]
        rows.append("| " + " | ".join((plain(code), *cells, f"{result.examples.get(code, 0)}")) + " |")
    yield f"On the {plain(result.split)} split, in percent; `score` is the task's headline number."
    yield "\n".join(rows)
    english = "" if result.mean_non_english is None else f" Without English: {result.mean_non_english:.1f}."
    yield (
        f"Mean over languages, English included: {result.mean:.1f}.{english} "
        f"Mean of the setting over its seeds: {chosen.mean_score:.1f}; one seed's score is a draw around it."
    )


def _ingredients(ingredients: Iterable[Ingredient]) -> Iterator[str]:
    rows = ["| ingredient | use | licence | source |", "|---|---|---|---|"]
    for one in ingredients:
        cells = (one.name, one.use, one.licence or UNSTATED, ", ".join(filter(None, (one.source, one.citation))) or UNSTATED)
        rows.append("| " + " | ".join(map(plain, cells)) + " |")
    yield "\n".join(rows)
    yield "Whoever passes this model on has to meet the terms of each of them."


def _limits(chosen: Chosen, result: TargetResult, ingredients: Iterable[Ingredient]) -> Iterator[str]:
    lines = []
    if set(result.languages) - {ENGLISH}:
        lines.append("Scores of languages other than English are transfer: read the table a language at a time, not its mean.")
    lines.append("Languages that are not in the table were not measured.")
    if chosen.rule.value == "dev":
        lines.append("It was chosen without gold of other languages; another chain may be better in some of them.")
    unstated = sorted({one.name for one in ingredients if not one.licence})
    if unstated:
        lines.append(f"No licence is known here of: {', '.join(map(plain, unstated))}.")
    lines.append("It was not examined for social bias or for safety; it answers only what its task asks.")
    yield "\n".join(f"* {line}" for line in lines)
