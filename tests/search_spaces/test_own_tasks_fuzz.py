"""Damaged task files: each gives a row that can be used and says what the file says, or faults with a remedy."""

from __future__ import annotations

import json
import random

import pytest
import yaml

from search_spaces.own_tasks import read_task
from tests.search_spaces.rows import ROWS
from tests.training.data import mutations
from training.errors import Faults
from training.files.codec import digest
from training.tasks.row import Kind

pytestmark = pytest.mark.slow
INPUTS = 3_000
METRICS = {"accuracy": 1, "span_f1": 1}
WHOLE = b"""\
name: my_nli
about: pairs of my own
kind: classification
files: {train: mine/train.jsonl, dev: mine/dev.jsonl, test: "mine/{lang}.tsv"}
columns: {first: premise, second: hypothesis, label: gold}
labels: [no, yes]
languages: [en, gn, quy]
train_languages: [en]
metric: accuracy
head: mine
scored_on: test
max_length: 96
licence: CC BY 4.0
"""
LIKE = b"""\
name: other
like: pos
labels: [N, V]
languages: [gn]
files: {dev: 'mine/{lang}.tsv'}
train_on: pos
stride: 4
"""
HUB = b"""\
name: fetched
kind: classification
labels: [a, b]
languages: [en, sw]
hub:
  repository: org/name
  revision: "0123456789012345678901234567890123456789"
  config: "{lang}"
  splits: {train: train, test: test}
  columns: {first: one, second: two, label: gold}
  label_names: {"0": a, "1": b}
source: somewhere
"""
ASIDE = (*mutations.ODD, "pos", "nli", "classification", "accuracy", "no", "{lang}", [{"a": "b"}], {"a": {"b": []}}, ["x", "x"])


def replaced(content: bytes, dice: random.Random) -> bytes:
    """A value replaced, a key renamed, doubled or dropped: written as JSON, which is YAML too."""
    document = yaml.safe_load(content)
    places = [document, *(inner for inner in document.values() if isinstance(inner, (dict, list)) and inner)]
    holder = dice.choice(places)
    key = dice.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
    how = dice.randrange(6)
    if how == 0:
        del holder[key]
    elif how == 1 and isinstance(holder, dict):
        holder[dice.choice(("like", "metric", "stride", "", "1", f"{key}x"))] = holder.pop(key)
    else:
        holder[key] = dice.choice(ASIDE)
    return json.dumps(document, ensure_ascii=dice.random() < 0.7).encode("utf-8", "surrogatepass")


KINDS = (replaced, replaced, mutations.flipped, mutations.deleted, mutations.inserted, mutations.cut, mutations.lines_moved)


def accepted(content: bytes) -> bool:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False
    try:
        row = read_task(text, "my.task.yaml", ROWS, METRICS)
    except Faults as found:
        assert found.faults and all(fault.cause and fault.remedy for fault in found.faults), text
        return False
    except Exception as error:
        raise AssertionError(f"{type(error).__name__}: {error} on {text!r}") from error
    said = yaml.load(text, Loader=yaml.BaseLoader)
    assert row.name == said["name"] and row.name not in ROWS and digest(row), text
    assert isinstance(row.kind, Kind) and row.languages and row.metric and (row.files or row.hub), text
    assert row.encoding.stride < row.encoding.max_length and (row.intermediate or row.target), text
    for key in ("labels", "languages", "train_languages"):
        assert not isinstance(said.get(key), list) or list(getattr(row, key)) == said[key], text
    for key in ("files", "columns"):
        assert not said.get(key) or dict(getattr(row, key)) == said[key], text
    return True


@pytest.mark.parametrize("whole", [WHOLE, LIKE, HUB], ids=["whole", "like", "hub"])
def test_damaged_task_file_is_refused_with_remedies_or_read_whole(whole: bytes) -> None:
    dice = random.Random(len(whole))
    assert accepted(whole)
    fine = 0
    for _ in range(INPUTS):
        content = dice.choice(KINDS)(whole, dice)
        if content and dice.random() < 0.2:
            content = dice.choice(KINDS[2:])(content, dice)
        fine += accepted(content)
    assert 0.02 < fine / INPUTS < 0.9, f"{fine} were accepted"
