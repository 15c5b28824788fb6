"""The models of the mini world: what a grid can name is made, read by the family it is of, and refused by no task's length."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import sweep.sources
from search_spaces.sources import MINI_MODELS
from sweep.sources import mini_model_folder, resolve_models
from training.data.loading import DataSource, load
from training.errors import Faults
from training.models.backbone import build_backbone, check_fit, load_tokenizer
from training.models.family import Family, family_of_model, width_of
from training.tasks.mini_rows import MINI_MLM_ENGLISH, MINI_ROWS
from training.world.model import CORPUS, MODELS, train_tokenizer

SHAPES = {
    "": (Family.ENCODER, 3, 96),
    "small": (Family.ENCODER, 2, 48),
    "large": (Family.ENCODER, 4, 160),
    "english": (Family.ENCODER, 3, 96),
    "decoder": (Family.DECODER, 3, 96),
    "encoder-decoder": (Family.ENCODER_DECODER, 3, 96),
}


@pytest.fixture
def here(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The world that the tests share, as a launch would have made it."""
    own = tmp_path / "world"
    own.mkdir()
    (own / "corpus").symlink_to(world / "corpus")
    monkeypatch.setattr(sweep.sources, "mini_world", lambda: own)
    return own


def grid_of(**sources: str) -> Any:
    models = {
        name: SimpleNamespace(source=source, revision="", pretrain=SimpleNamespace(seed=0)) for name, source in sources.items()
    }
    return SimpleNamespace(name="g", models=models)


def test_models_that_a_grid_can_name_are_those_that_there_are() -> None:
    assert tuple(MODELS) == ("", *MINI_MODELS) == tuple(SHAPES)


@pytest.mark.parametrize("name", SHAPES)
def test_model_has_its_family_and_size_and_reads_every_task(here: Path, name: str) -> None:
    folder = mini_model_folder(name)
    tokenizer, model = load_tokenizer(folder), build_backbone(folder, 0)
    check_fit(folder, tokenizer, MINI_ROWS)
    assert (family_of_model(model), model.config.num_hidden_layers, width_of(model.config)) == SHAPES[name]
    assert model.config.vocab_size == len(tokenizer)


def test_models_of_a_grid_are_told_apart(here: Path) -> None:
    found = resolve_models(grid_of(**{name or "own": f"mini_world/{name}".rstrip("/") for name in SHAPES}), {})
    assert len({model.identity.key for model in found.values()}) == len(SHAPES)
    assert found["own"].folder == here / "model" and found["decoder"].folder == here / "model-decoder"


def test_model_that_the_mini_world_does_not_have_is_refused(here: Path) -> None:
    with pytest.raises(Faults, match="no such model: 'mini_world/tiny'"):
        resolve_models(grid_of(m="mini_world/tiny"), {})


def test_english_tokenizer_has_english_words_and_everybodys_letters(world: Path) -> None:
    english, every = (train_tokenizer(world, corpus) for corpus in (MODELS["english"].corpus, CORPUS))
    text = (world / "corpus" / "dev-qad.txt").read_text(encoding="utf-8").splitlines()
    known = (world / "corpus" / "dev-en.txt").read_text(encoding="utf-8").splitlines()

    def lengths(lines: list[str]) -> list[int]:
        return [sum(len(tokenizer(line)["input_ids"]) for line in lines) for tokenizer in (english, every)]

    assert not any(english.unk_token_id in english(line)["input_ids"] for line in [*text, *known])
    (own, other), (foreign, shared) = lengths(known), lengths(text)
    assert own <= other * 1.1 and foreign > shared * 1.5


def test_english_text_is_english_alone(world: Path) -> None:
    """No word of it is one that other languages alone have."""
    lines = [example.text.lower() for example in load(DataSource(row=MINI_MLM_ENGLISH, root=world), "train", "en")]
    words = {word.strip(".?:") for line in lines for word in line.split()}
    assert len(lines) == 16_000 and all(word.isascii() for word in words)
