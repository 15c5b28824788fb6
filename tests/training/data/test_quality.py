"""Each check finds what it is for, and nothing in data that is sound."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from training.data.examples import Example, Question, Sentences
from training.data.known_issues import KnownIssue, reason_of
from training.data.manifest import Finding, Manifest, Origin, SplitEntry, read_manifest
from training.data.prepare import Wish, prepare
from training.data.quality import Rows, check_rows
from training.data.scripts import looks_foreign, script_share
from training.data.statistics import fingerprints, label_counts, row_texts
from training.data.units import Unit
from training.data.verify import verify_task
from training.errors import Faults
from training.tasks.registry import row
from training.tasks.row import TaskRow

ENGLISH = [
    "The house was built by the river in 1901, and it is still there.",
    "Which of the two rivers is the longer one in the north of the country?",
    "It was the first of the bridges that were built with steel in this part of the world.",
]
TEXTS = {
    "de": "Das Haus wurde im Jahr 1901 von der Stadt gebaut und ist nicht mehr in der Nähe des Flusses zu sehen.",
    "fi": "Milloin talo on rakennettu ja kuka sen rakensi, kun se oli vielä joen rannalla mutta ei kaupungissa?",
    "id": "Rumah itu dibangun pada tahun 1901 oleh orang yang tidak dikenal dan sekarang adalah museum untuk anak.",
    "sw": "Nyumba ya kwanza ilijengwa na watu wa mji katika mwaka wa 1901 kwa ajili ya shule za watoto wa kijiji.",
    "ru": "Дом был построен в 1901 году на берегу реки.",
    "ko": "그 집은 1901년에 강가에 지어졌다.",
    "te": "ఇల్లు 1901లో నిర్మించబడింది.",
}


class Silent:
    """Hears nothing."""

    def began(self, units: int, skipped: int) -> None:
        pass

    def unit_done(self, unit: Unit, entry: SplitEntry | None, cause: str) -> None:
        pass

    def task_done(self, manifest: Manifest, absent: int) -> None:
        pass


def found(task: TaskRow, examples: Sequence[Example], split: str = "train", language: str = "en") -> dict[str, int]:
    texts = list(row_texts(examples))
    rows = Rows(
        row=task,
        split=split,
        language=language,
        examples=examples,
        texts=texts,
        prints=fingerprints(texts),
        labels=label_counts(task, examples),
    )
    return {finding.check: finding.count for finding in check_rows(rows)}


def pairs(texts: Sequence[str], label: int | None = 1) -> list[Sentences]:
    return [Sentences(f"train-en-{index}", text, f"{text} Yes.", label) for index, text in enumerate(texts)]


NLI = replace(row("mnli"), counts={})


def test_sound_rows_give_no_finding() -> None:
    assert found(NLI, [*pairs(ENGLISH), Sentences("x", "One of the others is here.", "No.", 0)]) == {}


def test_rows_that_repeat_are_counted_whatever_their_case_and_spaces() -> None:

    shouted = [*pairs(ENGLISH), Sentences("x", ENGLISH[0].upper(), f"{ENGLISH[0]}  YES.", 1)]
    assert found(NLI, shouted) == {"duplicates": 1}


def test_texts_with_two_labels_are_counted() -> None:
    assert found(NLI, [*pairs(ENGLISH), *pairs(ENGLISH[:2], 0)]) == {"duplicates": 2, "conflicting_labels": 2}


def test_count_other_than_the_rows_is_a_finding_in_english_alone() -> None:
    task = replace(NLI, counts={"train": 5})
    assert found(task, pairs(ENGLISH)) == {"impossible_count": 2}
    assert "impossible_count" not in found(task, pairs([TEXTS["de"]] * 3), language="de")


def test_file_where_every_label_is_one_is_a_finding() -> None:
    texts = [f"{ENGLISH[0]} {number}" for number in range(60)]
    assert found(NLI, pairs(texts)) == {"single_label": 60}
    assert found(NLI, [*pairs(texts), Sentences("x", "a", "b", 0)]) == {}


def test_gold_in_a_test_file_of_a_target_is_counted() -> None:
    assert found(row("xnli"), pairs(ENGLISH), split="test") == {"gold_in_test": 3, "impossible_count": 5007}
    assert "gold_in_test" not in found(row("xnli"), pairs(ENGLISH, None), split="test")


@pytest.mark.parametrize("language", list(TEXTS))
def test_training_rows_in_another_language_are_found_by_their_text(language: str) -> None:
    texts = [f"{ENGLISH[index % 3]} {index}" for index in range(30)] + [f"{TEXTS[language]} {index}" for index in range(4)]
    assert found(NLI, pairs(texts)) == {"wrong_language": 4}


def _question(name: str, text: str) -> Question:
    return Question(name, text, f"{text} It is here.", ())


def test_training_rows_in_another_language_are_found_by_tydiqa_ids() -> None:
    task = replace(row("tydiqa"), counts={})
    questions = [_question(f"english-{index}", f"{ENGLISH[0]} {index}") for index in range(200)]
    assert found(task, questions) == {}
    assert found(task, [*questions, _question("finnish-1", "Kuka?")]) == {"wrong_language": 1}


def test_file_of_another_language_holds_that_language() -> None:
    assert found(replace(NLI, languages=("ru",)), pairs([TEXTS["ru"], *ENGLISH]), language="ru") == {"wrong_language": 3}
    assert found(replace(NLI, languages=("ru",)), pairs([TEXTS["ru"], f"{TEXTS['ru']} 2", ENGLISH[0]]), language="ru") == {}


@pytest.mark.parametrize("text", ENGLISH)
def test_english_does_not_look_foreign(text: str) -> None:
    assert not looks_foreign(text)


@pytest.mark.parametrize(("language", "text"), TEXTS.items())
def test_script_of_a_language_is_its_own(language: str, text: str) -> None:
    assert looks_foreign(text)
    assert script_share(text, language) > 0.9
    assert script_share("1901 !", language) == 1.0


def _squad(path: Path, questions: dict[str, str]) -> None:
    context = "The house was built in 1901 by Ada."
    answers = [{"text": "Ada", "answer_start": 31}]
    qas = [{"id": name, "question": text, "answers": answers} for name, text in questions.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"data": [{"title": "House", "paragraphs": [{"context": context, "qas": qas}]}]}
    path.write_text(json.dumps(document))


def test_xquad_questions_in_the_training_data_are_found(tmp_path: Path) -> None:
    _squad(tmp_path / "squad" / "train-v1.1.json", {"a": "Who built it?", "b": "Who was it?"})
    _squad(tmp_path / "squad" / "dev-v1.1.json", {"c": "Who?", "d": "Who built the house?"})
    _squad(tmp_path / "xquad" / "xquad.en.json", {"a": "Who built it?", "c": "Who?", "e": "Whose house?"})
    (manifest,) = prepare(Wish(rows=[row("xquad")], data=tmp_path, only=Origin.NATIVE), Silent())
    leaked = {(item.case, item.count) for item in manifest.across}
    assert leaked == {("also in train of squad_v1", 1), ("also in dev of squad_v1", 1)}


def test_rows_of_one_split_in_another_are_found(tmp_path: Path) -> None:
    (tmp_path / "xnli").mkdir()
    (tmp_path / "xnli" / "dev-sw.tsv").write_text("jua kali\tkuna jua\tneutral\nmvua\thakuna\tneutral\n")
    (tmp_path / "xnli" / "test-sw.tsv").write_text("JUA kali\tkuna jua\nwingu\tlipo\n")
    (manifest,) = prepare(Wish(rows=[row("xnli")], data=tmp_path, only=Origin.NATIVE), Silent())
    (finding,) = manifest.across
    assert (finding.check, finding.split, finding.count, finding.case) == ("leakage", "test", 1, "also in dev")


def test_one_dev_file_that_two_rows_name_is_no_leakage(tmp_path: Path) -> None:
    (tmp_path / "xnli").mkdir()
    (tmp_path / "xnli" / "dev-en.tsv").write_text("the sun shines\tit is hot\tneutral\nrain\tno rain\tneutral\n")
    (manifest,) = prepare(Wish(rows=[row("xnli")], data=tmp_path, only=Origin.NATIVE), Silent())
    assert manifest.across == ()


def test_verify_names_every_difference(tmp_path: Path) -> None:
    path = tmp_path / "xnli" / "dev-sw.tsv"
    path.parent.mkdir()
    path.write_text("jua kali\tkuna jua\tneutral\nmvua\thakuna\tneutral\n")
    prepare(Wish(rows=[row("xnli")], data=tmp_path, only=Origin.NATIVE), Silent())
    manifest = read_manifest(tmp_path, "xnli")
    assert manifest is not None and verify_task(row("xnli"), tmp_path, manifest).differences == ()
    path.write_text("jua kali\tkuna jua\tentailment\nmvua\thakuna\tneutral\nmvua\thakuna\tneutral\n")
    said = {item.what: item.now for item in verify_task(row("xnli"), tmp_path, manifest).differences}
    assert {"rows", "labels", "findings", "the digest of the examples", "text.duplicates", "text.mean"} <= said.keys()
    assert said["rows"] == "3" and said["labels"] == "{'entailment': 1, 'neutral': 2}"
    path.unlink()
    gone = verify_task(row("xnli"), tmp_path, manifest).differences
    assert [item.now for item in gone if item.what.startswith("the sha256")] == ["missing"]


def test_prepare_goes_on_after_a_file_that_does_not_read(tmp_path: Path) -> None:
    (tmp_path / "xnli").mkdir()
    (tmp_path / "xnli" / "dev-sw.tsv").write_text("jua kali\tkuna jua\tneutral\n")
    (tmp_path / "xnli" / "dev-de.tsv").write_text("eins\tzwei\tperhaps\n")
    with pytest.raises(Faults, match=r"dev-de\.tsv:1: a label outside the task's set"):
        prepare(Wish(rows=[row("xnli")], data=tmp_path, only=Origin.NATIVE), Silent())
    manifest = read_manifest(tmp_path, "xnli")
    assert manifest is not None and set(manifest.entries["dev"]) == {"sw"} and set(manifest.failed) == {"dev/de"}


def test_finding_is_known_by_its_exact_count(monkeypatch: pytest.MonkeyPatch) -> None:
    issue = KnownIssue(tasks=("xnli",), check="duplicates", split="dev", counts={"zh": 1}, reason="as published")
    monkeypatch.setattr("training.data.known_issues.KNOWN_ISSUES", (issue,))
    finding = Finding(check="duplicates", split="dev", language="zh", count=1)
    assert reason_of("xnli", finding) == "as published"
    assert reason_of("pawsx", finding) == "" == reason_of("xnli", replace(finding, count=2))


def test_verify_reads_the_files_that_were_prepared(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "sw.tsv").write_text("jua kali\tkuna jua\tneutral\n")
    other = replace(row("xnli"), files={"dev": "mine/{lang}.tsv"})
    (manifest,) = prepare(Wish(rows=[other], data=tmp_path, only=Origin.NATIVE), Silent())
    verification = verify_task(row("xnli"), tmp_path, manifest)
    assert verification.differences == () and verification.units == 1
    assert "prepared for other files than the task's own" in verification.notes[0]


def test_prepare_of_other_languages_keeps_what_was_prepared(tmp_path: Path) -> None:
    (tmp_path / "xnli").mkdir()
    for language in ("sw", "de"):
        (tmp_path / "xnli" / f"dev-{language}.tsv").write_text(f"{language} eins\tzwei\tneutral\n")
        only = replace(row("xnli"), languages=(language,))
        (manifest,) = prepare(Wish(rows=[only], data=tmp_path, only=Origin.NATIVE, workers=2), Silent())
    assert set(manifest.entries["dev"]) == {"sw", "de"}
