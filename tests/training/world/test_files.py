"""The mini world's files: the same bytes every time, native formats, consistent gold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from training.world.files import WORLD_VERSION, write_world
from training.world.inference import LABELS
from training.world.languages import LANGUAGES


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def table(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_bytes().decode().splitlines() if line]


def objects(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_writing_twice_gives_the_same_bytes(world: Path, tmp_path: Path) -> None:
    write_world(tmp_path / "again")
    assert contents(tmp_path / "again") == contents(world)


def test_another_seed_gives_other_words(world: Path, tmp_path: Path) -> None:
    write_world(tmp_path / "other", seed=1)
    assert contents(tmp_path / "other").keys() == contents(world).keys()
    assert (tmp_path / "other/xnli/test-qaa.tsv").read_bytes() != (world / "xnli/test-qaa.tsv").read_bytes()


def test_writing_over_a_folder_replaces_it_and_leaves_no_draft(tmp_path: Path) -> None:
    (tmp_path / "world").mkdir()
    (tmp_path / "world/old").touch()
    write_world(tmp_path / "world")
    assert not (tmp_path / "world/old").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["world"]


def test_the_folder_says_that_it_is_synthetic(world: Path) -> None:
    assert (world / "SYNTHETIC").read_text() == f"{WORLD_VERSION}\n"
    assert "SYNTHETIC DATA" in (world / "README.txt").read_text()


def test_only_english_has_training_files_that_are_not_translations_or_running_text(world: Path) -> None:
    made = ("XNLI-MT-1.0/", "xtreme_translations/", "x-final/", "mlm/")
    trained = {name for name in contents(world) if "train" in Path(name).name and not name.startswith(made)}
    assert {name for name in trained if any(code in Path(name).name for code in LANGUAGES[1:])} == set()
    folders = {"xnli", "udpos", "panx", "xcopa", "hellaswag", "squad", "corpus", "pawsx", "tydiqa", "anli", "snli_1.0", "qqp"}
    folders |= {"ccg", "cosmosqa", "commonsenseqa", "mewslix"}
    assert {Path(name).parts[0] for name in trained} == folders


@pytest.mark.parametrize("code", LANGUAGES)
def test_xnli_is_parallel_and_has_three_columns(world: Path, code: str) -> None:
    for split in ("dev", "test"):
        rows, english = table(world / f"xnli/{split}-{code}.tsv"), table(world / f"xnli/{split}-en.tsv")
        assert [row[2] for row in rows] == [row[2] for row in english]
        assert {len(row) for row in rows} == {3}
        assert {row[2] for row in rows} == set(LABELS)
        assert (world / f"xnli/{split}-{code}.tsv").read_bytes().endswith(b"\r\n")


@pytest.mark.parametrize("code", LANGUAGES)
def test_choices_have_gold_and_different_endings(world: Path, code: str) -> None:
    for split in ("val", "test"):
        for row in objects(world / f"xcopa/{split}-{code}.jsonl"):
            assert list(row) == ["premise", "choice1", "choice2", "question", "label", "idx", "changed"]
            assert row["label"] in (0, 1)
            assert row["question"] in ("cause", "effect")
            assert row["choice1"] != row["choice2"]


def test_continuations_have_four_endings_and_balanced_gold(world: Path) -> None:
    rows = objects(world / "hellaswag/train.jsonl")
    assert all(isinstance(row["endings"], list) and len(set(row["endings"])) == 4 for row in rows)
    counts = [sum(row["label"] == label for row in rows) for label in range(4)]
    assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize("code", LANGUAGES)
def test_tags_are_known_and_inside_follows_its_own_entity(world: Path, code: str) -> None:
    assert all(len(row) == 2 and row[1].isupper() for row in table(world / f"udpos/test-{code}.tsv"))
    for sentence in (world / f"panx/test-{code}.tsv").read_text().strip("\n").split("\n\n"):
        before = "O"
        for line in sentence.split("\n"):
            token, tag = line.split("\t")
            assert token
            assert tag in {"O", *(f"{place}-{kind}" for place in "BI" for kind in ("PER", "ORG", "LOC"))}
            assert not tag.startswith("I-") or before[2:] == tag[2:]
            before = tag


def test_answers_stand_where_they_are_said_to(world: Path) -> None:
    ids: list[list[str]] = []
    for path in (world / "squad/train-v1.1.json", *(world / f"xquad/xquad.{code}.json" for code in LANGUAGES)):
        found = []
        for article in json.loads(path.read_text())["data"]:
            for paragraph in article["paragraphs"]:
                for question in paragraph["qas"]:
                    answer = question["answers"][0]
                    start, text = answer["answer_start"], answer["text"]
                    assert text
                    assert paragraph["context"][start : start + len(text)] == text
                    found.append(question["id"])
        assert len(set(found)) == len(found)
        ids.append(found)
    assert all(found == ids[1] for found in ids[1:])


@pytest.mark.parametrize("code", LANGUAGES[1:])
def test_bitext_is_sorted_in_english_and_gold_points_at_the_translation(world: Path, code: str) -> None:
    english = (world / f"tatoeba/{code}-en.en").read_text().splitlines()
    source = (world / f"tatoeba/{code}-en.{code}").read_text().splitlines()
    gold = [int(row) for row in (world / f"tatoeba/labels/test-{code}.tsv").read_text().split()]
    assert english == sorted(english)
    assert sorted(gold) == list(range(len(source)))
    numbers = [{word.strip(".") for word in text.split() if word.strip(".").isdigit()} for text in english]
    theirs = [{word.strip(".") for word in source[row].split() if word.strip(".").isdigit()} for row in gold]
    assert numbers == theirs


def test_translated_training_sets_say_the_same_in_every_language(world: Path) -> None:
    labels = [[row[2] for row in table(world / f"XNLI-MT-1.0/multinli/multinli.train.{code}.tsv")] for code in LANGUAGES]
    assert all(found == labels[0] for found in labels)
    assert set(labels[0]) == {"label", "entailment", "neutral", "contradictory"}
    ids = [question_ids(world / f"{TRANSLATED}-{code}.json") for code in LANGUAGES[1:]]
    english = question_ids(world / "squad/train-v1.1.json")
    assert all(found == english[: len(found)] for found in ids)


TRANSLATED = "xtreme_translations/SQuAD/translate-train/squad.translate.train.en"


def question_ids(path: Path) -> list[str]:
    data = json.loads(path.read_text())["data"]
    return [question["id"] for article in data for paragraph in article["paragraphs"] for question in paragraph["qas"]]
