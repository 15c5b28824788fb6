"""A phase 0 of one's own texts: a model folder like any published one, made the same however often it is stopped."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel

import training.learning.steps
from tests.training.learning.test_checkpoint import Stopped, stop_at
from training.errors import DataError, UserError
from training.identity import Runtime
from training.models.backbone import identify, load_backbone, load_tokenizer
from training.models.pieces import SPECIAL_TOKENS, train_pieces
from training.pretrain import Recipe, main, pretrain
from training.pretrain import _config as config_of

RECIPE = Recipe(layers=1, width=32, words=200, length=32, epochs=4, batch=8, lr=3e-3)
SOURCES = {name: [{"source": "a made-up text", "licence": "CC0"}] for name in ("en", "de")}
WORDS = {
    "en": ("the cat", "a dog", "the horse", "sleeps here", "runs there", "in the garden", "at night", "by day"),
    "de": ("die Katze", "ein Hund", "das Pferd", "schläft hier", "läuft dort", "im Garten", "in der Nacht", "am Tag"),
}


def lines(language: str, count: int) -> list[str]:
    dice = np.random.default_rng(count)
    return [" ".join(dice.choice(WORDS[language], size=4)) + f" {number}." for number in range(count)]


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    folder = tmp_path / "texts"
    folder.mkdir()
    for language, count in (("en", 60), ("de", 40)):
        (folder / f"{language}.txt").write_text("\n".join(lines(language, count)), encoding="utf-8")
    (folder / "sources.json").write_text(json.dumps(SOURCES))
    return folder


def made(texts: Path, folder: Path, said: list[str] | None = None) -> dict[str, torch.Tensor]:
    pretrain(texts, folder, RECIPE, Runtime(), [].append if said is None else said.append)
    return dict(load_file(str(folder / "model.safetensors")))


def begin(texts: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Kill the pretraining in a step; each fifth is kept."""
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        stop_at(patch, steps)
        pretrain(texts, folder, RECIPE, Runtime(checkpoint_seconds=0.0), [].append)


def test_pretraining_leaves_a_model_folder_with_a_card(texts: Path, tmp_path: Path) -> None:
    folder, said = tmp_path / "model", list[str]()
    weights = made(texts, folder, said)
    assert load_backbone(folder).missing == () and AutoModel.from_pretrained(str(folder)).config.num_hidden_layers == 1
    assert len(identify("mine", folder).weights) == 16 and weights["encoder.layer.0.output.dense.weight"].shape == (32, 128)
    tokenizer = load_tokenizer(folder)
    assert tokenizer.unk_token_id not in tokenizer("ein Hund schläft")["input_ids"] and len(tokenizer) <= 200
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "a made-up text | CC0" in card and "| de | 40 |" in card and "| layers | 1 |" in card
    first, last = (float(word) for word in card.partition("went from ")[2].partition(".\n")[0].split(" to "))
    assert last < 0.8 * first
    assert any("of 50" in line or "step" in line for line in said)


def test_pretraining_that_was_stopped_goes_on_to_the_same_weights(
    texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = made(texts, tmp_path / "whole")

    folder = tmp_path / "stopped"
    begin(texts, folder, monkeypatch, steps=13)
    assert not (folder / "model.safetensors").exists() and (folder / ".work" / "untrained" / "tokenizer.json").is_file()
    steps: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(training.learning.steps.Steps, "step", counted(steps))
        found = made(texts, folder)
    assert steps[0] == 10
    assert found.keys() == wanted.keys() and all(torch.equal(found[name], wanted[name]) for name in found)


def counted(steps: list[int]) -> Callable[..., Any]:
    """`Steps.step` that notes which steps are done."""
    own = training.learning.steps.Steps.step

    def step(self: training.learning.steps.Steps, draw: Any, number: int, rate: float) -> Any:
        steps.append(number)
        return own(self, draw, number, rate)

    return step


def test_pretraining_given_again_trains_nothing(texts: Path, tmp_path: Path) -> None:
    wanted, said = made(texts, tmp_path / "model"), list[str]()
    found = made(texts, tmp_path / "model", said)
    assert not any(line.startswith("step") for line in said)
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize("change", ["texts", "recipe"])
def test_folder_that_was_begun_otherwise_is_refused(
    texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    folder = tmp_path / "model"
    begin(texts, folder, monkeypatch, steps=1)
    if change == "texts":
        (texts / "en.txt").write_text("\n".join(lines("en", 61)), encoding="utf-8")
    recipe = Recipe(layers=2) if change == "recipe" else RECIPE
    with pytest.raises(UserError, match="begun with other texts or settings"):
        pretrain(texts, folder, recipe, Runtime(), [].append)


@pytest.mark.parametrize("said", [None, "{", "{}", '{"en": [], "de": [{"source": "s", "licence": "l"}]}', '{"en": "web"}'])
def test_texts_of_unknown_licence_are_refused_with_what_to_write(
    texts: Path, tmp_path: Path, said: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    (texts / "sources.json").unlink()
    if said is not None:
        (texts / "sources.json").write_text(said)
    assert main([str(texts), str(tmp_path / "model")]) == 2
    assert "where" in (seen := capsys.readouterr().err) and '"licence": "under which"' in seen
    with pytest.raises(DataError, match="there are no texts"):
        pretrain(tmp_path, tmp_path / "model", RECIPE, Runtime(), [].append)


def test_values_that_make_no_model_are_told_together(texts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = [str(texts), str(tmp_path / "model"), "--epochs", "0", "--lr", "nan", "--mask-rate", "1", "--layers", "0"]
    assert main(given) == 2
    seen = capsys.readouterr().err
    assert all(f"--{name} does not fit" in seen for name in ("epochs", "lr", "mask-rate", "layers")) and "4 faults" in seen
    assert "remedy: give a whole number from 1" in seen and not (tmp_path / "model").exists()


@pytest.mark.parametrize(("width", "heads"), [(32, 1), (200, 2), (256, 4), (1024, 16), (131, 1)])
def test_heads_share_any_width_equally(width: int, heads: int) -> None:
    assert config_of(replace(RECIPE, width=width), 100).num_attention_heads == heads


PROGRAM = """
import sys
from training.models.pieces import train_pieces
texts = {name: open(f"{sys.argv[1]}/{name}.txt", encoding="utf-8").read().splitlines() for name in sys.argv[2].split()}
print(train_pieces(texts, 150, 32, 0.5).backend_tokenizer.to_str())
"""


def test_tokenizer_is_the_same_in_every_process_and_order(texts: Path) -> None:
    program = [sys.executable, "-c", PROGRAM, str(texts), "en de"]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    read = {name: (texts / f"{name}.txt").read_text(encoding="utf-8").splitlines() for name in ("de", "en")}
    assert train_pieces(read, 150, 32, 0.5).backend_tokenizer.to_str() == done.stdout.strip()


def pieces(texts: dict[str, Sequence[str]], alpha: float = 0.5) -> set[str]:
    return set(train_pieces(texts, 120, 32, alpha).get_vocab())


def test_smaller_alpha_gives_a_small_language_more_pieces() -> None:
    texts: dict[str, Sequence[str]] = {"en": lines("en", 400), "de": lines("de", 10)}
    german = {alpha: sum("ä" in piece or "Na" in piece for piece in pieces(texts, alpha)) for alpha in (0.0, 1.0)}
    assert german[0.0] > german[1.0]
    assert set(SPECIAL_TOKENS) <= pieces(texts)


def test_words_of_one_text_keep_their_offsets(texts: Path) -> None:
    tokenizer = train_pieces({"en": lines("en", 60)}, 200, 32, 1.0)
    found = tokenizer("the cat, at night.", return_offsets_mapping=True)
    spans = {"the cat, at night."[first:last] for first, last in found["offset_mapping"]} - {""}
    assert {"the", "cat", ",", "at", "night", "."} == {span.strip() for span in spans}
