"""Multiple choice of the further tasks in their native formats: Cosmos QA, CommonsenseQA, Social IQa."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from training.world.choices import Choice
from training.world.commonsense import Riddle, Story
from training.world.corpus import ASKED_FOR
from training.world.dice import Dice
from training.world.formats import as_json, lines
from training.world.meaning import Event, Noun, with_part
from training.world.render import Speaker, capitalised

NONE_OF_THEM = "None of the above choices ."


def cosmosqa(items: Sequence[Story], speaker: Speaker, code: str, dice: Dice, split: str) -> str:
    """CSV with a header, as in Cosmos QA; its "none of the above" has a space before the stop."""
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(["id", "context", "question", "answer0", "answer1", "answer2", "answer3", "label"])
    for number, item in enumerate(items):
        context = " ".join(speaker.text(event, code, dice) for event in item.context)
        answers = [NONE_OF_THEM if event is None else speaker.text(event, code, dice) for event in item.endings]
        table.writerow([f"{split}##{number}", context, ASKED_FOR[item.question], *answers, item.label])
    return stream.getvalue()


def commonsenseqa(items: Sequence[Riddle], speaker: Speaker, code: str, dice: Dice, split: str) -> str:
    """One JSON object a line, as in CommonsenseQA 1.11: five choices, lettered."""
    rows = []
    for number, item in enumerate(items):
        choices = [
            {"label": letter, "text": _phrase(item.event, item.asked, noun, speaker, code)}
            for letter, noun in zip("ABCDE", item.nouns, strict=True)
        ]
        stem = speaker.text(item.event, code, dice, asked=item.asked)
        question = {"question_concept": item.event.verb, "choices": choices, "stem": stem}
        rows.append(as_json({"answerKey": "ABCDE"[item.label], "id": f"{split}-{number}", "question": question}))
    return lines(rows)


def socialiqa(items: Sequence[Choice], speaker: Speaker, code: str, dice: Dice, split: str) -> str:
    """One JSON object a line, as in Social IQa 1.4: three answers, the right one by its letter."""
    rows = []
    for item in items:
        row = {"context": speaker.text(item.premise, code, dice), "question": ASKED_FOR[item.question]}
        row |= {f"answer{letter}": speaker.text(event, code, dice) for letter, event in zip("ABC", item.endings, strict=True)}
        rows.append(as_json(row | {"correct": "ABC"[item.label]}))
    return lines(rows)


def _phrase(event: Event, asked: str, noun: Noun, speaker: Speaker, code: str) -> str:
    return capitalised(speaker.phrase(with_part(event, asked, noun), code, (asked,)))
