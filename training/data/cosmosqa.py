"""CosmosQA: multiple choice in CSV."""

from __future__ import annotations

from training.data.examples import Choices
from training.data.records import FieldError, Record, choice_of, text_of
from training.data.request import Findings, ReadRequest
from training.data.tables import read_table


def read_cosmosqa(request: ReadRequest) -> list[Choices]:
    """Choices from the columns id, context, question, answer0 to answer3 and label (0 to 3; a test file may have none).

    The context is the context and the question; `group` is the context, of which several questions are asked. Raises DataError
    or Faults.
    """
    path = request.path()
    findings = Findings(path)
    examples: list[Choices] = []
    for number, record in read_table(path, findings):
        try:
            examples.append(_choice(request, len(examples), record))
        except FieldError as fault:
            findings.add(number, *fault.args)
    return findings.settle(examples)


def _choice(request: ReadRequest, index: int, record: Record) -> Choices:
    context = text_of(record, "context")
    endings = tuple(text_of(record, f"answer{number}") for number in range(4))
    label = choice_of(record.get("label"), len(endings), request.split)
    return Choices(request.id_of(index), f"{context} {text_of(record, 'question')}", endings, label, group=context)
