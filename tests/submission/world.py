"""XTREME's and XTREME-R's download layout for the toy model: a few made-up examples in every language, with gold or without."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tests.training import toy
from tests.training.retrieval_world import article, entity, write, write_bucc, write_questions
from training.tasks import languages as spoken
from training.tasks.xtreme_rows import IOB2, UPOS

COUNT, CHOICES = 4, 50
"""Test examples a language; XTREME-R's blank choices are known as such from 50 lines on."""
NLI = ("entailment", "neutral", "contradiction")
BLANK = [{"text": "", "answer_start": 0}]


def write_world(root: Path, *, gold: bool = True) -> None:
    """Every file that the twelve targets learn from and are scored on; without `gold` the test sets are blank."""
    _pairs(root, "xnli", NLI, spoken.XNLI, gold)
    _pairs(root, "pawsx", ("0", "1"), spoken.PAWSX, gold)
    _tagged(root, "udpos", UPOS, spoken.UDPOS_R, gold)
    _tagged(root, "panx", IOB2, spoken.PANX_R, gold)
    for split in ("train", "dev"):
        write(root, f"squad/{split}-v1.1.json", _squad(split, 0, 16, True))
        write(root, f"siqa/socialIQa_v1.4_{'trn' if split == 'train' else split}.jsonl", _siqa(split))
        write(root, f"mewslix/wikipedia_pairs-{split}.jsonl", _links(split))
        write(root, f"xcopa/{'val' if split == 'dev' else split}-en.jsonl", _copa(split, "en", True))
    write(root, "tydiqa/tydiqa-goldp-v1.1-train/tydiqa.goldp.en.train.json", _squad("tydi", 0, 16, True))
    for names, place in (
        (spoken.XQUAD_R, "xquad/xquad.{}.json"),
        (spoken.MLQA, "mlqa/MLQA_V1/test/test-context-{0}-question-{0}.json"),
        (spoken.TYDIQA, "tydiqa/tydiqa-goldp-v1.1-dev/tydiqa.goldp.{}.dev.json"),
    ):
        for number, language in enumerate(names):
            write(root, place.format(language), _squad("q", number, COUNT, gold))
    for language in spoken.XCOPA:
        write(root, f"xcopa/test-{language}.jsonl", _copa("test", language, gold))
    _retrieval(root, gold)


def dice_of(*names: str) -> np.random.Generator:
    return np.random.default_rng([ord(letter) for letter in "/".join(names)])


def _each(
    root: Path, folder: str, languages: Sequence[str], gold: bool, text: Callable[[np.random.Generator, int, bool], str]
) -> None:
    """Files of train, dev and test, in English alone but for the test sets."""
    for split in ("train", "dev"):
        write(root, f"{folder}/{split}-en.tsv", text(dice_of(folder, split), 16, True))
    for language in languages:
        write(root, f"{folder}/test-{language}.tsv", text(dice_of(folder, "test", language), COUNT, gold))


def _pairs(root: Path, folder: str, labels: Sequence[str], languages: Sequence[str], gold: bool) -> None:
    def text(dice: np.random.Generator, count: int, labelled: bool) -> str:
        rows = [
            (" ".join(toy.sentence(dice)), " ".join(toy.sentence(dice)[:3]), str(dice.choice(list(labels))))
            for _ in range(count)
        ]
        return "".join("\t".join(row if labelled else row[:2]) + "\n" for row in rows)

    _each(root, folder, languages, gold, text)


def _tagged(root: Path, folder: str, tags: Sequence[str], languages: Sequence[str], gold: bool) -> None:
    def text(dice: np.random.Generator, count: int, labelled: bool) -> str:
        sentences = []
        for _ in range(count):
            words = toy.sentence(dice)[: int(dice.integers(2, 7))]
            chosen = [str(dice.choice(list(tags))) for _ in words]
            sentences.append("".join(f"{w}\t{t}\n" if labelled else f"{w}\n" for w, t in zip(words, chosen, strict=True)))
        return "\n".join(sentences)

    _each(root, folder, languages, gold, text)


def _squad(prefix: str, seed: int, count: int, gold: bool) -> str:
    dice = dice_of(prefix, str(seed))
    articles = []
    for number in range(count):
        words = toy.sentence(dice)
        context = " ".join(words)
        place = int(dice.choice([1, 5]))  # the animal or the place: a model can't know which
        answers = [{"text": words[place], "answer_start": len(" ".join([*words[:place], ""]))}] if gold else BLANK
        asked = {"id": f"{prefix}{number}", "question": "who ?", "answers": answers}
        articles.append({"title": f"t{number}", "paragraphs": [{"context": context, "qas": [asked]}]})
    return json.dumps({"data": articles})


def _json_lines(records: list[dict[str, object]]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def _siqa(split: str) -> str:
    dice = dice_of("siqa", split)
    return _json_lines(
        [
            {
                "context": " ".join(toy.sentence(dice)),
                "question": "who ?",
                "answerA": "cat",
                "answerB": "dog",
                "answerC": "fish",
                "correct": "ABC"[n % 3],
            }
            for n in range(8)
        ]
    )


def _copa(split: str, language: str, gold: bool) -> str:
    dice = dice_of("copa", split, language)
    records = []
    for number in range(CHOICES if split == "test" else 8):
        premise, first, second = (" ".join(toy.sentence(dice)) for _ in range(3))
        label = int(dice.integers(2)) if gold else 0
        asked = "cause" if number % 2 else "effect"
        records.append({"premise": premise, "choice1": first, "choice2": second, "question": asked, "label": label})
    return _json_lines(records)


def _links(split: str) -> str:
    dice = dice_of("links", split)
    pairs = []
    for number in range(8):
        context, mention = article(dice, number, f"{split}-{number}")
        pairs.append({"contextual_mention": {"context": context, "mention": mention}, "entity": entity(number)})
    return _json_lines(pairs)


def _retrieval(root: Path, gold: bool) -> None:
    for language in spoken.TATOEBA_R:
        dice = dice_of("tatoeba", language)
        lines = [" ".join(toy.sentence(dice)) + f" {number}" for number in range(COUNT)]
        order = dice.permutation(COUNT).tolist()
        write(root, f"tatoeba/{language}-en.en", "".join(f"{line}\n" for line in lines))
        write(root, f"tatoeba/{language}-en.{language}", "".join(f"{lines[place]}\n" for place in order))
        if gold:
            write(root, f"tatoeba/labels/test-{language}.tsv", "".join(f"{order.index(n)}\n" for n in range(COUNT)))
    for number, language in enumerate(spoken.BUCC):
        write_bucc(root, "dev", number, language=language)
        write_bucc(root, "test", 50 + number, language=language, gold=gold)
    for language in spoken.LAREQA:
        write_questions(root, language, gold=gold)
    for language in spoken.MEWSLIX:
        dice = dice_of("mewslix", language)
        rows: list[dict[str, object]] = []
        for number in range(COUNT):
            context, mention = article(dice, number, f"{language}-{number}")
            rows.append({"context": context, "mentions": [mention | ({} if gold else {"entity_id": ""})]})
        write(root, f"mewslix/wikinews_mentions/test-{language}.jsonl", _json_lines(rows))
    write(root, "mewslix/candidate_set_entities.jsonl", _json_lines([entity(number) for number in range(20)]))
