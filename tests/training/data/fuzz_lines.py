"""Files of lines that are read together: Tatoeba, BUCC, supertags, and one too large to hold; and what they hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.training.data.fuzz_disk import Files, Several, examples_of, text
from tests.training.data.fuzz_forms import TABBED, TEXTS, plain_lines
from training.data.files import locate
from training.data.streamed import streamed_lines
from training.data.supertags import with_labels
from training.tasks.registry import row
from training.tasks.row import TaskRow

TATOEBA = {
    "tatoeba/de-en.de": "".join(f"{line}\n" for line in TEXTS).encode(),
    "tatoeba/de-en.en": "".join(f"{line[::-1]}\n" for line in TEXTS).encode(),
    "tatoeba/labels/test-de.tsv": b"3\n1\n2\n0\n6\n5\n4\n",
}
BUCC = {
    "bucc2018/de-en.dev.de": "".join(f"de-{index}\t{line}\n" for index, line in enumerate(TEXTS)).encode(),
    "bucc2018/de-en.dev.en": "".join(f"en-{index}\t{line}\tb\n" for index, line in enumerate(TEXTS)).encode(),
    "bucc2018/de-en.dev.gold": b"de-0\ten-0\nde-2\ten-5\nde-3\ten-1\nde-6\ten-6\n",
}
TAGS = ("NP", "N", "(S[dcl]\\NP)/NP", "PP")
SUPERTAGS = {
    "ccg/train.tsv": "\n\n".join(
        "\n".join(f"{word}\t{TAGS[index % 4]}" for index, word in enumerate(line.split(" "))) for line in TEXTS
    ).encode(),
    "ccg/supertags.txt": "".join(f"{tag}\n" for tag in TAGS).encode(),
}


def tatoeba_found(root: Path) -> Any:
    (found,) = examples_of("tatoeba", "test", root)
    assert all(map(text, (*found.queries, *found.candidates)))
    assert all(0 <= index < len(found.candidates) for index in found.gold)
    return list(found.candidates), list(found.queries), list(found.gold)


def tatoeba_held(files: Files) -> Any:
    others, english, gold = (plain_lines(files[name]) for name in TATOEBA)
    assert len(gold) == len(english)
    return others, english, [int(line) for line in gold]


def bucc_found(root: Path) -> Any:
    (found,) = examples_of("bucc2018", "dev", root)
    other = list(zip(found.ids, found.sentences, strict=True))
    return other, list(zip(found.english_ids, found.english, strict=True)), sorted(found.gold)


def bucc_held(files: Files) -> Any:
    others, english, gold = (plain_lines(files[name]) for name in BUCC)
    sides = []
    for lines in (others, english):
        side = [tuple(line.split("\t", 1)) for line in lines]
        assert len({name for name, _ in side}) == len(side), "an id that is used twice"
        sides.append([(name, sentence.strip()) for name, sentence in side])
    pairs = [tuple(line.strip().split("\t")) for line in gold]
    assert {one for one, _ in pairs} <= {name for name, _ in sides[0]}
    return (*sides, sorted(pairs))


def supertags_found(task: TaskRow) -> Callable[[Path], Any]:
    def found(root: Path) -> Any:
        labels = with_labels(task, root).labels
        assert len(set(labels)) == len(labels) and all(map(text, labels))
        sentences = examples_of(task, "train", root, "en")
        return [[(word, labels[tag]) for word, tag in zip(one.words, one.tags, strict=True)] for one in sentences], list(labels)

    return found


def supertags_held(files: Files) -> Any:
    """Runs of lines that are not empty, and the list, where there is one, with all of its lines."""
    sentences: list[list[tuple[str, ...]]] = [[]]
    for line in plain_lines(files["ccg/train.tsv"]):
        if line:
            sentences[-1].append(tuple(line.split("\t")))
        elif sentences[-1]:
            sentences.append([])
    known = plain_lines(files["ccg/supertags.txt"]) if "ccg/supertags.txt" in files else list(TAGS)
    return [sentence for sentence in sentences if sentence], known


def lines_found(root: Path) -> Any:
    return list(streamed_lines(locate(root, "lines.txt")))


LINES = {
    **{
        f"tatoeba, {what}": Several(TATOEBA, name, tatoeba_found, tatoeba_held)
        for what, name in zip(("other side", "English side", "gold"), TATOEBA, strict=True)
    },
    **{
        f"bucc, {what}": Several(BUCC, name, bucc_found, bucc_held, TABBED)
        for what, name in zip(("other side", "English side", "gold"), BUCC, strict=True)
    },
    **{
        f"supertags, {what}": Several(SUPERTAGS, name, supertags_found(row("ccg")), supertags_held, TABBED)
        for what, name in zip(("sentences", "list"), SUPERTAGS, strict=True)
    },
    "supertags, labels in the row": Several(
        {"ccg/train.tsv": SUPERTAGS["ccg/train.tsv"]},
        "ccg/train.tsv",
        supertags_found(replace(row("ccg"), labels=TAGS)),
        supertags_held,
        TABBED,
    ),
    "streamed lines": Several(
        {"lines.txt": TATOEBA["tatoeba/de-en.de"]},
        "lines.txt",
        lines_found,
        lambda files: list(enumerate(plain_lines(files["lines.txt"]), 1)),
        TABBED,
    ),
}
