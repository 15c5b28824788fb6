"""Whatever is done to a grid, reading it gives a grid or a user's error, never a traceback."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces.reading import read_grid
from search_spaces.schema import Grid
from tests.search_spaces.rows import FULL, ROWS
from training.errors import Faults

_LINES = FULL.splitlines()
_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from(["none", "nli", "pos", "1e-4"])
)
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3), max_leaves=6
)


def _reads_or_refuses(text: str) -> None:
    try:
        assert isinstance(read_grid(text, "g.yaml", ROWS), Grid)
    except Faults as faults:
        assert str(faults)
        assert all(fault.cause and fault.remedy for fault in faults.faults)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(FULL) - 1), st.integers(0, 12), st.text(max_size=6))
def test_grid_with_a_stretch_of_text_replaced_is_read_or_refused(start: int, length: int, put: str) -> None:
    _reads_or_refuses(FULL[:start] + put + FULL[start + length :])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(_LINES), max_size=len(_LINES)))
def test_lines_of_a_grid_in_any_order_are_read_or_refused(lines: list[str]) -> None:
    _reads_or_refuses("\n".join(lines))


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in _places(item, (*path, key)))]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_grid_with_any_value_replaced_is_read_or_refused(data: st.DataObject) -> None:
    tree = {"root": yaml.safe_load(FULL)}
    place = data.draw(st.sampled_from([path for path in _places(tree) if path]))
    owner: Any = tree
    for key in place[:-1]:
        owner = owner[key]
    owner[place[-1]] = data.draw(_VALUES)
    _reads_or_refuses(yaml.safe_dump(tree["root"], sort_keys=False))
