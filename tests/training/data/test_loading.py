from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.data.examples import Bitext
from training.data.loading import DataSource, data_digest, load
from training.errors import DataError, UserError
from training.tasks.registry import row

MNLI = replace(row("mnli"), files={"train": "train.tsv", "dev": "dev.tsv"}, hub=None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    for name, count in (("train", 60), ("dev", 20)):
        rows = [f"{name} premise {index // 3}\thypothesis {index}\tneutral\n" for index in range(count)]
        (root / f"{name}.tsv").write_text("".join(rows))
    return root


@pytest.fixture(scope="module")
def bitexts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bitexts")
    (root / "tatoeba" / "labels").mkdir(parents=True)
    for language in ("de", "fr"):
        (root / f"tatoeba/{language}-en.{language}").write_text("".join(f"t{index}\n" for index in range(30)))
        (root / f"tatoeba/{language}-en.en").write_text("".join(f"s{29 - index}\n" for index in range(30)))
    (root / "tatoeba/labels/test-de.tsv").write_text("".join(f"{29 - index}\n" for index in range(30)))
    return root


def ids(source: DataSource, split: str = "train") -> list[str]:
    return [example.id for example in load(source, split, "en")]


@settings(max_examples=60, deadline=None)
@given(small=st.integers(1, 70), more=st.integers(0, 30), seed=st.integers(0, 2**40), carve=st.sampled_from([0.0, 0.2]))
def test_caps_are_nested_and_keep_the_order_of_the_file(folder: Path, small: int, more: int, seed: int, carve: float) -> None:
    whole = DataSource(row=MNLI, root=folder, carve_dev=carve, sample_seed=seed)
    every = ids(whole)
    less, large = (ids(replace(whole, caps={"train": cap})) for cap in (small, small + more))
    assert len(less) == min(small, len(every)) and set(less) <= set(large) <= set(every)
    assert less == [name for name in every if name in set(less)]


def test_cap_draw_is_the_same_on_every_machine(folder: Path) -> None:
    drawn = ids(DataSource(row=MNLI, root=folder, caps={"train": 5}))
    assert drawn == ["train-en-32", "train-en-36", "train-en-43", "train-en-57", "train-en-58"]
    assert drawn != ids(DataSource(row=MNLI, root=folder, caps={"train": 5}, sample_seed=1))


@settings(max_examples=40, deadline=None)
@given(share=st.floats(0.001, 0.999))
def test_carving_splits_groups_without_overlap(folder: Path, share: float) -> None:
    source = DataSource(row=MNLI, root=folder, carve_dev=share)
    train, dev = load(source, "train", "en"), load(source, "dev", "en")
    groups = [{example.group for example in part} for part in (train, dev)]
    assert not groups[0] & groups[1] and groups[0] and groups[1]
    assert len(train) + len(dev) == 60 and {example.id for example in train}.isdisjoint(example.id for example in dev)
    assert len(groups[1]) == pytest.approx(share * 20, abs=1.0)


def test_carving_leaves_the_test_split_alone_and_needs_no_dev_file(folder: Path) -> None:
    source = DataSource(row=replace(MNLI, files={"train": "train.tsv", "test": "dev.tsv"}), root=folder, carve_dev=0.1)
    assert len(load(source, "test", "en")) == 20
    assert load(source, "dev", "en")
    with pytest.raises(DataError, match="no dev file") as caught:
        load(replace(source, carve_dev=0.0), "dev", "en")
    assert "carve_dev" in caught.value.remedy


def test_carving_a_single_group_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text("same\ta\tneutral\nsame\tb\tneutral\n")
    with pytest.raises(DataError, match="of one group"):
        load(DataSource(row=MNLI, root=tmp_path, carve_dev=0.5), "dev", "en")


@pytest.mark.parametrize("wrong", [{"carve_dev": 1.0}, {"carve_dev": -0.1}, {"caps": {"train": 0}}, {"caps": {"trian": 3}}])
def test_source_with_impossible_numbers_is_refused(folder: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(UserError):
        DataSource(row=MNLI, root=folder, **wrong)


def test_bitext_cap_keeps_queries_with_their_gold(bitexts: Path) -> None:
    (only,) = load(DataSource(row=row("tatoeba"), root=bitexts, caps={"test": 7}), "test", "de")
    assert isinstance(only, Bitext) and only.gold is not None
    assert len(only.queries) == len(only.candidates) == 7
    assert all(query[1:] == only.candidates[gold][1:] for query, gold in zip(only.queries, only.gold, strict=True))


def test_bitext_without_gold_is_never_capped(bitexts: Path) -> None:
    (only,) = load(DataSource(row=row("tatoeba"), root=bitexts, caps={"test": 7}), "test", "fr")
    assert isinstance(only, Bitext) and len(only.queries) == len(only.candidates) == 30 and only.gold is None


def test_digest_ignores_path_compression_and_language_order(folder: Path, bitexts: Path, tmp_path: Path) -> None:
    (tmp_path / "xtreme").mkdir()
    (tmp_path / "xtreme" / "train.tsv.gz").write_bytes(gzip.compress((folder / "train.tsv").read_bytes()))
    here, there = (DataSource(row=MNLI, root=root) for root in (folder, tmp_path))
    assert data_digest(here, "train", ["en"]) == data_digest(there, "train", ["en"])
    both = DataSource(row=row("tatoeba"), root=bitexts)
    assert data_digest(both, "test", ["de", "fr"]) == data_digest(both, "test", ["fr", "de"])


def test_digest_follows_everything_that_changes_the_examples(folder: Path) -> None:
    plain = DataSource(row=MNLI, root=folder)
    sources = [
        plain,
        replace(plain, caps={"train": 5}),
        replace(plain, caps={"train": 5}, sample_seed=1),
        replace(plain, carve_dev=0.1),
    ]
    digests = [data_digest(source, "train", ["en"]) for source in sources]
    assert len(set(digests)) == len(digests)
    assert data_digest(plain, "dev", ["en"]) not in digests


def test_digest_ignores_what_does_not_change_the_examples(folder: Path) -> None:
    plain = DataSource(row=MNLI, root=folder)
    assert data_digest(plain, "train", ["en"]) == data_digest(replace(plain, caps={"dev": 5}, sample_seed=9), "train", ["en"])


def test_digest_notices_a_file_that_changed(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text("a\tb\tneutral\n")
    source = DataSource(row=MNLI, root=tmp_path)
    before = data_digest(source, "train", ["en"])
    (tmp_path / "train.tsv").write_text("a\tbb\tneutral\n")
    assert data_digest(source, "train", ["en"]) != before
