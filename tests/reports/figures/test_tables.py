from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.figures import language_intervals, write_all
from reports.figures.latex import COLUMNS, escaped, languages_latex, transfer_latex
from reports.figures.tidy import intervals_csv, languages_csv
from tests.reports.builders import record
from tests.reports.figures.worlds import hostile, small, sources
from training.errors import UserError

GOLDENS = Path(__file__).parent / "goldens"
DOCUMENT = r"""\documentclass[twocolumn]{article}
\usepackage[T1]{fontenc}\usepackage{textcomp}\usepackage{booktabs}
\begin{document}
\input{transfer}
\clearpage
\input{languages}
\end{document}
"""


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("name", ["languages.csv", "intervals.csv", "transfer.tex", "languages.tex"])
def test_table_of_a_small_sweep_is_the_golden_one(name: str) -> None:
    """Set right by hand after a change that is meant: print the text into the golden file, and read the difference."""
    from_records = small()
    found = sources(from_records)
    by_language = language_intervals(found.tables, from_records, Path("none"))
    made = {
        "languages.csv": languages_csv(found.tables, by_language),
        "intervals.csv": intervals_csv(found.comparisons, {}),
        "transfer.tex": transfer_latex(found),
        "languages.tex": languages_latex(found),
    }
    assert made[name] == (GOLDENS / name).read_text("utf-8")


def test_languages_are_compared_with_the_baseline_in_each() -> None:
    found = sources(small())
    seen = rows(languages_csv(found.tables, language_intervals(found.tables, found.records, Path("none"))))
    english = next(row for row in seen if (row["intermediate"], row["target"], row["language"]) == ("mnli", "xnli", "en"))
    assert float(english["delta_points"]) == pytest.approx(4.45) and float(english["score_percent"]) == pytest.approx(82.7)
    assert float(english["low_points"]) < 4.45 < float(english["high_points"]) and english["covers"] == "seeds alone"
    alone = [row for row in seen if row["target"] == "panx"]
    assert alone and not any(row["delta_points"] or row["baseline_percent"] for row in alone), "there is no baseline"


def test_adjusted_p_values_stand_beside_the_plain_ones_and_decide_what_is_bold() -> None:
    found = sources(small())
    adjusted = dict.fromkeys(found.comparisons, 0.5)
    assert {row["p_adjusted"] for row in rows(intervals_csv(found.comparisons, adjusted))} == {"0.5"}
    assert any(found.sure(pair) for pair in found.comparisons)
    strict = sources(small())
    object.__setattr__(strict, "adjusted", adjusted)
    assert not any(strict.sure(pair) for pair in strict.comparisons)
    assert r"\mathbf" not in transfer_latex(strict) and "adjusted p below 0.05" in transfer_latex(strict)


@given(st.text(max_size=40))
def test_any_text_is_escaped_to_what_every_engine_reads(text: str) -> None:
    shown = escaped(text)
    bare = re.sub(r"\\text[a-z]+\{\}|\\scriptsize|\\ldots\{\}|\\dag\{\}|\$\\[a-zA-Z]+\$|\$-\$|\\[{}$&#%_]", "", shown)
    assert not set(bare) & set("\\$&#%_^~<>|\"'`") and max(map(ord, shown)) <= 0x17F
    assert bare.count("{") == bare.count("}") and "\n" not in shown


def test_more_targets_than_a_page_is_wide_go_into_further_tables() -> None:
    records = [record(name, {f"t{n:02}": 50.0 + n}) for name in ("none", "mnli") for n in range(30)]
    text = transfer_latex(sources(records))
    widths = [len(found) for found in re.findall(r"\\begin\{tabular\}\{l(r+)\}", text)]
    assert len(widths) == 3 and max(widths) <= COLUMNS and sum(widths) == 31
    assert "Part 3." in text and len(set(re.findall(r"\\label\{(.*)\}", text))) == 3


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize("records", [small(), hostile()], ids=["small", "hostile"])
def test_tables_are_read_by_pdflatex(tmp_path: Path, records: list[object]) -> None:
    found = sources(records)
    (tmp_path / "transfer.tex").write_text(transfer_latex(found), "utf-8")
    (tmp_path / "languages.tex").write_text(languages_latex(found), "utf-8")
    (tmp_path / "page.tex").write_text(DOCUMENT, "utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "page.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode("utf-8", "replace")[-2000:]
    assert b"Overfull" not in done.stdout or len(records) == len(hostile())


def test_folder_that_can_not_be_written_is_a_users_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = sources(small())
    with pytest.raises(UserError, match="can't be written"):
        write_all(found.tables, found.comparisons, tmp_path / "file" / "figures")
