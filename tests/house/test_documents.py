"""What the documents name is there: files, links, modules, verbs with their options, grids."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from search_spaces.catalogue import grids
from sweep.cli import main

ROOT = Path(__file__).parents[2]
LISTED = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=False)
DOCUMENTS = sorted(name for name in LISTED.stdout.splitlines() if name.endswith(".md") and not name.startswith("tests/"))
GRID = re.compile(r"--grid[ =]([a-z][a-z0-9_]*)\b(?![./])")
MADE_UP = {"mine", "name", "example"}
"""Grids that stand for one of the reader's own."""
MEANT = re.compile(r"^(training|reports|sweep|search_spaces|benchmarks|tests|cluster|docs)/[\w./-]*\w$")
pytestmark = pytest.mark.skipif(not DOCUMENTS, reason="git lists no documents here")


def _text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def _commands(text: str) -> Iterator[list[str]]:
    """Words of the commands that begin with `sweep`, in blocks and in running text."""
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    lines = [line.strip().removeprefix("$ ") for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    for line in [*lines, *re.findall(r"`(sweep [^`\n]+)`", text)]:
        if re.match(r"sweep [a-z]+($| )", line):
            try:
                yield shlex.split(re.split(r"\s+#|\s\|\s|;|&&|  then | > ", line)[0])[1:]
            except ValueError:  # a line of output with an apostrophe
                continue


def _faults(words: list[str]) -> Iterator[str]:
    command: click.Command = main
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.commands.get(words[0])
        if found is None:
            yield f"no verb {words[0]}"
            return
        command, words = found, words[1:]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}
    for word in words:
        for each in re.findall(r"--[a-z][a-z-]*", word.partition("=")[0]) if word.lstrip("[").startswith("--") else []:
            if each not in known:
                yield f"sweep {command.name} has no {each}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_command_that_a_document_shows_is_one_that_sweep_takes(name: str) -> None:
    assert [fault for words in _commands(_text(name)) for fault in _faults(words)] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_grid_that_a_document_names_is_shipped(name: str) -> None:
    assert set(GRID.findall(_text(name))) - set(grids()) - MADE_UP == set()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_link_of_a_document_leads_to_a_file(name: str) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", _text(name))
    broken = [link for link in links if "://" not in link and not (ROOT / name).parent.joinpath(link).exists()]
    assert broken == []


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name != "CHANGELOG.md"])
def test_file_that_a_document_names_is_there(name: str) -> None:
    named = {word for word in re.findall(r"`([^`\s]+)`", _text(name)) if MEANT.match(word)}
    named |= {word for word in re.findall(r"python (benchmarks/\S+\.py)", _text(name))}
    assert sorted(word for word in named if not (ROOT / word).exists()) == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_module_that_a_document_runs_is_there(name: str) -> None:
    modules = set(re.findall(r"python -m ((?:benchmarks|training|reports|sweep|search_spaces|tests)[\w.]*)", _text(name)))
    places = {module: ROOT / module.replace(".", "/") for module in modules}
    assert [module for module, place in places.items() if not place.with_suffix(".py").is_file() and not place.is_dir()] == []


def test_check_of_commands_finds_a_verb_and_an_option_that_are_not_there() -> None:
    text = "```\nsweep lunch --grid demo\nsweep launch --gird demo   # why\n```\nand `sweep data list --data DIR`\n"
    assert [fault for words in _commands(text) for fault in _faults(words)] == ["no verb lunch", "sweep launch has no --gird"]


def test_option_of_a_verb_stands_in_a_document() -> None:
    everything = "\n".join(map(_text, DOCUMENTS))
    parameters = [one for command in _verbs(main) for one in command.params]
    options = {option for one in parameters for option in (one.secondary_opts or one.opts) if "--" in option}
    assert len(options) > 50
    assert sorted(option for option in options if not re.search(rf"{option}\b(?!-)", everything)) == []


def test_variable_of_the_environment_stands_in_the_table_of_variables() -> None:
    named = set(re.findall(r"`(SWEEP_[A-Z_]+)`", _text("docs/RUNNING.md").partition("## Variables")[2]))
    modules = [name for name in LISTED.stdout.splitlines() if re.match(r"(sweep|training|reports|search_spaces)/.*\.py$", name)]
    read = {word for name in modules for word in re.findall(r'["{](SWEEP_[A-Z_]+)', _text(name))}
    assert read - {"SWEEP_JOB"} == named, "SWEEP_JOB is what a job is told, nothing that a user sets"


def _verbs(command: click.Command) -> Iterator[click.Command]:
    yield command
    for below in command.commands.values() if isinstance(command, click.Group) else ():
        yield from _verbs(below)
