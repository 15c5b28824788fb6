from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from training.data.columns import FeatureRows, gather
from training.data.features import Feature, Ints
from training.data.mapped import ColumnsWriter, read_columns
from training.errors import StoreError

INTS = st.integers(0, 250_000)


def ints(values: Sequence[int]) -> Ints:
    return np.asarray(values, dtype=np.int32)


@st.composite
def features(draw: st.DrawFn, kind: str) -> Feature:
    ids = ints(draw(st.lists(INTS, min_size=1, max_size=9)))
    types = ints(draw(st.lists(st.integers(0, 1), min_size=len(ids), max_size=len(ids))))
    plain = Feature(ids, types, 0)
    if kind == "class":
        return Feature(ids, types, 0, label=draw(st.one_of(st.none(), st.integers(0, 2**31 - 1))))
    if kind == "span":
        places = st.tuples(st.integers(-1, 500), st.integers(-1, 500))
        offsets = np.asarray(draw(st.lists(places, min_size=len(ids), max_size=len(ids))), dtype=np.int32)
        return Feature(ids, types, 0, label=(draw(st.integers(0, 9)), draw(st.integers(0, 9))), offsets=offsets)
    if kind == "tags":
        count = draw(st.integers(0, len(ids)))
        numbers = ints(range(count))
        return Feature(ids, types, 0, positions=numbers, words=numbers + 7, tags=draw(st.sampled_from([None, numbers % 3])))
    return Feature(ids, types, 0, special=types) if kind == "masked" else plain


def same(one: Feature, other: Feature) -> bool:
    """Equal in every field, types and shapes of arrays included."""
    for name in ("ids", "types", "positions", "words", "tags", "offsets", "special"):
        mine, theirs = getattr(one, name), getattr(other, name)
        if (mine is None) != (theirs is None):
            return False
        if mine is not None and not (mine.dtype == theirs.dtype and np.array_equal(mine, theirs)):
            return False
    return (one.example, one.label, type(one.label)) == (other.example, other.label, type(other.label))


def written(path: Path, blocks: Sequence[Sequence[Feature]]) -> FeatureRows:
    with ColumnsWriter(path) as writer:
        for block in blocks:
            writer.add(gather(block), 0)
        writer.finish()
    return FeatureRows(read_columns(path))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["class", "span", "tags", "masked", "plain"]), st.data())
def test_mapped_features_of_any_kind_in_any_blocks_are_those_that_were_written(
    tmp_path_factory: pytest.TempPathFactory, kind: str, data: st.DataObject
) -> None:
    blocks = data.draw(st.lists(st.lists(features(kind), min_size=1, max_size=4), min_size=1, max_size=4))
    found = written(tmp_path_factory.mktemp("m") / "f.safetensors", blocks)
    expected = [feature for block in blocks for feature in block]
    assert len(found) == len(expected)
    assert all(same(one, other) for one, other in zip(found, expected, strict=True))
    assert found.lengths.tolist() == [len(feature) for feature in expected]


def plain(*lengths: int) -> list[Feature]:
    return [Feature(ints(range(length)), ints([0] * length), place) for place, length in enumerate(lengths)]


def test_mapped_examples_of_later_blocks_count_on(tmp_path: Path) -> None:
    with ColumnsWriter(tmp_path / "f") as writer:
        writer.add(gather(plain(2, 3)), 0)
        writer.add(gather(plain(4)), 2)
        writer.finish()
    assert [feature.example for feature in FeatureRows(read_columns(tmp_path / "f"))] == [0, 1, 2]
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_mapped_file_without_features_is_empty(tmp_path: Path) -> None:
    assert len(written(tmp_path / "f", [])) == 0


def test_mapped_file_is_safetensors(tmp_path: Path) -> None:
    found = written(tmp_path / "f.safetensors", [plain(2, 3), plain(4)])
    tensors = load_file(tmp_path / "f.safetensors")
    assert tensors.keys() == found.columns.keys()
    assert all(np.array_equal(tensors[name], array) for name, array in found.columns.items())


def test_mapped_columns_can_t_be_written_to_and_features_are_copies(tmp_path: Path) -> None:
    found = written(tmp_path / "f", [plain(2, 3)])
    assert not found.columns["ids"].flags.writeable
    found[1].ids[0] = 9
    assert found[1].ids.tolist() == [0, 1, 2]


def test_feature_rows_take_slices_and_places_from_the_end(tmp_path: Path) -> None:
    found = FeatureRows(gather(plain(2, 3, 4)))
    assert [len(feature) for feature in found[1:]] == [3, 4] and len(found[-1]) == 4
    for place in (3, -4):
        with pytest.raises(IndexError):
            found[place]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_mapped_file_with_a_changed_or_missing_byte_is_refused_or_reads_in_bounds(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("m") / "f"
    written(path, [plain(2, 3), plain(4)])
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= data.draw(st.integers(1, 255))
    else:
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    path.write_bytes(content)
    try:
        columns = read_columns(path)
    except StoreError:
        return
    rows = FeatureRows(columns)
    assert all(len(feature.ids) == length for feature, length in zip(rows, rows.lengths, strict=True))
