"""The page on security claims nothing that no test holds: each test that it names is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (ROOT / "docs" / "SECURITY.md").read_text("utf-8"))


def test_each_test_that_the_page_names_is_there() -> None:
    assert len(NAMED) > 25, "the page names its tests"
    missing = [
        f"{path}::{name}"
        for path, name in NAMED
        if not (ROOT / path).is_file() or (name and f"def {name}(" not in (ROOT / path).read_text("utf-8"))
    ]
    assert not missing
