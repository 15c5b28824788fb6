from __future__ import annotations

import gzip
import json
import statistics
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.scoring.board import Board, Level, Scorer, headline
from reports.scoring.clean import clean_scores
from reports.scoring.folders import score_folders
from reports.scoring.forms import FORMS
from reports.scoring.official import official_scores
from reports.scoring.render import board_json, message_lines, render_board
from reports.scoring.sources import Source
from tests.reports.submissions import lines, squad_json, write_submission
from tests.reports.test_table import shown
from training.errors import UserError
from training.metrics.official import OfficialStopError
from training.tasks.benchmarks import BENCHMARKS, XTREME, XTREME_R

BOTH = (Scorer.OFFICIAL, Scorer.CLEAN)
Folders = tuple[Path, Path]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return write_submission(tmp_path, XTREME)


def scored(folders: Folders, scorers: tuple[Scorer, ...] = BOTH, benchmark: str = "xtreme") -> Board:
    return score_folders(*folders, BENCHMARKS[benchmark], scorers)


def said(board: Board) -> str:
    return "\n".join(message_lines(board))


def one(
    task: str, predicted: str, gold: str, language: str = "de"
) -> tuple[dict[str, float] | None, dict[str, float] | None, str]:
    """Official scores, clean scores, and the first fault of one language."""
    sources = Source(Path("p.tsv"), predicted), Source(Path("l.tsv"), gold)
    clean = clean_scores(FORMS[task], *sources, language)
    try:
        official: dict[str, float] | None = official_scores(FORMS[task], *sources, language)
    except OfficialStopError:
        official = None
    return official, clean.scores, str(clean.faults[0]) if clean.faults else ""


@pytest.mark.parametrize("name", list(BENCHMARKS))
def test_every_folder_of_a_benchmark_has_a_form(name: str) -> None:
    assert BENCHMARKS[name].tasks.keys() <= FORMS.keys()


def test_right_predictions_score_full_in_every_task_group_and_overall(folders: Folders) -> None:
    board = scored(folders)
    assert not board.messages
    for scorer in BOTH:
        assert {task.average(scorer) for task in board.tasks.values()} == {100.0}
        assert {board.group(name, scorer) for name in XTREME.groups} == {100.0}
        assert board.overall(scorer) == 100.0


def test_averages_are_over_languages_with_english_and_over_tasks_not_groups(folders: Folders) -> None:
    (folders[0] / "xnli" / "test-en.tsv").write_text(lines("neutral", "neutral", "neutral"))
    (folders[0] / "bucc2018" / "test-de.tsv").write_text("")
    board = scored(folders)
    xnli = board.tasks["xnli"]
    assert xnli.average(Scorer.OFFICIAL) == pytest.approx((14 * 100 + 100 / 3) / 15)
    assert xnli.mean(Scorer.OFFICIAL, english=False) == 100.0
    assert board.tasks["bucc2018"].average(Scorer.OFFICIAL) == 75.0
    averages = [board.tasks[name].average(Scorer.OFFICIAL) for name in XTREME.tasks]
    assert board.overall(Scorer.OFFICIAL) == pytest.approx(statistics.fmean(value for value in averages if value is not None))
    assert board.group("retrieval", Scorer.OFFICIAL) == pytest.approx(87.5)


def test_absent_task_and_language_are_named_and_leave_no_average(folders: Folders) -> None:
    predictions, labels = folders
    (predictions / "xnli" / "test-de.tsv").unlink()
    (labels / "xnli" / "test-fr.tsv").unlink()
    (predictions / "tatoeba").rename(predictions / "tatoba")
    board = scored(folders)
    assert "absent: of task xnli: test-de.tsv (in predictions); test-fr.tsv (in labels)" in said(board)
    assert "absent: task tatoeba (in predictions)" in said(board)
    assert "did you mean tatoeba?" in said(board)
    xnli = board.tasks["xnli"]
    assert (xnli.average(Scorer.OFFICIAL), xnli.mean(Scorer.OFFICIAL)) == (None, 100.0)
    assert board.group("classification", Scorer.OFFICIAL) is None
    assert board.group("qa", Scorer.OFFICIAL) == 100.0
    assert board.overall(Scorer.OFFICIAL) is None
    text = shown(render_board(board), 120)
    assert "100.00*" in text and "13/15" in text


def test_xtreme_r_has_no_official_overall_score_and_scores_lareqa_cleanly(tmp_path: Path) -> None:
    folders = write_submission(tmp_path, XTREME_R)
    board = scored(folders, benchmark="xtreme-r")
    assert not board.messages
    assert board.overall(Scorer.OFFICIAL) is None
    assert board.overall(Scorer.CLEAN) == 100.0
    assert {board.group(name, Scorer.OFFICIAL) for name in XTREME_R.groups} == {100.0}
    assert "scores no lareqa" in " ".join(shown(render_board(board), 120).split())


def test_all_faults_of_all_files_are_told_at_once_with_line_and_remedy(folders: Folders) -> None:
    predictions = folders[0]
    (predictions / "xnli" / "test-de.tsv").write_bytes(b"neutral\n\xff\n")
    (predictions / "pawsx" / "test-de.tsv").write_text(lines("0", "yes", "no"))
    (predictions / "xquad" / "test-de.json").write_text('{"q1": "x",\n}')
    (predictions / "udpos" / "test-de.tsv").write_text(lines("NOUN", "VERB", "", "NOUN"))
    text = said(scored(folders))
    for part in (
        "error: " + str(predictions / "xnli/test-de.tsv") + ":2: not UTF-8 at byte 8: 'ff 0a'",
        "warning: "
        + str(predictions / "pawsx/test-de.tsv")
        + ":2: a label outside the task's set: 'yes'\n  remedy: write one of",
        "pawsx/test-de.tsv:3: a label outside the task's set: 'no'",
        "error: " + str(predictions / "xquad/test-de.json") + ":2: not JSON at column 1",
        "warning: " + str(predictions / "udpos/test-de.tsv") + ":1: sentence 1 has 2 tags, its labels are 3: 'NOUN VERB'",
    ):
        assert part in text


def test_file_with_a_word_too_few_is_scored_officially_and_refused_by_clean() -> None:
    official, clean, fault = one("panx", lines("B-PER", "", "B-LOC"), lines("B-PER", "O", "", "B-LOC"))
    assert official is not None and official["f1"] == 50.0
    assert clean is None
    assert "sentence 1 has 1 tags, its labels are 2" in fault


def test_files_of_another_number_of_lines_are_refused_by_both() -> None:
    official, clean, fault = one("pawsx", lines("0"), lines("0", "1", "1"))
    assert official is None and clean is None
    assert "1 lines, the labels have 3" in fault


def test_word_classes_are_chunks_officially_and_words_cleanly() -> None:
    official, clean, _ = one("udpos", lines("NOUN", "VERB", "VERB"), lines("NOUN", "NOUN", "VERB"))
    assert official is not None and official["f1"] == 0.0
    assert clean is not None and clean["accuracy"] == pytest.approx(200 / 3)


def test_thai_answer_is_one_word_officially_and_characters_cleanly() -> None:
    predicted, gold = json.dumps({"q": "กรุงเทพ"}), squad_json({"q": ["กรุงเทพมหานคร"]})
    official, clean, _ = one("xquad", predicted, gold, "th")
    assert official == {"exact_match": 0.0, "f1": 0.0}
    assert clean is not None and clean["f1"] > 50.0


def test_answers_that_are_missing_or_unknown_count_zero_and_are_named(folders: Folders) -> None:
    (folders[0] / "tydiqa" / "test-en.json").write_text(json.dumps({"q1": "red fox", "q9": "x"}))
    board = scored(folders)
    for scorer in BOTH:
        assert headline(board.tasks["tydiqa"].scores[scorer]["en"]) == 50.0
    text = said(board)
    assert "test-en.json: ids without a prediction (1): 'q2'" in text
    assert "test-en.json: ids that the labels do not have (1): 'q9'" in text


def test_predictions_below_data_are_read_officially_and_not_cleanly() -> None:
    gold = squad_json({"q": ["x"]})
    official, clean, _ = one("xquad", json.dumps({"data": {"q": "x"}}), gold)
    assert official == {"exact_match": 100.0, "f1": 100.0}
    assert clean is None


def test_byte_order_mark_spoils_the_first_label_officially_alone(folders: Folders) -> None:
    path = folders[0] / "pawsx" / "test-de.tsv"
    path.write_text("\ufeff" + path.read_text())
    board = scored(folders)
    assert board.tasks["pawsx"].scores[Scorer.OFFICIAL]["de"]["accuracy"] == pytest.approx(200 / 3)
    assert board.tasks["pawsx"].scores[Scorer.CLEAN]["de"]["accuracy"] == 100.0
    assert "byte order mark" in said(board)


def test_gzipped_file_is_read_and_the_difference_named(folders: Folders) -> None:
    path = folders[1] / "pawsx" / "test-de.tsv"
    path.with_name("test-de.tsv.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    board = scored(folders)
    assert board.tasks["pawsx"].average(Scorer.OFFICIAL) == 100.0
    assert "reads plain files alone" in said(board)
    path.with_name("test-de.tsv.gz").write_bytes(b"\x1f\x8b damaged")
    assert "damaged gzip" in said(scored(folders))


def test_file_of_no_language_is_named(folders: Folders) -> None:
    (folders[0] / "pawsx" / "test-ger.tsv").write_text("0\n")
    assert "a file that belongs to no language: 'test-ger.tsv'" in said(scored(folders))


def test_folders_without_a_common_task_are_refused(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    with pytest.raises(UserError, match="no task of xtreme"):
        scored((tmp_path / "p", tmp_path / "p"))
    with pytest.raises(UserError, match="folder of labels is not there"):
        scored((tmp_path / "p", tmp_path / "none"))


def test_json_holds_averages_languages_and_messages(folders: Folders) -> None:
    (folders[0] / "mlqa" / "test-de.json").write_text(json.dumps({"q1": "fox"}))
    found = json.loads(board_json(scored(folders)))
    mlqa = found["tasks"]["mlqa"]["official"]
    assert mlqa["languages"]["de"] == {"exact_match": 0.0, "f1": pytest.approx(100 / 3), "score": pytest.approx(50 / 3)}
    assert mlqa["average"] == pytest.approx((mlqa["metrics"]["exact_match"] + mlqa["metrics"]["f1"]) / 2)
    assert mlqa["missing"] == []
    assert found["groups"]["official"]["tagging"] == 100.0
    assert found["messages"][0]["level"] == "warning"


def test_a_file_that_is_no_json_is_not_said_to_lack_ids_too(folders: Folders) -> None:
    for language in ("en", "de"):
        for file in folders[0].glob(f"mlqa/test-{language}.json"):
            file.write_text("[")
    assert "ids without a prediction" not in said(scored(folders))


def test_empty_labels_are_the_fault_of_the_labels_and_empty_predictions_have_a_first_line(folders: Folders) -> None:
    (folders[1] / "udpos" / "test-de.tsv").write_text("")
    (folders[0] / "udpos" / "test-en.tsv").write_text("")
    text = said(scored(folders))
    assert f"{folders[1] / 'udpos' / 'test-de.tsv'}:1: no sentences to score against" in text
    assert f"{folders[0] / 'udpos' / 'test-en.tsv'}:1: 0 sentences, the labels have" in text


def test_an_id_that_stands_twice_is_no_clean_score(folders: Folders) -> None:
    (folders[0] / "mlqa" / "test-de.json").write_text('{"q1": "fox", "q1": "the fox"}')
    board = scored(folders)
    assert "a key 2 times in one object: 'q1'" in said(board)
    found = json.loads(board_json(board))["tasks"]["mlqa"]
    assert "de" in found["official"]["languages"] and "de" in found["clean"]["missing"]


def test_a_task_without_a_score_is_not_said_to_agree(folders: Folders) -> None:
    for file in folders[0].glob("mlqa/*.json"):
        file.write_text("[")
    assert "mlqa (nothing could be scored)" in shown(render_board(scored(folders)), 120)


def test_rendering_keeps_the_names_of_groups_whole_on_a_narrow_terminal(folders: Folders) -> None:
    assert "classification" in shown(render_board(scored(folders)), 80).partition("averages over languages")[2]


def test_rendering_shows_both_scorers_where_they_differ_and_one_where_they_agree(folders: Folders) -> None:
    (folders[0] / "udpos" / "test-de.tsv").write_text(lines("NOUN", "NOUN", "SYM", "", "NOUN"))
    text = shown(render_board(scored(folders)), 120)
    assert "udpos (official, clean)" in text and "official f1" in text and "clean accuracy" in text
    assert "panx (official and clean agree)" in text
    assert "Official and clean differ: udpos" in text


def test_names_with_markup_and_control_characters_are_shown_as_they_are(folders: Folders) -> None:
    (folders[0] / "[red]\x1b[31m").mkdir()
    (folders[0] / "pawsx" / "test-de.tsv").write_text("[bold]\x1b[0m\n1\n1\n")
    text = said(scored(folders))
    assert "\x1b" not in text
    assert "[red]" in text and "[bold]" in text


TEXTS: dict[str, Callable[[], str]] = {
    "xnli": lambda: lines("neutral", "neutral"),
    "tatoeba": lambda: lines("1", "0"),
    "panx": lambda: lines("B-PER", "", "O"),
    "bucc2018": lambda: lines("a\tb"),
    "xcopa": lambda: lines('{"label": 0}', '{"label": 1}'),
    "xquad": lambda: json.dumps({"q": "x"}),
    "mewslix": lambda: json.dumps({"q": ["Q1"]}),
    "lareqa": lambda: json.dumps({"q": ["c1", "c2"]}),
}


@settings(max_examples=300, deadline=None)
@given(data=st.data(), task=st.sampled_from(sorted(TEXTS)))
def test_mutated_predictions_are_scored_or_refused_never_a_crash(data: st.DataObject, task: str) -> None:
    text = TEXTS[task]()
    gold = squad_json({"q": ["x"]}) if task == "xquad" else text
    for _ in range(data.draw(st.integers(0, 3))):
        place = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 4))
        text = (
            text[:place]
            + data.draw(st.sampled_from(["", "\n", "\t", "{", "[", '"', "null", "é", "0", ","]))
            + text[place + cut :]
        )
    _, clean, fault = one(task, text, gold)
    assert (clean is None) == bool(fault)
    if clean is not None:
        assert all(0.0 <= value <= 100.0 for value in clean.values())


def test_error_count_is_by_level(folders: Folders) -> None:
    (folders[0] / "mlqa" / "test-de.json").write_text("[")
    board = scored(folders)
    assert (board.count(Level.ERROR), board.count(Level.ABSENT)) == (2, 0)
    assert scored(folders, (Scorer.CLEAN,)).count(Level.ERROR) == 1
