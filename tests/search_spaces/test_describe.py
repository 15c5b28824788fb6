"""The page on grids says what the schema says, and its example is a grid."""

from __future__ import annotations

from pathlib import Path

from search_spaces.describe import grid_reference
from search_spaces.reading import read_grid
from search_spaces.resources import Resources
from search_spaces.schema import Data, Grid, Intermediate
from training.tasks.registry import ROWS

PAGE = Path(__file__).parents[2] / "docs" / "GRIDS.md"


def test_page_is_made_from_the_schema() -> None:
    """Write it again with: python -m search_spaces.describe > docs/GRIDS.md."""
    assert PAGE.read_text(encoding="utf-8") == grid_reference()


def test_page_has_every_key() -> None:
    text = grid_reference()
    for part in (Grid, Intermediate, Data, Resources):
        assert all(f"| `{name}` |" in text for name in part.model_fields if (part, name) != (Intermediate, "name"))


def test_example_of_the_page_is_a_grid() -> None:
    example = grid_reference().split("```yaml\n")[1].split("```")[0]
    grid = read_grid(example, "mine.yaml", ROWS)
    series = ["mnli_1000", "mnli_10000", "mnli_all", *(f"many_{order}_{count}" for order in "ab" for count in (1, 2, 3))]
    assert [setting.name for setting in grid.intermediates] == ["none", "hellaswag", "both", "mixed", *series]
