"""A phase 0 of one's own: a small multilingual encoder, pretrained by masked language modelling on a folder of texts.

    python -m training.pretrain TEXTS FOLDER

* TEXTS has a file a language, `en.txt` and so on, with a text a line (or `text TAB translation`), and `sources.json`, which
  says where each language's texts are from and under which licence: the model's card repeats it.
* FOLDER becomes a Hugging Face model folder that a grid names as its `source`, with a card, `README.md`. Its tokenizer is made
  of the texts. What is under way is below FOLDER/.work: the same command goes on where it was, to the same weights.
* The phase is one of role pretrain, trained by `run_chain` and kept in a store like every other.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from transformers import XLMRobertaConfig

from training.card import write_card
from training.chain import ChainJob, ChainOutcome, Unwatched, run_chain
from training.data.files import read_text
from training.data.loading import DataSource, data_digest
from training.errors import DataError, Faults, UserError
from training.files.codec import canonical
from training.identity import ChainIdentity, EvaluationIdentity, Mixing, PhaseIdentity, Role, Runtime, TaskUse
from training.models.backbone import identify
from training.models.heads import head_name
from training.models.pieces import train_pieces
from training.models.plain import write_plain
from training.stores.store import PhaseStore
from training.tasks.row import Encoding, Split
from training.tasks.translated_rows import XTREME_MLM

SOURCES = "sources.json"
_HELD_OUT, _SCORED, _WIDTH_OF_HEAD = 0.02, 200, 64


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The shape of the model and how it is trained; `alpha` is the exponent with which languages are sampled."""

    layers: int = 4
    width: int = 256
    words: int = 16_000
    length: int = 128
    epochs: int = 3
    batch: int = 32
    lr: float = 1e-3
    mask_rate: float = 0.3
    alpha: float = 0.5
    seed: int = 0


RANGES: Mapping[str, tuple[float, float, str]] = {
    "layers": (1, math.inf, "a whole number from 1"),
    "width": (8, math.inf, "a whole number from 8"),
    "words": (6, math.inf, "a whole number from 6"),
    "length": (8, math.inf, "a whole number from 8"),
    "epochs": (1, 1000, "a whole number from 1 to 1000"),
    "batch": (1, math.inf, "a whole number from 1"),
    "lr": (1e-12, 1, "a number above 0 and at most 1"),
    "mask_rate": (1e-6, 1 - 1e-6, "a number above 0 and below 1"),
    "alpha": (0, 1, "a number from 0 to 1"),
    "seed": (0, 2**31 - 1, "a whole number from 0"),
}
"""Of each value of a recipe the least, the most, and what may be given."""
Say = Callable[[str], None]


def check_recipe(recipe: Recipe) -> None:
    """Raise UserError (several: Faults) on values that no model can be made or trained with."""
    wrong = [
        UserError(f"--{name.replace('_', '-')} does not fit", value, f"give {said}")
        for name, (least, most, said) in RANGES.items()
        if not least <= (value := getattr(recipe, name)) <= most
    ]
    if wrong:
        raise wrong[0] if len(wrong) == 1 else Faults("the command", wrong)


def pretrain(texts: Path, folder: Path, recipe: Recipe, runtime: Runtime, say: Say) -> ChainOutcome:
    """Make or go on making the model of `folder`; raises what `run_chain` does, and UserError where texts or recipe changed."""
    check_recipe(recipe)
    named = sources_of(texts)
    row = replace(
        XTREME_MLM,
        files={"train": "{lang}.txt"},
        languages=tuple(named),
        train_languages=tuple(named),
        encoding=Encoding(max_length=recipe.length),
    )
    data = DataSource(row=row, root=texts, carve_dev=_HELD_OUT, caps={"dev": _SCORED})
    digests = {split: data_digest(data, split, row.languages)[:16] for split in (Split.TRAIN, Split.DEV)}
    untrained = _prepared(folder, recipe, digests, lambda: _lines(texts, row.languages), say)
    identity = _identity(untrained, recipe, data, digests)
    work = folder / ".work"
    job = ChainJob(
        identity=identity,
        model_folder=untrained,
        store=work / "phases",
        sources={row.name: data},
        runtime=runtime,
        encoded=work / "encoded",
        notes=work / "notes",
    )
    outcome = run_chain(job, _Told(say))
    phase = PhaseStore(job.store).folder_of(identity.phase_keys[-1])
    assert phase is not None, "the chain has put it there"
    _publish(phase, row, folder)
    write_card(folder / "README.md", recipe, outcome, named, {name: texts / f"{name}.txt" for name in named})
    return outcome


def sources_of(texts: Path) -> Mapping[str, Sequence[Mapping[str, str]]]:
    """Where the texts of each language are from; raises DataError where that is not said of each file, or there is none."""
    files = sorted(path.stem for path in texts.glob("*.txt"))
    remedy = f'write {SOURCES} beside the texts: {{"en": [{{"source": "where from", "licence": "under which"}}], ...}}'
    if not files:
        raise DataError("there are no texts", texts, "give a folder with a file a language: en.txt, de.txt ...")
    try:
        said = json.loads((texts / SOURCES).read_text(encoding="utf-8"))
        found = {name: [{"source": str(one["source"]), "licence": str(one["licence"])} for one in said[name]] for name in files}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"it is not said where each language's texts are from ({error})", texts / SOURCES, remedy) from error
    lacking = [name for name, listed in found.items() if not listed]
    if lacking:
        raise DataError("it is not said where the texts are from", ", ".join(lacking), remedy)
    return found


def _prepared(
    folder: Path, recipe: Recipe, digests: Mapping[Split, str], lines: Callable[[], dict[str, list[str]]], say: Say
) -> Path:
    """The folder of the untrained model, made when it is not there; raises UserError where it is of another recipe or texts."""
    untrained, note = folder / ".work" / "untrained", folder / ".work" / "recipe.json"
    wanted = canonical({"recipe": recipe, "texts": digests[Split.TRAIN]})
    if note.is_file():
        if note.read_bytes() != wanted:
            remedy = "give another folder, or the texts and settings that it was begun with (.work/recipe.json has them)"
            raise UserError("this model was begun with other texts or settings", folder, remedy)
        return untrained
    say("making the tokenizer")
    made = untrained.with_name("untrained.part")
    shutil.rmtree(made, ignore_errors=True)
    tokenizer = train_pieces(lines(), recipe.words, recipe.length, recipe.alpha)
    tokenizer.save_pretrained(str(made))
    _config(recipe, len(tokenizer)).save_pretrained(str(made))
    shutil.rmtree(untrained, ignore_errors=True)
    made.replace(untrained)
    note.write_bytes(wanted)
    return untrained


def _lines(texts: Path, languages: Sequence[str]) -> dict[str, list[str]]:
    return {name: read_text(texts / f"{name}.txt").splitlines() for name in languages}


def _config(recipe: Recipe, words: int) -> XLMRobertaConfig:
    """An XLM-R without dropout: it sees no sentence often enough to learn it by heart. A head's dropout is its own matter.

    A narrow model begins with larger weights, or it spends much of a short training on a plateau.
    """
    return XLMRobertaConfig(
        vocab_size=words,
        hidden_size=recipe.width,
        num_hidden_layers=recipe.layers,
        num_attention_heads=_heads(recipe.width),
        intermediate_size=4 * recipe.width,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        classifier_dropout=0.1,
        initializer_range=round(0.02 * math.sqrt(1024 / recipe.width), 4),
        max_position_embeddings=recipe.length + 2,
        type_vocab_size=1,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
    )


def _heads(width: int) -> int:
    """A head for 64 of the width, or the most below that which share it equally."""
    return max(heads for heads in range(1, max(1, width // _WIDTH_OF_HEAD) + 1) if width % heads == 0)


def _identity(untrained: Path, recipe: Recipe, data: DataSource, digests: Mapping[Split, str]) -> ChainIdentity:
    row, lengths = data.row, data.row.encoding
    use = TaskUse(
        task=row.name,
        version=row.version,
        head=head_name(row),
        data=digests[Split.TRAIN],
        max_length=lengths.max_length,
        stride=lengths.stride,
        languages=row.languages,
    )
    scored = EvaluationIdentity(
        task=row.name,
        version=row.version,
        split=str(Split.DEV),
        languages=row.languages,
        data=digests[Split.DEV],
        max_length=lengths.max_length,
        stride=lengths.stride,
    )
    phase = PhaseIdentity(
        role=Role.PRETRAIN,
        tasks=(use,),
        lr=recipe.lr,
        epochs=recipe.epochs,
        batch=recipe.batch,
        seed=recipe.seed,
        mask_rate=recipe.mask_rate,
        length_pool=50,
        mixing=Mixing(cap=0, alpha=recipe.alpha),
    )
    model = identify("phase0", untrained, recipe.seed, pretrained=False)
    return ChainIdentity(model=model, phases=(phase,), selection=(), evaluations=(scored,))


def _publish(phase: Path, row: Any, folder: Path) -> None:
    """The files of a model folder, the weights last: a folder with weights is a whole one."""
    made = folder / ".work" / "plain"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    write_plain(phase, row, made)
    for path in sorted(made.iterdir(), key=lambda path: path.suffix == ".safetensors"):
        path.replace(folder / path.name)
    made.rmdir()


class _Told(Unwatched):
    """Says how far the training is, at most every ten seconds, and how long it will take."""

    def __init__(self, say: Say) -> None:
        self._say, self._first, self._last = say, (0, 0.0), 0.0

    def step(self, step: int, steps: int, loss: float) -> None:
        now = time.monotonic()
        if not self._first[1]:
            self._first = step, now
        if now - self._last < 10 and step < steps:
            return
        self._last, done = now, step - self._first[0]
        left = f", {(now - self._first[1]) / done * (steps - step) / 60:.1f} minutes left" if done else ""
        self._say(f"step {step} of {steps}, loss {loss:.3f}{left}")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.pretrain", description="Pretrain a small multilingual encoder.")
    parser.add_argument("texts", type=Path, help="a folder with a file a language, and sources.json")
    parser.add_argument("folder", type=Path, help="the model's folder, new or one that was begun")
    for item in dataclasses.fields(Recipe):
        parser.add_argument(f"--{item.name.replace('_', '-')}", type=type(item.default), default=item.default)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args(arguments)
    recipe = Recipe(**{item.name: getattr(given, item.name) for item in dataclasses.fields(Recipe)})
    runtime = Runtime(device=given.device, threads=given.threads, checkpoint_seconds=30.0)
    try:
        outcome = pretrain(given.texts.expanduser(), given.folder.expanduser(), recipe, runtime, _say)
    except UserError as fault:
        sys.stderr.write(f"{fault}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("stopped; the same command goes on from the last checkpoint\n")
        return 130
    _say(f"{given.folder}: {outcome.phases[-1].steps} steps, {outcome.results[-1].mean:.1f} % of held-out words are right")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
