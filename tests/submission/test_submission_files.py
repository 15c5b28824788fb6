"""Forms of files, the way back from them, labels, the comparison with a record, and packing."""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.scoring.forms import FORMS, Form
from reports.scoring.sources import Source
from reports.submission.agreement import EQUAL, compare
from reports.submission.files import predictions_of, text_of
from reports.submission.gold import gold_by_language
from reports.submission.packing import pack
from sweep.submission.submitting import Submitted
from training.data.examples import Bitext, Sentences, Tagged
from training.data.request import Findings
from training.metrics.scores import score
from training.record import TargetResult
from training.tasks.registry import row

HERE = Path("test-de.tsv")
EXACT: dict[str, tuple[Any, str]] = {
    "xnli": ([1, 0, 2], "entailment\ncontradiction\nneutral\n"),
    "pawsx": ([1, 0], "1\n0\n"),
    "udpos": ([[5, 16], [7]], "DET\nX\n\nNOUN\n"),
    "panx": ([[0, 5, 6], [0]], "O\nB-PER\nI-PER\n\nO\n"),
    "tatoeba": ([2, 0, 1], "2\n0\n1\n"),
    "bucc2018": ({("de-2", "en-1"), ("de-1", "en-7")}, "de-1\ten-7\nde-2\ten-1\n"),
    "xcopa": ([0, 1], '{"label": 0}\n{"label": 1}\n'),
    "xquad": ({"q1": "eine “Katze”", "q2": ""}, '{\n"q1": "eine \\u201cKatze\\u201d",\n"q2": ""\n}\n'),
    "mewslix": ({"m1": ["Q2", "Q1"]}, '{\n"m1": [\n"Q2",\n"Q1"\n]\n}\n'),
    "lareqa": ({"q": [1, 0]}, '{"q": ["de-1:1", "de-1:0"]}\n'),
}


@pytest.mark.parametrize("folder", EXACT)
def test_file_has_the_official_form_and_reads_back(folder: str) -> None:
    predictions, text = EXACT[folder]
    form = FORMS[folder]
    assert text_of(form, predictions, ["de-1:0", "de-1:1"]) == text
    findings = Findings(HERE)
    back = predictions_of(form, Source(HERE, text), findings)
    assert not findings.count
    assert back == ({"q": ["de-1:1", "de-1:0"]} if folder == "lareqa" else predictions)


@given(st.lists(st.lists(st.integers(0, 16), min_size=1, max_size=5), min_size=1, max_size=6))
def test_tagged_sentences_read_back_as_they_were(sentences: list[list[int]]) -> None:
    findings = Findings(HERE)
    text = text_of(FORMS["udpos"], sentences)
    assert predictions_of(FORMS["udpos"], Source(HERE, text), findings) == sentences
    assert not findings.count and not text.startswith("\n") and not text.endswith("\n\n") and "\n\n\n" not in text


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.text(st.characters(exclude_categories=["Cs"]))
    )
)
def test_answers_of_any_text_read_back_as_they_were(answers: dict[str, str]) -> None:
    text = text_of(FORMS["xquad"], answers)
    assert text.isascii()
    assert predictions_of(FORMS["xquad"], Source(HERE, text), Findings(HERE)) == answers


def test_every_form_can_be_written() -> None:
    assert {form.form for form in FORMS.values()} == set(Form) == {FORMS[folder].form for folder in EXACT}


def _labelled(count: int) -> list[Sentences]:
    return [Sentences(f"e{n}", "a", "b", n % 3) for n in range(count)]


def _result(task: str, predictions: Any, examples: Any) -> TargetResult:
    scores = score(row(task), "de", predictions, gold_by_language(row(task), {"de": examples})["de"])
    return TargetResult(
        task=task,
        split="test",
        languages={"de": scores},
        examples={"de": 1},
        mean=scores["score"],
        mean_non_english=None,
        synthetic=False,
    )


def test_record_of_some_examples_is_compared_with_their_part_of_the_file() -> None:
    everything = _labelled(9)
    part = everything[1:8:2]
    found = [0, 1, 2, 0, 0, 2, 1, 1, 1]
    result = _result("xnli", found[1:8:2], part)
    same = compare(row("xnli"), result, {"de": found}, {"de": everything}, {"de": part})
    assert (same.says, same.differs) == (f"{EQUAL}: 4 of 9 examples a language", False)
    other = compare(row("xnli"), result, {"de": [0, 2, *found[2:]]}, {"de": everything}, {"de": part})
    assert other.differs and "de most: 75.0000 against 100.0000" in other.says


def test_record_of_fewer_candidates_is_not_compared() -> None:
    whole = Bitext("de", ("a", "b"), ("x", "y"), (0, 1))
    capped = replace(whole, queries=("a",), candidates=("x",), gold=(0,))
    result = _result("tatoeba", [0], [capped])
    found = compare(row("tatoeba"), result, {"de": [0, 1]}, {"de": [whole]}, {"de": [capped]})
    assert (found.says, found.differs) == ("not compared: the record was scored with fewer candidates", False)


def test_gold_of_a_language_that_lacks_some_is_none() -> None:
    blank = Tagged("e", ("a",), None)
    assert gold_by_language(row("udpos"), {"de": [Tagged("e", ("a",), (3,))], "fr": [blank]}) == {"de": [[3]]}


def test_pack_has_the_same_bytes_for_the_same_files_and_nothing_else_in_it(xtreme: Submitted, tmp_path: Path) -> None:
    first = Path(shutil.copytree(xtreme.out, tmp_path / "a" / "out"))
    second = Path(shutil.copytree(xtreme.out, tmp_path / "b" / "out", copy_function=shutil.copyfile))
    (second / "xnli" / "notes.txt").write_text("mine")
    one, two = pack(first, xtreme.manifest), pack(second, xtreme.manifest)
    assert one == tmp_path / "a" / "out.zip" and one.read_bytes() == two.read_bytes()
    with zipfile.ZipFile(one) as archive:
        assert archive.testzip() is None and len(archive.namelist()) == 163
        assert archive.read("xnli/test-de.tsv") == (first / "xnli" / "test-de.tsv").read_bytes()
