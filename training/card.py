"""The card of a model that was pretrained on a folder of texts: how it was made, of what, and how far it came."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.job import ChainOutcome

_HEAD = """\
# {name}

A small multilingual encoder, pretrained from nothing by masked language modelling on the texts below: {steps} optimiser steps,
{tokens} tokens, {minutes:.1f} minutes. `AutoModel` loads it; `head.safetensors` has the output layer of the pretraining.

It is small and was trained on little: it is there to run whole studies on a machine without a published model, and its scores
compare with each other alone.

## How it was made

| setting | value |
|---|---|
"""
_TEXTS = """
## The texts

A model made of texts that allow no commercial use, or ask to be shared alike, may be bound by that: read the licences.

| language | lines | sha256 of the file | from | licence |
|---|---:|---|---|---|
"""
_SCORES = """
## How far it came

Masked words of held-out lines that are predicted, in percent. The loss went from {first:.2f} to {last:.2f}.

| language | lines | right |
|---|---:|---:|
"""


def write_card(
    path: Path,
    recipe: Any,
    outcome: ChainOutcome,
    sources: Mapping[str, Sequence[Mapping[str, str]]],
    files: Mapping[str, Path],
) -> None:
    """Write the card of the model that a chain of one pretraining phase has made; `recipe` is a dataclass of its settings."""
    trace, scored = outcome.phases[-1], outcome.results[-1]
    parts = [_HEAD.format(name=path.parent.name, steps=trace.steps, tokens=trace.tokens, minutes=trace.seconds / 60)]
    parts += [f"| {name} | {value} |\n" for name, value in dataclasses.asdict(recipe).items()]
    parts.append(_TEXTS)
    for language, listed in sources.items():
        content = files[language].read_bytes()
        lines = sum(bool(line.strip()) for line in content.decode("utf-8").splitlines())
        named, licences = ("; ".join(_cell(one[key]) for one in listed) for key in ("source", "licence"))
        parts.append(f"| {language} | {lines} | `{hashlib.sha256(content).hexdigest()[:16]}` | {named} | {licences} |\n")
    parts.append(_SCORES.format(first=trace.curve[0][1], last=trace.curve[-1][1]))
    parts += [f"| {name} | {scored.examples[name]} | {values['score']:.1f} |\n" for name, values in scored.languages.items()]
    path.write_text("".join(parts), encoding="utf-8")


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split())
