"""Files stay small, name no machine, and leave nothing for later."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST = 500
# Written in two parts, so that this file does not hold them.
REFUSED = ("/wo" + "rk/", "/ro" + "ot/", "TO" + "DO", "FIX" + "ME")


def _files() -> list[Path]:
    """Every file of the project, committed or about to be; what git ignores is not one."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def test_no_python_file_is_longer_than_the_limit() -> None:
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in _files() if path.suffix == ".py"}
    assert lengths
    assert not {str(path): length for path, length in lengths.items() if length > LONGEST}


@pytest.mark.parametrize("refused", REFUSED)
def test_no_file_holds_a_machine_path_or_an_open_end(refused: str) -> None:
    assert not [str(path.relative_to(ROOT)) for path in _files() if refused.encode() in path.read_bytes()]


def test_every_module_says_what_it_is() -> None:
    packages = ("sweep", "reports", "search_spaces", "training")
    modules = [path for path in _files() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in packages]
    silent = [path for path in modules if path.stat().st_size and not ast.get_docstring(ast.parse(path.read_text("utf-8")))]
    assert not [str(path.relative_to(ROOT)) for path in silent]


@pytest.mark.parametrize("floor", ["reports", "sweep", "training"])
def test_floor_says_what_each_of_its_modules_and_rooms_is_for(floor: str) -> None:
    said = ast.get_docstring(ast.parse((ROOT / floor / "__init__.py").read_text("utf-8"))) or ""
    modules = {path.stem for path in (ROOT / floor).glob("*.py") if not path.stem.startswith("__")}
    rooms = {path.parent.name for path in (ROOT / floor).glob("*/__init__.py")}
    assert modules and rooms
    assert not {name for name in modules | rooms if f"`{name}`" not in said}
