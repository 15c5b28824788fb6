"""Help, lists and completion answer at once and name what there is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from search_spaces.catalogue import grids
from sweep.cli import main

HEAVY = ("ray", "torch", "transformers", "mlflow", "optuna", "datasets", "pydantic", "rich", "numpy")


def _output(*words: str) -> str:
    result = CliRunner(env={"COLUMNS": None}).invoke(main, list(words))
    assert result.exit_code == 0, result.output
    return result.output


def _completions(words: list[str], incomplete: str) -> list[str]:
    return [item.value for item in ShellComplete(main, {}, "sweep", "_SWEEP_COMPLETE").get_completions(words, incomplete)]


def test_help_lists_every_verb_in_the_order_of_use() -> None:
    verbs = [line.split()[0] for line in _output("--help").partition("Commands:")[2].splitlines() if line.strip()]
    use = ["launch", "plan", "rank", "status", "logs", "stop", "resume", "fetch", "ui", "table", "report", "show", "sync"]
    after = ["study", "claims", "select", "submit", "score", "gc", "services", "simulate"]
    assert verbs == [*use, *after, "grids", "tasks", "data", "completion"]


@pytest.mark.parametrize("verb", list(main.commands))
def test_every_verb_explains_itself(verb: str) -> None:
    assert main.commands[verb].help
    assert f"Usage: main {verb}" in _output(verb, "--help")


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom sweep.cli import main\n"
        "try:\n    main(['launch', '--help'])\nexcept SystemExit:\n    pass\n"
        f"print('heavy:', [name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "heavy: []"


@pytest.mark.parametrize(
    "module",
    [
        *(
            "sweep.steering.requests",
            "sweep.bucket.reading",
            "sweep.watch.status",
            "sweep.launching.outcome",
            "sweep.foreseen",
            "reports.table",
        ),
        *("reports.table", "sweep.selecting.choosing", "reports.page.build", "sweep.gc.removal"),
    ],
)
def test_what_looks_at_a_sweep_imports_nothing_heavy(module: str) -> None:
    """A stop that takes seconds to load comes too late for a short sweep."""
    heavy = tuple(name for name in HEAVY if name not in ("rich", "numpy"))
    code = f"import sys, {module}; print('heavy:', [name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "heavy: []"


def test_grids_lists_every_shipped_grid() -> None:
    output = _output("grids")
    assert all(name in output for name in grids())


def test_tasks_lists_kind_and_place_of_a_row() -> None:
    (line,) = [line for line in _output("tasks").splitlines() if line.startswith("xquad ")]
    assert line.split() == ["xquad", "span", "extraction", "target", "squad_v1", "test", "squad", "11"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_the_script_of_a_shell(shell: str) -> None:
    assert "_SWEEP_COMPLETE" in _output("completion", shell)


def test_grid_completes_to_shipped_names() -> None:
    assert _completions(["launch", "--grid"], "de") == ["demo"]
    assert set(_completions(["status", "--grid"], "")) == set(grids())


def test_trial_completes_to_the_records_of_the_run_folder(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    for name in ("a-1", "a-2", "b-1"):
        (tmp_path / "records" / f"{name}.json").touch()
    assert _completions(["show", "--run", str(tmp_path)], "a") == ["a-1", "a-2"]
    assert _completions(["show", "--run", str(tmp_path / "none")], "") == []


def test_version_is_shown() -> None:
    assert _output("--version").startswith("sweep")
