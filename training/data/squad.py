"""SQuAD JSON: SQuAD 1.1 and 2.0, XQuAD, MLQA and TyDiQA-GoldP."""

from __future__ import annotations

from collections import Counter
from typing import Any

from training.data.examples import Answer, Question
from training.data.records import read_json
from training.data.request import Findings, ReadRequest, is_text
from training.tasks.row import Split

WITHHELD = (Answer(text="", start=0),)
"""The answers of a question whose gold XTREME's preprocessing has taken out."""


def read_squad(request: ReadRequest) -> list[Question]:
    """Questions of a SQuAD file; `group` is the article's title, or the paragraph where it has none (TyDiQA's train files).

    Every answer must stand in its context at `answer_start`, counted in code points. A question with `is_impossible` has no
    answers; one whose gold was taken out has `WITHHELD`, allowed in test files only. Ids must be unique, but in a train file
    a repeated id gets `#2`, `#3`, ... appended: no score depends on it, and public copies of TyDiQA's train files repeat ids
    over different questions. Raises DataError or Faults.
    """
    path = request.path()
    findings = Findings(path)
    document = read_json(path, findings)
    if findings.count:
        return findings.settle([])
    reader = _Reader(request, findings)
    for index, article in enumerate(_items(document, "data", "", findings)):
        reader.article(article, f"data[{index}]")
    return findings.settle(reader.questions)


class _Reader:
    """Walks one document, noting faults by their place in it."""

    def __init__(self, request: ReadRequest, findings: Findings) -> None:
        self.findings = findings
        self.split = request.split
        self.questions: list[Question] = []
        self._seen: Counter[str] = Counter()

    def article(self, article: Any, place: str) -> None:
        title = article.get("title") if isinstance(article, dict) else None
        if title and not is_text(title):
            self.findings.add(place, "a title that is no text", title, "give the article's title, or leave it out")
            title = None
        for index, paragraph in enumerate(_items(article, "paragraphs", place, self.findings)):
            where = f"{place}.paragraphs[{index}]"
            context = _text(paragraph, "context", where, self.findings)
            for number, question in enumerate(_items(paragraph, "qas", where, self.findings)):
                if context:
                    self._question(question, context, str(title or context), f"{where}.qas[{number}]")

    def _question(self, question: Any, context: str, group: str, place: str) -> None:
        text = _text(question, "question", place, self.findings)
        if text is None:
            return
        name = self._unique(question.get("id"), place)
        answers = self._answers(question, context, place)
        self.questions.append(Question(name, text, context, answers, group))

    def _unique(self, name: object, place: str) -> str:
        name = str(name) if isinstance(name, int) and not isinstance(name, bool) else name
        if not is_text(name):
            self.findings.add(place, "no id", name, "give every question an id of its own")
            return ""
        self._seen[name] += 1
        if self._seen[name] == 1:
            return name
        if self.split != Split.TRAIN:
            self.findings.add(place, "an id that is used before", name, "give every question an id of its own")
        return f"{name}#{self._seen[name]}"

    def _answers(self, question: dict[str, Any], context: str, place: str) -> tuple[Answer, ...]:
        impossible = question.get("is_impossible", False)
        if not isinstance(impossible, bool):
            self.findings.add(
                place, "is_impossible is neither true nor false", impossible, "write true or false, or leave it out"
            )
        if impossible is True:
            if question.get("answers"):
                self.findings.add(
                    place, "answers to a question that is_impossible", question.get("id"), "leave out one of both"
                )
            return ()
        found = _items(question, "answers", place, self.findings)
        if self.split == Split.TEST and [_pair(answer) for answer in found] == [("", 0)]:
            return WITHHELD
        if isinstance(question.get("answers"), list) and not found:
            self.findings.add(place, "no answers", question.get("id"), "give one, or set is_impossible")
        return tuple(self._answer(answer, context, f"{place}.answers[{index}]") for index, answer in enumerate(found))

    def _answer(self, answer: Any, context: str, place: str) -> Answer:
        text, start = _pair(answer)
        if text is None or start is None:
            self.findings.add(place, "no text with an answer_start", answer, "give a text and a whole number")
            return Answer("", 0)
        if not text.strip():
            self.findings.add(place, "an empty answer", text, "give the gold answer")
        elif start < 0 or not context.startswith(text, start):
            self.findings.add(place, f"the answer does not stand at {start}", text, _where(text, context))
        return Answer(text, start)


def _where(text: str, context: str) -> str:
    place = context.find(text)
    if place < 0:
        return "the context does not hold it: mend the answer or the context"
    return f"it first stands at {place}: count answer_start in code points"


def _pair(answer: Any) -> tuple[str | None, int | None]:
    if not isinstance(answer, dict):
        return None, None
    text, start = answer.get("text"), answer.get("answer_start")
    whole = isinstance(start, int) and not isinstance(start, bool)
    return text if isinstance(text, str) else None, start if whole else None


def _items(holder: Any, key: str, place: str, findings: Findings) -> list[Any]:
    found = holder.get(key) if isinstance(holder, dict) else None
    if isinstance(found, list):
        return found
    findings.add(place or 1, f"no list {key!r}", found if found is not None else "", "write the file as SQuAD JSON")
    return []


def _text(holder: Any, key: str, place: str, findings: Findings) -> str | None:
    found = holder.get(key) if isinstance(holder, dict) else None
    if is_text(found):
        return found
    findings.add(place, f"no text {key!r}", found if found is not None else "", "write the file as SQuAD JSON")
    return None
