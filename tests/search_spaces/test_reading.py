"""A grid is read as it was meant, and every fault of one is reported at once with its line and a remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from search_spaces.catalogue import grids
from search_spaces.reading import load_grid, read_grid
from search_spaces.schema import Grid
from search_spaces.sources import MINI_MODELS, SourceKind
from search_spaces.values import Choices, Range
from tests.search_spaces.rows import FULL, ROWS, SMALLEST
from training.errors import Faults, UserError


def _read(text: str) -> Grid:
    return read_grid(text, "g.yaml", ROWS)


def _faults(text: str) -> list[str]:
    with pytest.raises(Faults) as raised:
        _read(text)
    assert all(fault.cause.startswith("g.yaml") for fault in raised.value.faults)
    assert all(fault.remedy for fault in raised.value.faults), [str(fault) for fault in raised.value.faults]
    return [str(fault) for fault in raised.value.faults]


def _one_fault(text: str) -> str:
    faults = _faults(text)
    assert len(faults) == 1, "\n".join(faults)
    return faults[0]


def test_smallest_grid_takes_the_defaults() -> None:
    grid = _read(SMALLEST)
    assert grid.seeds == (1,)
    assert grid.search.trials == 1
    assert grid.training.mixing_cap == 2**17
    assert grid.intermediates[0].is_baseline


def test_full_grid_keeps_every_value() -> None:
    grid = _read(FULL)
    assert [(item.name, item.tasks) for item in grid.intermediates] == [
        ("none", ()),
        ("nli", ("nli",)),
        ("mixed", ("nli", "span")),
    ]
    assert grid.data["pos"].languages == ("en", "no")
    assert grid.data["pos"].caps == {"train": 2000, "dev": 300}
    rates, bounds = grid.search.space.intermediate.lr, grid.search.space.target.lr
    assert isinstance(rates, Choices) and rates.values == (1e-4, 3e-4)
    assert isinstance(bounds, Range) and (bounds.low, bounds.high, bounds.log) == (1e-5, 1e-3, True)


def test_lone_value_of_the_space_is_one_choice() -> None:
    grid = _read(SMALLEST + "search: {space: {target: {lr: 1e-4, epochs: 3}}}\n")
    epochs = grid.search.space.target.epochs
    assert isinstance(epochs, Choices) and epochs.values == (3,)


def test_grid_that_was_read_can_not_be_changed() -> None:
    grid: Any = _read(SMALLEST)
    with pytest.raises(ValueError, match="frozen"):
        grid.name = "other"


@pytest.mark.parametrize("written", ["1e-4", "1E-4", "1.e-4", ".0001", "+1.0e-4"])
def test_number_without_a_dot_or_with_an_exponent_is_a_number(written: str) -> None:
    rates = _read(SMALLEST + f"search: {{space: {{target: {{lr: [{written}]}}}}}}\n").search.space.target.lr
    assert isinstance(rates, Choices) and rates.values == (1e-4,)


def test_norwegian_is_a_language_and_not_false() -> None:
    assert _read(SMALLEST + "data: {pos: {languages: [en, no]}}\n").data["pos"].languages == ("en", "no")


@pytest.mark.parametrize(
    ("added", "line", "said", "remedy"),
    [
        ("serach: {trials: 2}", 5, "serach: unknown key: 'serach'", "did you mean search?"),
        ("search: {trails: 2}", 5, "search.trails: unknown key: 'trails'", "did you mean trials?"),
        ("data:\n  pos: {cap: {train: 1}}", 6, "data.pos.cap: unknown key", "did you mean caps?"),
        ("data:\n  poss: {}", 6, "no task has this name: 'poss'", "did you mean pos?"),
        ("data: {pos: {languages: [en, 'dee']}}", 5, "pos is not in this language: 'dee'", "did you mean de?"),
        ("data: {pos: {languages: []}}", 5, "data.pos.languages: must not be empty: '[]'", "a list"),
        ("data: {pos: {caps: {trian: 2}}}", 5, "must be one of train, dev and test: 'trian'", "train, dev, test"),
        ("data: {pos: {scored_on: test}}", 5, "pos has no test file: 'test'", "name its test file"),
        ("data: {pos: {scored_on: train}}", 5, "must be dev or test: 'train'", "dev or test"),
        ("data: {bitext: {carve_dev: 0.5}}", 5, "no train file to take a dev set from: '0.5'", "name its train file"),
        ("data: {pos: {files: {dev: pos/en.tsv}}}", 5, "pos is scored in 3 languages, and this file", "write {lang}"),
        ("data: {pos: {carve_dev: 0.5}}", 5, "pos is scored in 3 languages, and this file", "or list one language"),
        ("data: {nli: {carve_dev: 1.0}}", 5, "carve_dev: must be below 1: '1.0'", "above 0 and below 1"),
        ("data: {pos: {files: {train: ../x}}}", 5, "below the data folder: '../x'", "from the data folder on"),
        ("data: {pos: {files: {train: 'x-{split}'}}}", 5, "only {lang} can stand in braces", "write {lang}"),
        ("data: {span: {stride: 384}}", 5, "stride must be below max_length: '384'", "max_length is 384"),
        ("seeds: [1, 2, 1]", 5, "seeds: must not repeat an item, but has 1", "none of them twice"),
        ("seeds: []", 5, "seeds: must not be empty", "whole numbers"),
        ("seeds: 1", 5, "seeds: must be a list: '1'", "a list"),
        ("search: {trials: 0}", 5, "trials: must be at least 1: '0'", "from 1"),
        ("search: {trials: true}", 5, "trials: must be a whole number: 'true'", "from 1"),
        ("search: {sampler: tpee}", 5, "search.sampler: must be 'tpe' or 'random': 'tpee'", "tpe or random"),
        ("search: {space: {target: {lr: [0]}}}", 5, "search.space.target.lr.0: must be above 0: '0'", "above 0"),
        ("search: {space: {target: {lr: ['1e-4']}}}", 5, "lr.0: must be a number: '1e-4'", "learning rates"),
        ("search: {space: {target: {lr: [.nan]}}}", 5, "must be a finite number", "above 0"),
        ("search: {space: {target: {lr: [1e-4, 1e-4]}}}", 5, "must not repeat an item", "learning rates"),
        ("search: {space: {target: {epochs: [1, 0]}}}", 5, "epochs.1: must be at least 1: '0'", "from 1"),
        ("search: {space: {target: {epochs: {low: 4, high: 2}}}}", 5, "low must be below high", "{low, high}"),
        ("training: {batch: '16'}", 5, "training.batch: must be a whole number: '16'", "from 1"),
        ("training: {carry_heads: yes}", 5, "must be true or false: 'yes'", "true or false"),
        ("resources: {gpu: 1}", 5, "a GPU would be held", "add `device: cuda`"),
        ("resources: {device: cuda, gpu: 0}", 5, "device cuda needs a GPU", "write `gpu: auto`"),
        ("resources: {device: cuda, gpu: some}", 5, "resources.gpu: must be auto or a number from 0: 'some'", "auto (on cuda"),
        ("resources: {device: cuda, gpu: -1}", 5, "must be auto or a number from 0: '-1'", "auto (on cuda"),
        ("resources: {graphs: true}", 5, "there are no CUDA graphs on device cpu", "leave `graphs` out"),
        ("resources: {device: cuda, graphs: true}", 5, "CUDA graphs are for bfloat16", "precision: bfloat16"),
        ("resources: {device: cuda, graphs: true, workers: 2}", 5, "graphs are for one worker", "write `workers: 1`"),
        ("resources: {device: cuda, gpu_memory: 0}", 5, "resources.gpu_memory: must be above 0: '0'", "GB"),
        ("seeds: &s [1]", 5, "anchors and aliases are not read: 's'", "write the value out"),
        ("seeds: !!python/tuple [1]", 5, "tags are not read", "write the value alone"),
        ("1: 2", 5, "a key must be text: '1'", "write a word"),
        ("name: again", 5, "name: the key is there twice, first in line 1", "keep one"),
        ("data: {pos: {caps: {dev: 1, dev: 2}}}", 5, "data.pos.caps.dev: the key is there twice", "keep one"),
        ("seeds: [1", 6, "not YAML", "check this line"),
        ("about: \x07", 0, "not YAML: special characters are not allowed", "check"),
    ],
)
def test_fault_says_line_value_and_remedy(added: str, line: int, said: str, remedy: str) -> None:
    fault = _one_fault(SMALLEST + added + "\n")
    assert said in fault
    assert remedy in fault
    assert fault.startswith(f"g.yaml:{line}: " if line else "g.yaml: ")


@pytest.mark.parametrize(
    ("old", "new", "said", "remedy"),
    [
        ("[pos]", "[poss]", "targets.0: no task has this name: 'poss'", "did you mean pos?"),
        ("[pos]", "[nli]", "targets.0: not one of the target tasks: 'nli'", "target tasks: bitext, pos"),
        ("[none]", "[none, nlii]", "intermediates.1: no task has this name: 'nlii'", "did you mean nli?"),
        ("[none]", "[none, pos]", "intermediates.1: not one of the intermediate tasks: 'pos'", "nli, span"),
        ("[none]", "[none, none]", "must not repeat an item, but has none", "none of them twice"),
        ("[none]", "[{mixed: [nli]}]", "must list two or more different tasks", "mixtures"),
        ("[none]", "[{mixed: [nli, spam]}]", "intermediates.0.mixed.1: no task has this name: 'spam'", "did you mean span?"),
        ("[none]", "[{nli: [nli, span]}]", "a mixture can't have the name of a task: 'nli'", "call it otherwise"),
        ("[none]", "[3]", "intermediates.0: must be none, the name of a task", "mixtures"),
        ("mini_world", "gpt2", "models.m.source: not a source of a model: 'gpt2'", "mini_world, a folder"),
        ("mini_world", "mini_world/decoders", "the mini world has no such model", "did you mean decoder or encoder-decoder?"),
        ("mini_world", "org/name", "a hub name needs a `revision`", "40 hex digits"),
        ("mini_world", "'package:no-such/model'", "no Python package has this name", "package:<python package>"),
        ("mini_world", "mini_world, revision: abc", "models.m.revision: must match the pattern", "40 hex digits"),
        ("mini_world", "mini_world, pretrain: {task: corpsu}", "models.m.pretrain.task: no task has this name", "corpus"),
        ("mini_world", "mini_world, pretrain: {task: nli}", "not one of the tasks to pretrain on: 'nli'", "corpus"),
        ("{source: mini_world}", "{}", "models.m.source: a required key is missing", "add `source`"),
        ("{m: {source: mini_world}}", "{}", "models: ", "one or more"),
        ("small", "Big-Name", "name: must match the pattern", "lower-case"),
    ],
)
def test_fault_of_a_changed_line_says_value_and_remedy(old: str, new: str, said: str, remedy: str) -> None:
    fault = _one_fault(SMALLEST.replace(old, new))
    assert said in fault
    assert remedy in fault


@pytest.mark.parametrize("source", ["mini_world", *(f"mini_world/{name}" for name in MINI_MODELS)])
def test_models_of_the_mini_world_are_read_and_may_be_pretrained(source: str) -> None:
    grid = _read(SMALLEST.replace("source: mini_world", f"source: {source}, pretrain: {{task: corpus}}"))
    model = grid.models["m"]
    assert (model.kind, model.source) == (SourceKind.MINI_WORLD, source)


def test_several_faults_come_at_once_in_the_order_of_their_lines() -> None:
    faults = _faults(SMALLEST.replace("[pos]", "[poss, pos]") + "seeds: [-1]\nsaerch: {}\nname: twice\n")
    assert [fault.split(":")[1] for fault in faults] == ["4", "5", "6", "7"]


def test_key_named_by_the_user_like_a_field_does_not_confuse_the_remedy() -> None:
    fault = _one_fault(SMALLEST.replace("m: {source", "source: {revison: '', source"))
    assert "models.source.revison: unknown key" in fault and "did you mean revision?" in fault


@pytest.mark.parametrize(("text", "said"), [("", "the file is empty"), ("- 1\n", "must be"), ("a: 1\n---\nb: 1\n", "not YAML")])
def test_file_that_is_no_mapping_is_a_fault(text: str, said: str) -> None:
    assert said in "\n".join(_faults(text))


def test_deep_nesting_is_a_fault_and_no_recursion_error() -> None:
    assert "nested too deep" in _one_fault("a: " + "[" * 5000)


@pytest.mark.parametrize("name", ["demoo", "", "Demo"])
def test_unknown_grid_name_lists_the_shipped_ones(name: str) -> None:
    with pytest.raises(UserError) as raised:
        load_grid(name)
    assert all(known in raised.value.remedy for known in grids())


@pytest.mark.parametrize("path", ["/no/such/grid.yaml", "./", "~nobody_here/x.yaml", "a\0.yaml"])
def test_grid_file_that_can_not_be_read_is_a_user_error(path: str) -> None:
    with pytest.raises(UserError, match="can't be read"):
        load_grid(path)


def test_grid_file_in_another_encoding_is_a_user_error(tmp_path: Path) -> None:
    path = tmp_path / "g.yaml"
    path.write_bytes("about: é".encode("latin-1"))
    with pytest.raises(UserError, match="can't be read"):
        load_grid(str(path))


def test_grid_file_of_the_user_is_read_and_named_in_its_faults(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("\ufeff" + SMALLEST, "utf-8")
    assert load_grid(str(path), ROWS).name == "small"
    path.write_text(SMALLEST + "sedes: [1]\n", "utf-8")
    with pytest.raises(Faults, match="mine"):
        load_grid(str(path), ROWS)
