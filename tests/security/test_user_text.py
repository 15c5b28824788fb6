"""Names and texts of a user's files: what could lead out of a folder, or trick a terminal, is refused or shown harmless."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from search_spaces.own_tasks import read_task
from search_spaces.reading import read_grid
from sweep.away.bundle import unpack
from sweep.options import run_folder_of
from sweep.words import print_lines
from tests.security.planted import secret
from training.errors import StoreError, UserError
from training.tasks.registry import ROWS

GRID = """\
name: {name}
models: {{{model}: {{source: mini_world, pretrain: {{task: mini_mlm, epochs: 1}}}}}}
intermediates: [none]
targets: [{target}]
search: {{trials: 1, space: {{target: {{lr: [1e-4], epochs: [1]}}}}}}
"""
TASK = """\
name: {name}
like: udpos
labels: [N, V]
languages: [gn]
files: {{train: "a/train-{{lang}}.tsv", test: "a/{{lang}}.tsv"}}
"""
TRICKS = [
    r"../x", r"..", r"a/b", r"/etc/x", r"a\\b", r".hidden", r"-rf", r"a b", r"<script>alert(1)</script>", r"a|b", r"a'b",
    r"a`id`", r"$(id)", r"[red]x[/red]", r"%2e%2e", r"a\u0000b", r"a\nb", r"a\n", r"a\u001b[31mb", r"\u202egpj.exe", "x" * 300,
    r"*", r"~",
]  # fmt: skip


@pytest.mark.parametrize("field", ["name", "model", "target"])
@pytest.mark.parametrize("trick", TRICKS)
def test_name_in_a_grid_that_is_no_plain_word_is_refused(field: str, trick: str) -> None:
    words = {"name": "ok", "model": "m", "target": "mini_udpos"} | {field: f'"{trick}"'}
    with pytest.raises(UserError) as caught:
        read_grid(GRID.format(**words), "grid.yaml", ROWS)
    assert not tricky(shown(str(caught.value)))


def test_plain_words_are_taken() -> None:
    assert read_task(TASK.format(name="own"), "x.task.yaml", ROWS, {"tag_accuracy": 1, "tag_f1": 1, "span_f1": 1}).name == "own"
    assert read_grid(GRID.format(name="ok", model="m_1", target="mini_udpos"), "grid.yaml", ROWS).name == "ok"


@pytest.mark.parametrize("trick", TRICKS)
def test_name_of_a_task_that_is_no_plain_word_is_refused(trick: str) -> None:
    with pytest.raises(UserError) as caught:
        read_task(TASK.format(name=f'"{trick}"'), "x.task.yaml", ROWS, {"tag_accuracy": 1, "tag_f1": 1, "span_f1": 1})
    assert not tricky(shown(str(caught.value)))


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system ['true']", "!!python/name:os.system", "!include /etc/passwd"])
def test_object_in_a_grid_is_refused_and_never_built(tag: str) -> None:
    with pytest.raises(UserError):
        read_grid(GRID.format(name=tag, model="m", target="mini_udpos"), "grid.yaml", ROWS)


@given(st.text())
def test_run_folder_of_any_grid_word_is_below_runs(word: str) -> None:
    folder = run_folder_of(word)
    assert folder.parts[:1] == ("runs",) and len(folder.parts) <= 2


def shown(text: str) -> str:
    """What the terminal gets of a text."""
    out = io.StringIO()
    print_lines(Console(file=out, width=200), text)
    return out.getvalue()


def tricky(text: str) -> list[str]:
    """Characters that a terminal obeys instead of showing them."""
    return [
        each for each in text if each != "\n" and ((not each.isprintable() and not each.isspace()) or each in "\r\x0b\x0c\x85")
    ]


@given(st.text(st.characters(codec="utf-8")))
def test_text_that_is_shown_commands_no_terminal(text: str) -> None:
    assert not tricky(shown(text))


def test_escape_is_shown_and_not_obeyed() -> None:
    assert shown("a\x1b[31mred\u202e b\r") == "a\\x1b[31mred\\u202e b\\r\n"


def test_markup_of_a_user_is_shown_as_it_is() -> None:
    assert shown("[red]x[/red] :smile: [link=http://x]y[/link]") == "[red]x[/red] :smile: [link=http://x]y[/link]\n"


def test_secret_is_shown_nowhere_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", secret("hub"))
    assert shown(f"the hub says {secret('hub')}") == "the hub says ***\n"


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE, tarfile.BLKTYPE]
)
def test_bundle_with_what_is_no_file_is_refused(kind: bytes, tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        info = tarfile.TarInfo("records/x.json")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    stream.seek(0)
    with pytest.raises(StoreError, match="no run folder has"):
        list(unpack(stream))
