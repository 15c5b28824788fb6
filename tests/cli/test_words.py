"""Prose is wrapped between words on a terminal and nowhere else; what can be copied stays whole."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

import sweep.planning.preparing
from sweep.options import LaunchOptions
from sweep.planning.preparing import prepare
from sweep.words import busy, listing, print_lines, print_rich
from tests.sweep.plans import SMALL
from training.errors import DataError, Faults, ModelError

PATH = "/a/folder/with/a/name/that/is/longer/than/the/terminal/is/wide/records/trial.json"


def said(text: str, width: int, terminal: bool) -> str:
    stream = io.StringIO()
    print_lines(Console(file=stream, width=width, force_terminal=terminal, color_system=None), text)
    return stream.getvalue()


def test_lines_into_a_file_are_as_they_were() -> None:
    text = f"cause: {PATH} [red]\n  remedy: do {'this and ' * 20}that"
    assert said(text, 40, terminal=False) == text + "\n"


@given(st.lists(st.sampled_from(["a", "word", "mini.none.mini_udpos", "it's", "[red]", "--run"]), min_size=1, max_size=40))
def test_lines_on_a_terminal_fit_it_and_lose_no_word(words: list[str]) -> None:
    shown = said("  " + " ".join(words), 40, terminal=True)
    assert all(len(line) <= 40 for line in shown.splitlines())
    assert shown.split() == words
    assert all(line.startswith("    ") for line in shown.splitlines()[1:])


def test_word_wider_than_the_terminal_stays_whole() -> None:
    assert PATH in said(f"a record is damaged: {PATH} (its digest is another)", 40, terminal=True).splitlines()[1]


@pytest.mark.parametrize("width", [56, 60, 79, 100])
def test_headings_of_a_table_stay_whole_on_a_narrow_terminal(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    headings = ["study", "targets", "settings", "seeds", "trials", "done"]
    table = listing(*headings)
    table.add_row("mini.many_a_1_240.mini_xcopa", "mini_xcopa, mini_tatoeba", "1", "2", "3", "0")
    print_rich(table)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == headings and all(len(line) <= width for line in lines)
    assert "".join(line[: lines[0].index("targets")].strip() for line in lines[1:]) == "mini.many_a_1_240.mini_xcopa"


def test_what_takes_time_is_said_on_a_terminal_alone() -> None:
    streams = [io.StringIO(), io.StringIO()]
    for stream, terminal in zip(streams, (True, False), strict=True):
        with busy(Console(file=stream, width=60, force_terminal=terminal), "reading the data"):
            pass
    assert "reading the data" in streams[0].getvalue() and streams[0].getvalue().endswith("\x1b[2K")
    assert streams[1].getvalue() == ""


def test_faults_of_models_and_of_data_are_told_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_model(*arguments: object) -> None:
        raise ModelError("no such model", "xlmr")

    def no_data(*arguments: object) -> None:
        raise DataError("no such file", "train.tsv")

    monkeypatch.setattr(sweep.planning.preparing, "resolve_sources", lambda *arguments: {})
    monkeypatch.setattr(sweep.planning.preparing, "resolve_models", no_model)
    monkeypatch.setattr(sweep.planning.preparing, "check_data", no_data)
    (tmp_path / "small.yaml").write_text(SMALL)
    options = LaunchOptions(grid=str(tmp_path / "small.yaml"))
    with pytest.raises(Faults, match=r"2 faults in grid small(.|\n)*no such model(.|\n)*no such file"):
        prepare(options, read_data=True)
    with pytest.raises(ModelError):
        prepare(options)
