"""XQuAD-R, LAReQA's data: SQuAD JSON whose paragraphs say where their sentences break."""

from __future__ import annotations

from typing import Any

from training.data.examples import SentenceQuestion
from training.data.records import read_json
from training.data.request import Findings, ReadRequest, is_text

_REMEDY = "write the file as SQuAD JSON with `sentence_breaks`, as github.com/google-research-datasets/lareqa has it"


def read_xquad_r(request: ReadRequest) -> list[SentenceQuestion]:
    """Questions with the sentences of their paragraph, `context[start:end]` for each of its `sentence_breaks`.

    The answer is the sentence in which the gold answer begins, and any of the paragraph's that equals it, as in XTREME-R's
    `utils_lareqa.py`. An answer with an empty text (gold taken out) gives a gold of None. `group` is the article's title.
    Raises DataError or Faults.
    """
    path = request.path()
    findings = Findings(path)
    document = read_json(path, findings)
    if findings.count:
        return findings.settle([])
    reader = _Reader(request.language, findings)
    for index, article in enumerate(_items(document, "data", "", findings)):
        title = article.get("title") if isinstance(article, dict) else None
        if title and not is_text(str(title)):
            findings.add(f"data[{index}]", "a 'title' that is not text", ascii(title), _REMEDY)
        for number, paragraph in enumerate(_items(article, "paragraphs", f"data[{index}]", findings)):
            reader.paragraph(paragraph, str(title or ""), f"data[{index}].paragraphs[{number}]")
    return findings.settle(reader.questions)


def candidate_names(question: SentenceQuestion) -> list[str]:
    """Names of the sentences of a question's passage, the same for every question on it: `de-12:0`, `de-12:1` and so on."""
    return [f"{question.passage}:{place}" for place in range(len(question.sentences))]


class _Reader:
    """Walks one document, noting faults by their place in it."""

    def __init__(self, language: str, findings: Findings) -> None:
        self.language, self.findings = language, findings
        self.questions: list[SentenceQuestion] = []
        self._paragraphs = 0
        self._ids: set[str] = set()

    def paragraph(self, paragraph: Any, title: str, place: str) -> None:
        self._paragraphs += 1
        context = paragraph.get("context") if isinstance(paragraph, dict) else None
        if not is_text(context):
            self.findings.add(place, "no text 'context'", "" if context is None else context, _REMEDY)
            return
        breaks = self._breaks(paragraph, context, place)
        passage = f"{self.language}-{self._paragraphs}"
        sentences = tuple(context[start:end] for start, end in breaks)
        for number, item in enumerate(_items(paragraph, "qas", place, self.findings)):
            where = f"{place}.qas[{number}]"
            question = item.get("question") if isinstance(item, dict) else None
            if not is_text(question):
                self.findings.add(where, "no text 'question'", "" if question is None else question, _REMEDY)
                continue
            gold = self._gold(item, context, breaks, sentences, where)
            name = self._id(item.get("id"), where)
            self.questions.append(SentenceQuestion(name, question, passage, context, sentences, gold, title or passage))

    def _breaks(self, paragraph: dict[str, Any], context: str, place: str) -> list[tuple[int, int]]:
        breaks, last = [], 0
        if paragraph.get("sentence_breaks") == []:
            self.findings.add(place, "no sentences in 'sentence_breaks'", "", _REMEDY)
        for number, item in enumerate(_items(paragraph, "sentence_breaks", place, self.findings)):
            whole = isinstance(item, list) and len(item) == 2 and all(type(end) is int for end in item)
            if not whole or not last <= item[0] < item[1] <= len(context) or not context[item[0] : item[1]].strip():
                remedy = "give the start and end of each sentence in code points, in order, none empty"
                self.findings.add(f"{place}.sentence_breaks[{number}]", "not a sentence of the context", item, remedy)
                continue
            breaks.append((item[0], item[1]))
            last = item[1]
        return breaks

    def _gold(
        self, item: dict[str, Any], context: str, breaks: list[tuple[int, int]], sentences: tuple[str, ...], place: str
    ) -> tuple[int, ...] | None:
        answers = _items(item, "answers", place, self.findings)
        answer = answers[0] if answers and isinstance(answers[0], dict) else {}
        text, start = answer.get("text"), answer.get("answer_start")
        if text == "" and start == 0:
            return None
        if not isinstance(text, str) or type(start) is not int or start < 0 or not text or not context.startswith(text, start):
            self.findings.add(place, "no answer that stands at its answer_start", answer, "count answer_start in code points")
            return None
        holding = [sentence for (first, end), sentence in zip(breaks, sentences, strict=True) if first <= start < end]
        if not holding:
            self.findings.add(place, "an answer outside every sentence", text, "mend the sentence breaks")
            return None
        return tuple(number for number, sentence in enumerate(sentences) if sentence == holding[0])

    def _id(self, name: Any, place: str) -> str:
        if type(name) not in (str, int) or not is_text(str(name)) or str(name) in self._ids:
            self.findings.add(place, "no id of its own", name, "give every question an id that is the same in every language")
            return ""
        self._ids.add(str(name))
        return str(name)


def _items(holder: Any, key: str, place: str, findings: Findings) -> list[Any]:
    found = holder.get(key) if isinstance(holder, dict) else None
    if isinstance(found, list):
        return found
    findings.add(place or 1, f"no list {key!r}", found if found is not None else "", _REMEDY)
    return []
