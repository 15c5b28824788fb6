"""Imports run down only: sweep -> reports, search_spaces -> training, and training needs none of the libraries above it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Collection, Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = {"sweep", "reports", "search_spaces", "training"}
HOLDS = OURS | {"tests", "benchmarks", "cluster"}
MAY_IMPORT = {
    "training": {"training"},
    "reports": {"reports", "training"},
    "search_spaces": {"search_spaces", "training"},
    "sweep": OURS,
}
NEVER = {
    "training": {"ray", "mlflow", "optuna", "pydantic", "click", "rich", "yaml"},
    "reports": {"ray", "optuna", "mlflow", "torch"},
    "search_spaces": {"ray", "optuna", "mlflow", "torch"},
    "sweep": set(),
}
LAZILY = {"training": {"datasets", "peft"}}
# Not yaml, which transformers itself stands on.
BLOCKED = ("ray", "mlflow", "optuna", "datasets", "peft", "pydantic", "click", "rich", "sweep", "reports", "search_spaces")


def _modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full"
            yield node.module or ""


def _modules_of(tree: ast.AST, known: Collection[str]) -> Iterator[str]:
    """The known modules that a module imports, wherever it does."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            whole = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in known else str(node.module) for name in whole)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _at_import(tree: ast.Module) -> Iterator[str]:
    """What is imported when the module is: everything outside of functions."""
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))]
    later = [name for function in functions for name in _imports(function)]
    for name in _imports(tree):
        if name in later:
            later.remove(name)
        else:
            yield name


@pytest.mark.parametrize("package", sorted(OURS))
def test_package_imports_only_the_floors_below_it(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in _modules(package)
        for name in _imports(ast.parse(path.read_text("utf-8")))
        if (top := name.partition(".")[0]) in NEVER[package] or (top in OURS and top not in MAY_IMPORT[package])
    ]
    assert not wrong


def test_modules_never_import_each_other_in_a_circle() -> None:
    paths = {_name(path): path for package in OURS for path in _modules(package)}
    trees = {name: ast.parse(path.read_text("utf-8")) for name, path in paths.items()}
    graph = {name: {other for other in _modules_of(tree, paths) if other in paths} for name, tree in trees.items()}
    TopologicalSorter(graph).prepare()  # CycleError names the circle


def test_module_of_ours_that_is_imported_is_there() -> None:
    known = {_name(path) for package in HOLDS for path in _modules(package)}
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for package in HOLDS
        for path in _modules(package)
        for name in _imports(ast.parse(path.read_text("utf-8")))
        if name.partition(".")[0] in HOLDS and name not in known
    ]
    assert not wrong


@pytest.mark.parametrize("package", sorted(LAZILY))
def test_library_that_few_need_is_imported_when_it_is_used(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in _modules(package)
        for name in _at_import(ast.parse(path.read_text("utf-8")))
        if name.partition(".")[0] in LAZILY[package]
    ]
    assert not wrong


def test_training_runs_where_nothing_above_it_is_installed() -> None:
    names = [_name(path) for path in _modules("training")]
    program = f"""
import importlib, sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {BLOCKED} else PathFinder.find_spec(name, path, target)

sys.meta_path[:] = [Without if finder is PathFinder else finder for finder in sys.meta_path if "editable" not in repr(finder)]
for name in {names}:
    importlib.import_module(name)
for name in {BLOCKED}:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        continue
    raise SystemExit(f"{{name}} was not blocked")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
