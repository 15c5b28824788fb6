from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from reports.cells import Pair
from reports.figures import language_intervals, write_all
from reports.figures.canvas import COLUMN, DIVERGING, PAGE, TALLEST, styled
from reports.figures.cost import hours_of, scaled
from reports.figures.curves import mean_curve
from reports.figures.dots import language_dots
from reports.figures.gap import gap_of
from reports.figures.heat import _light, heat_map, scale_of, shown_in
from reports.frame import transfer_tables
from tests.reports.builders import phase, record, result
from tests.reports.figures.worlds import hostile, small, sources
from training.identity import Role
from training.record import TrialRecord


def written(records: list[TrialRecord], folder: Path) -> dict[str, bytes]:
    found = sources(records)
    by_language = language_intervals(found.tables, records, Path("none"))
    paths = write_all(found.tables, found.comparisons, folder, records=records, by_language=by_language, unit="CPU-hours")
    assert sorted(paths) == sorted(path for path in folder.iterdir())
    return {path.name: path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return written(small(), tmp_path_factory.mktemp("figures"))


def texts(svg: bytes) -> str:
    return " ".join("".join(node.itertext()) for node in ElementTree.fromstring(svg).iter() if node.tag.endswith("text"))


@pytest.mark.slow
def test_equal_records_give_equal_bytes(files: dict[str, bytes], tmp_path: Path) -> None:
    again = written(list(reversed(small())), tmp_path)
    assert {name: content for name, content in again.items() if files[name] != content} == {}


def test_every_kind_of_picture_is_there_at_its_width_with_its_text(files: dict[str, bytes]) -> None:
    names = {name.removesuffix(".svg") for name in files if name.endswith(".svg")}
    kinds = {"heat-xlmr-column", "heat-xlmr-page", "cost-xlmr-column", "cost-xlmr-page", "gap-xlmr", "curves-xlmr"}
    assert names == kinds | {"languages-xlmr-xnli", "languages-xlmr-tatoeba"}
    assert all(f"{name}.pdf" in files for name in names)
    for name in names:
        width = float(re.search(rb'width="([\d.]+)pt"', files[f"{name}.svg"])[1]) / 72
        assert width == pytest.approx(COLUMN) or width == pytest.approx(PAGE), name
        assert "SYNTHETIC data (mini world)" in texts(files[f"{name}.svg"]), name


def test_pdf_holds_letters_of_truetype_and_no_date(files: dict[str, bytes]) -> None:
    pdf = files["heat-xlmr-page.pdf"]
    assert b"/Subtype /Type3" not in pdf and b"CIDFontType2" in pdf and b"CreationDate" not in pdf


def test_heat_map_says_difference_interval_and_what_is_missing_in_words(files: dict[str, bytes]) -> None:
    said = texts(files["heat-xlmr-page.svg"])
    for wanted in ("+4.4", "−24.5!", "±", "…", "no retr.", "collapse (−20 or worse)", "Bold: the 95 % interval leaves 0 out."):
        assert wanted in said, wanted


def test_colours_are_even_about_nothing_and_a_collapse_does_not_wash_out_the_rest() -> None:
    (table,) = transfer_tables(small())
    assert scale_of(table) == 5.0 and shown_in(sources(small()), table, "squad_v2", "xnli").text == "−24.5!"
    assert DIVERGING(0.5)[:3] == pytest.approx((1.0, 1.0, 1.0), abs=0.02)


def test_ink_of_every_cell_has_enough_contrast() -> None:
    for step in range(257):
        colour = DIVERGING(step / 256)
        linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in colour[:3]]
        light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        assert ((light + 0.05) / 0.05 if _light(colour) else 1.05 / (light + 0.05)) >= 4.5


@pytest.mark.slow
def test_hostile_names_are_text_in_pictures_and_stay_out_of_paths(tmp_path: Path) -> None:
    found = written(hostile(), tmp_path / "figures")
    assert {path.name for path in tmp_path.iterdir()} == {"figures"}
    assert all(re.fullmatch(r"[A-Za-z0-9._~-]+", name) and not name.startswith(".") for name in found)
    for name, content in found.items():
        if name.endswith(".svg"):
            tree = ElementTree.fromstring(content)
            assert not [node for node in tree.iter() if node.tag.endswith("script")]
    assert "$x^2$" in texts(next(content for name, content in found.items() if re.match(r"gap.*\.svg", name)))


def test_a_whole_study_fits_pages() -> None:
    names = ["none", *(f"intermediate_{n}" for n in range(11))]
    languages = [f"l{n:02}" for n in range(49)] + ["en"]
    one = replace(record("none", {"panx": 60.0}), results=(result("panx", 60.0, languages=languages),))
    records = [replace(one, intermediate=name, trial=name, study=name) for name in names]
    found = sources(records)
    with styled():
        pages = list(language_dots(found, found.tables[0], "panx"))
        wide = heat_map(sources([record(n, {f"target_{t}": 50.0}) for n in names for t in range(9)]), found.tables[0], COLUMN)
    assert len(pages) == 3 and sum(len(page.axes) for page in pages) == 11
    assert all(page.get_size_inches()[1] <= TALLEST for page in pages) and wide.get_size_inches()[0] == COLUMN


def test_gap_is_english_and_the_mean_of_the_others_or_nothing() -> None:
    (table,) = transfer_tables([record("none", {"xnli": 70.0})])
    assert gap_of(table.cells["none"]["xnli"]) == pytest.approx((76.75, 67.75))
    one = replace(record("none", {"xnli": 70.0}), results=(result("xnli", 70.0, languages=["de", "fr"]),))
    assert gap_of(transfer_tables([one])[0].cells["none"]["xnli"]) is None


def test_cost_counts_a_shared_phase_once_and_pretraining_never() -> None:
    shared = phase(Role.INTERMEDIATE, "mnli", key="a" * 16)
    first = [phase(Role.PRETRAIN, "mlm"), shared, phase(Role.TARGET, "xnli", key="b" * 16)]
    second = [shared, phase(Role.TARGET, "xnli", key="c" * 16)]
    records = [record("mnli", {"xnli": 70.0}, number=number, phases=way) for number, way in enumerate((first, second))]
    hours = hours_of(records, lambda study: 2.0)
    assert hours == {Pair("xlmr", "mnli", "xnli"): pytest.approx(2 * (3 * 12.5 + 2 * 8.5) / 3600)}
    assert scaled(hours, "GPU-hours")[1] == "GPU-seconds" and scaled({}, "GPU-hours")[1] == "GPU-hours"


def test_curves_are_averaged_where_all_seeds_were_measured() -> None:
    assert mean_curve([[(1, 2.0), (2, 1.0)], [(1, 4.0), (3, 0.0)]]) == [(1, 3.0)] and mean_curve([]) == []


def test_no_table_gives_empty_files_and_no_picture(tmp_path: Path) -> None:
    names = {path.name for path in write_all([], {}, tmp_path)}
    assert names == {"README.md", "transfer.csv", "languages.csv", "intervals.csv", "transfer.tex", "languages.tex"}


def test_matplotlib_is_loaded_by_what_draws_alone_and_never_with_a_window() -> None:
    program = (
        "import sys, reports.figures, sweep.launching.outcome, sweep.tracking; assert 'matplotlib' not in sys.modules;"
        "import reports.figures.heat; assert 'matplotlib' in sys.modules and 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
