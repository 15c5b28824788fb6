"""Multiple choice, one JSON object a line: HellaSwag, COPA and XCOPA, CommonsenseQA, Social IQa."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from training.data.examples import Choices
from training.data.files import lines, read_text
from training.data.records import FieldError, Record, check_endings, choice_of, records, text_of
from training.data.request import Findings, ReadRequest, is_text
from training.tasks.row import Split

ASKED = {"cause": "What was the cause?", "effect": "What happened as a result?"}
"""COPA's two questions as they are put to the model, in English for every language."""
_LETTERS = "ABCDEFGHIJ"
_BLANKED = 50


def read_hellaswag(request: ReadRequest) -> list[Choices]:
    """Choices from `{"ctx", "endings", "label"}` lines, whether of the original files or of copies with these fields alone.

    The context is `ctx` as it is written (copies put the activity and a colon before it). `group` is `activity_label`, else
    what stands before the first colon of `ctx`, so that clips of one activity stay together. A test line without a label has
    None. Raises DataError or Faults.
    """
    return _read(request, _hellaswag_fields)


def read_copa(request: ReadRequest) -> list[Choices]:
    """Choices from `{"premise", "choice1", "choice2", "question", "label"}` lines of COPA or XCOPA.

    The context is the premise and the question asked of it, in English for every language: "What was the cause?" or "What
    happened as a result?". XTREME-R's blank test files have the label 0 on every line: a test file of 50 lines or more where
    that is so carries no gold, and its labels are None. Raises DataError or Faults.
    """
    examples = _read(request, _copa_fields)
    if request.split == Split.TEST and len(examples) >= _BLANKED and not any(example.label for example in examples):
        return [replace(example, label=None) for example in examples]
    return examples


def read_commonsenseqa(request: ReadRequest) -> list[Choices]:
    """Choices from `{"question": {"stem", "choices": [{"label", "text"}, ...]}, "answerKey"}` lines.

    Version 1.0 has three choices, 1.11 five: every line of a file has as many as the first. The choices are labelled A, B, ...
    in order. A test line without an answer has the label None. Raises DataError or Faults.
    """
    return _read(request, _commonsenseqa_fields)


def read_siqa(request: ReadRequest) -> list[Choices]:
    """Choices from Social IQa's `{"context", "question", "answerA", "answerB", "answerC", "correct"}` lines.

    The answer may also stand under `label_letter`. The context is the context and the question; `group` is the context, of
    which several questions are asked. Raises DataError or Faults.
    """
    return _read(request, _siqa_fields)


@dataclass(frozen=True, slots=True)
class _Choice:
    """What a line says; `answer` is a number, or one letter of `names`."""

    context: str
    endings: tuple[str, ...]
    answer: object
    group: str = ""
    names: str = "0123456789"


def _read(request: ReadRequest, fields: Callable[[Record], _Choice]) -> list[Choices]:
    path = request.path()
    findings = Findings(path)
    examples: list[Choices] = []
    for number, record in records(lines(read_text(path)), findings):
        try:
            found = fields(record)
            check_endings(found.endings, len(request.row.labels) or (len(examples[0].endings) if examples else 0))
            label = choice_of(found.answer, len(found.endings), request.split, found.names)
        except FieldError as fault:
            findings.add(number, *fault.args)
            continue
        examples.append(Choices(request.id_of(number - 1), found.context, found.endings, label, found.group))
    return findings.settle(examples)


def _hellaswag_fields(record: Record) -> _Choice:
    context = text_of(record, "ctx")
    endings = record.get("endings")
    if not isinstance(endings, list) or not all(is_text(ending) for ending in endings):
        raise FieldError("no list of texts 'endings'", endings, "give the endings as a list of texts, none empty")
    before, colon, _ = context.partition(":")
    group = text_of(record, "activity_label") if record.get("activity_label") else before.strip() if colon else ""
    return _Choice(context, tuple(endings), record.get("label"), group)


def _copa_fields(record: Record) -> _Choice:
    asked = record.get("question")
    if not isinstance(asked, str) or asked not in ASKED:
        raise FieldError("a question that is neither cause nor effect", asked, "write cause or effect")
    context = f"{text_of(record, 'premise')} {ASKED[asked]}"
    return _Choice(context, (text_of(record, "choice1"), text_of(record, "choice2")), record.get("label"))


def _commonsenseqa_fields(record: Record) -> _Choice:
    question = record.get("question")
    if not isinstance(question, dict):
        raise FieldError("no object 'question'", question, "write the question as an object with a stem and choices")
    choices = question.get("choices")
    if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
        raise FieldError("no list of objects 'choices'", choices, "write each choice as an object with a label and a text")
    named = [choice.get("label") for choice in choices]
    if named != list(_LETTERS[: len(choices)]):
        raise FieldError("choices that are not labelled A, B, ... in order", named, "label the choices A, B, ... in order")
    endings = tuple(text_of(choice, "text") for choice in choices)
    return _Choice(text_of(question, "stem"), endings, record.get("answerKey"), names=_LETTERS)


def _siqa_fields(record: Record) -> _Choice:
    context = text_of(record, "context")
    endings = tuple(text_of(record, f"answer{letter}") for letter in "ABC")
    answer = record.get("correct") if "correct" in record else record.get("label_letter")
    return _Choice(f"{context} {text_of(record, 'question')}", endings, answer, context, _LETTERS)
