"""What chooses among trials can't read gold: no module of `sweep/` gets examples, readers, or the functions that score them.

Scores of a target come to it in records alone; `training.data.checking` gives counts, and texts with the gold left out.
"""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path

import pytest

from training.data import examples
from training.data.checking import GOLD, first_example
from training.tasks.registry import row

ROOT = Path(__file__).parents[2]
SWEEP = sorted((ROOT / "sweep").rglob("*.py"))
NAMES = {"load", "READERS", "gold_of", "read_prepared", "read_native", "score"}
MODULES = {
    "training.data.readers",
    "training.data.examples",
    "training.data.corpus",
    "training.evaluate",
    "training.inference.retrieval",
    "training.metrics.scores",
}


def _reads_gold(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("training."):
            found += [f"{node.module}.{alias.name}" for alias in node.names if alias.name in NAMES or node.module in MODULES]
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name in MODULES]
    return found


@pytest.mark.parametrize("path", SWEEP, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_of_sweep_can_read_gold(path: Path) -> None:
    assert not _reads_gold(path)


def test_the_check_sees_what_reads_gold(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("from training.data.loading import DataSource, load\nimport training.evaluate\n", "utf-8")
    assert _reads_gold(tmp_path / "bad.py") == ["training.data.loading.load", "training.evaluate"]


def test_every_field_of_gold_is_known() -> None:
    """A new field of an example is gold, or one of these."""
    kinds = [value for value in vars(examples).values() if isinstance(value, type) and value.__module__ == examples.__name__]
    harmless = {"id", "first", "second", "context", "endings", "group", "words", "text", "start", "question", "queries"}
    harmless |= {"candidates", "sentences", "passage", "description", "ids", "english", "english_ids"}
    named = {item.name for kind in kinds for item in fields(kind)} - {"text", "start"}
    assert named - harmless - set(GOLD) == set()


def test_first_example_of_a_test_file_leaves_its_gold_out(tmp_path: Path) -> None:
    (tmp_path / "xcopa").mkdir()
    line = '{"premise": "It rained.", "choice1": "Wet.", "choice2": "Dry.", "question": "effect", "label": 1, "idx": 0}\n'
    (tmp_path / "xcopa" / "test-et.jsonl").write_text(line * 3, "utf-8")
    found = first_example(row("xcopa"), tmp_path)
    assert found is not None and (found["split"], found["language"]) == ("test", "et")
    assert "label" not in found["fields"] and "It rained." in found["fields"]["context"]
