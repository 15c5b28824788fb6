"""The further tasks' files: gold that is true of the text, classes in balance, what a reader alone would not hold to."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.training.world.test_files import objects, table
from training.world.dice import Dice
from training.world.languages import LANGUAGES
from training.world.meaning import Event, Noun
from training.world.render import Speaker
from training.world.supertags import CATEGORIES, categories


def questions(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """(context, question) of a SQuAD file."""
    data = json.loads(path.read_text())["data"]
    paragraphs = [paragraph for article in data for paragraph in article["paragraphs"]]
    return [(paragraph["context"], question) for paragraph in paragraphs for question in paragraph["qas"]]


@pytest.mark.parametrize("code", LANGUAGES)
def test_paraphrases_differ_in_wording_and_labels_are_balanced(world: Path, code: str) -> None:
    rows = table(world / f"pawsx/test-{code}.tsv")
    assert Counter(row[2] for row in rows) == {"0": len(rows) // 2, "1": len(rows) // 2}
    assert all(first != second for first, second, _ in rows)


def test_duplicate_questions_differ_in_wording_and_labels_are_balanced(world: Path) -> None:
    rows = table(world / "qqp/train.tsv")[1:]
    assert Counter(row[5] for row in rows) == {"0": len(rows) // 2, "1": len(rows) // 2}
    assert all(row[3] != row[4] for row in rows)
    assert all(row[3].endswith("?") and row[4].endswith("?") for row in rows)


def test_paraphrases_are_the_same_pairs_in_every_language(world: Path) -> None:
    labels = [[row[2] for row in table(world / f"pawsx/dev-{code}.tsv")] for code in LANGUAGES]
    assert all(found == labels[0] for found in labels)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("SVOPT", ["N", r"(S[dcl]\NP)/NP", "NP[nb]/N", "N", r"((S\NP)\(S\NP))/NP", "NP[nb]/N", "N", "."]),
        ("PSVOT", ["(S/S)/NP", "NP[nb]/N", "N", "N", r"(S[dcl]\NP)/NP", "NP[nb]/N", "N", "."]),
        ("OSVPT", ["NP[nb]/N", "N", "N", r"(S[dcl]/NP)\NP", r"((S\NP)\(S\NP))/NP", "NP[nb]/N", "N", "."]),
    ],
)
def test_category_follows_from_the_place_in_the_clause(order: str, expected: list[str]) -> None:
    event = Event("kitchen", Noun(("anna",), "PER"), "cooked", Noun(("soup",)), Noun(("kitchen",)))
    speaker, dice = Speaker(0), Dice(0, "test")
    while True:
        words = speaker.sentence(event, "en", dice)
        if "".join(dict.fromkeys(word.slot or {"VERB": "V"}.get(word.part, "") for word in words)) == order.replace("T", ""):
            break
    assert categories(words) == expected


def test_every_listed_category_is_learned_and_no_other(world: Path) -> None:
    listed = (world / "ccg/supertags.txt").read_text().splitlines()
    assert listed == list(CATEGORIES)
    assert {row[1] for row in table(world / "ccg/train.tsv")} == set(listed)


def test_unanswerable_questions_are_a_third_and_the_others_stand_in_the_text(world: Path) -> None:
    found = questions(world / "squad/train-v2.0.json")
    impossible = [question for _, question in found if question["is_impossible"]]
    assert 0.28 < len(impossible) / len(found) < 0.38
    assert all(question["answers"] == [] for question in impossible)
    for context, question in found:
        for answer in question["answers"]:
            assert context.startswith(answer["text"], answer["answer_start"])


def test_stories_say_at_times_that_no_ending_is_right(world: Path) -> None:
    rows = list(csv.DictReader((world / "cosmosqa/train.csv").read_text().splitlines()))
    offered = [row for row in rows if row["answer3"] == "None of the above choices ."]
    right = [row for row in offered if row["label"] == "3"]
    assert 0 < len(right) < len(offered) < len(rows)
    counts = Counter(row["label"] for row in rows)
    assert max(counts.values()) == min(counts.values())


def test_riddles_have_five_different_choices(world: Path) -> None:
    for row in objects(world / "commonsenseqa/train_rand_split.jsonl"):
        question: Any = row["question"]
        assert [choice["label"] for choice in question["choices"]] == list("ABCDE")
        assert len({choice["text"] for choice in question["choices"]}) == 5


@pytest.mark.parametrize("code", LANGUAGES)
def test_sentence_breaks_cut_the_context_into_its_sentences(world: Path, code: str) -> None:
    for article in json.loads((world / f"lareqa/xquad-r/{code}.json").read_text())["data"]:
        (paragraph,) = article["paragraphs"]
        cut = [paragraph["context"][start:end] for start, end in paragraph["sentence_breaks"]]
        assert cut == paragraph["sentences"]
        assert " ".join(cut) == paragraph["context"]
        assert all(sentence.endswith(".") for sentence in cut)


@pytest.mark.parametrize("name", ["mlqa/MLQA_V1/test/test-context-{0}-question-{0}.json", "lareqa/xquad-r/{0}.json"])
def test_parallel_questions_have_one_id_in_every_language(world: Path, name: str) -> None:
    ids = [[question["id"] for _, question in questions(world / name.format(code))] for code in LANGUAGES]
    assert all(found == ids[0] for found in ids)


@pytest.mark.parametrize("code", LANGUAGES[1:])
@pytest.mark.parametrize("split", ["dev", "test"])
def test_a_quarter_of_the_comparable_sentences_has_a_translation(world: Path, code: str, split: str) -> None:
    sides = {side: dict(table(world / f"bucc2018/{code}-en.{split}.{side}")) for side in (code, "en")}
    gold = table(world / f"bucc2018/{code}-en.{split}.gold")
    assert len(gold) == len(sides["en"]) // 4
    for first, second in gold:
        assert numbers(sides[code][first]) == numbers(sides["en"][second])


def numbers(text: str) -> list[str]:
    return sorted(word.strip(".") for word in text.split() if word.strip(".").isdigit())


@pytest.mark.parametrize("code", LANGUAGES)
def test_mentions_stand_at_their_spans_and_their_entities_are_candidates(world: Path, code: str) -> None:
    candidates = {str(row["entity_id"]) for row in objects(world / "mewslix/candidate_set_entities.jsonl")}
    for split in ("dev", "test"):
        labels = json.loads((world / f"mewslix/wikinews_labels/{split}-{code}.json").read_text())
        rows: list[Any] = objects(world / f"mewslix/wikinews_mentions/{split}-{code}.jsonl")
        assert {mention["example_id"] for row in rows for mention in row["mentions"]} == set(labels)
        for row in rows:
            for mention in row["mentions"]:
                span = mention["mention_span"]
                assert row["context"]["text"][span["start"] : span["end"]] == span["text"]
                assert labels[mention["example_id"]] == [mention["entity_id"]]
                assert mention["entity_id"] in candidates
