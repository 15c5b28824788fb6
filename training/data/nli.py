"""Natural language inference, one JSON object a line: ANLI and SNLI."""

from __future__ import annotations

from collections.abc import Mapping

from training.data.examples import Sentences
from training.data.files import lines, read_text
from training.data.records import FieldError, Record, records, text_of
from training.data.request import Findings, ReadRequest

_ANLI = {"e": "entailment", "n": "neutral", "c": "contradiction"}
_UNDECIDED = "-"
LEFT_OUT = "lines left out: their annotators reached no majority (gold_label is -)"


def read_anli(request: ReadRequest) -> list[Sentences]:
    """Pairs from ANLI's `{"context", "hypothesis", "label"}` lines, label e, n or c; `group` is the context.

    Raises DataError or Faults.
    """
    return _pairs(request, ("context", "hypothesis", "label"), _ANLI)


def read_snli(request: ReadRequest) -> list[Sentences]:
    """Pairs from SNLI 1.0's `{"sentence1", "sentence2", "gold_label"}` lines; `group` is the first sentence.

    A line whose gold label is "-" has none, since its annotators reached no majority: as everywhere, such lines are left out
    (785 of the train file's 550,152), and `undecided` counts them. Raises DataError or Faults.
    """
    return _pairs(request, ("sentence1", "sentence2", "gold_label"), {name: name for name in request.row.labels}, _UNDECIDED)


def _pairs(request: ReadRequest, keys: tuple[str, str, str], names: Mapping[str, str], undecided: str = "") -> list[Sentences]:
    """Pairs from the keys of premise, hypothesis and label; lines labelled `undecided` are left out."""
    path = request.path()
    findings = Findings(path)
    examples = []
    for number, record in records(lines(read_text(path)), findings):
        if undecided and record.get(keys[2]) == undecided:
            continue
        try:
            premise, hypothesis = text_of(record, keys[0]), text_of(record, keys[1])
            label = _label(request, record, keys[2], names)
        except FieldError as fault:
            findings.add(number, *fault.args)
            continue
        examples.append(Sentences(request.id_of(number - 1), premise, hypothesis, label, group=premise))
    return findings.settle(examples)


def undecided(request: ReadRequest) -> int:
    """Number of lines that `read_snli` leaves out; raises as it does."""
    path = request.path()
    findings = Findings(path)
    found = sum(bool(record.get("gold_label") == _UNDECIDED) for _, record in records(lines(read_text(path)), findings))
    findings.settle([path])
    return found


def _label(request: ReadRequest, record: Record, key: str, names: Mapping[str, str]) -> int:
    found = record.get(key)
    name = names.get(found) if isinstance(found, str) else None
    if name not in request.row.labels:
        raise FieldError("a label outside the task's set", "" if found is None else found, f"use {', '.join(names)}")
    return request.row.labels.index(name)
