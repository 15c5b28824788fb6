"""Mewsli-X: mentions of entities in news, English training pairs from Wikipedia, and a million entities to choose from.

Field names are those of google-research's `dense_representations_for_entity_retrieval/mel/mewsli_x/schema.py`, files those that
XTREME-R's `utils_preprocess.py` leaves below `mewslix/`; texts are put together as its `utils_mewslix.py` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from training.data.examples import Mention
from training.data.files import candidates, lines, locate, read_text
from training.data.records import JsonError, json_value, read_json
from training.data.request import Findings, ReadRequest, is_text
from training.data.streamed import streamed_lines
from training.tasks.row import Split

_BRACED = re.compile(r"\{(.*?)\}", re.DOTALL)
_MENTIONS, _LABELS, _CANDIDATES = "wikinews_mentions", "wikinews_labels", "candidate_set_entities.jsonl"


@dataclass(frozen=True, slots=True)
class Entity:
    """A candidate: its id (a Wikidata QID) and its description, in whatever language the set has it."""

    id: str
    description: str


class _FieldError(Exception):
    """A field of a line is missing or wrong: cause, value, remedy."""


def read_mewslix(request: ReadRequest) -> list[Mention]:
    """Mentions from JSON lines: pairs (`contextual_mention`, `entity`), or articles (`context`, `mentions`).

    A mention's text is `Smith: The verdict came back for { Smith } , who ...`: the mention, and the sentence (or sentences) it
    stands in with the mention in braces, white space made single; braces of the text itself become parentheses. Gold entities
    of articles come from `wikinews_labels/` beside the row's folder `wikinews_mentions/`, else from the mentions themselves;
    an empty one, as in XTREME-R's test files, is None. `group` is the document. Raises DataError or Faults.
    """
    path = request.path()
    findings = Findings(path)
    labels_path = _labels_path(request)
    labels = None if labels_path is None else _labels(labels_path)
    examples: list[Mention] = []
    seen: set[str] = set()
    for number, line in enumerate(lines(read_text(path)), 1):
        try:
            found = list(_mentions(_record(line), labels))
            names = [item.id for item in found]
            repeated = [name for index, name in enumerate(names) if name in seen or name in names[:index]]
            if repeated and request.split != Split.TRAIN:
                raise _FieldError("an example_id that is used before", repeated[0], "give every mention an id of its own")
        except _FieldError as fault:
            findings.add(number, *fault.args)
            continue
        seen.update(names)
        examples.extend(found)
    return findings.settle(examples)


def mewslix_files(request: ReadRequest) -> list[Path]:
    """The files a score depends on: mentions and, for articles, labels and candidates; raises DataError when one is missing."""
    found = [request.path(), _labels_path(request), candidates_path(request)]
    return [path for path in found if path is not None]


def candidates_path(request: ReadRequest) -> Path | None:
    """The set of entities that mentions of articles are linked to; None for pairs, whose own entities are the candidates."""
    folder = PurePosixPath(request.relative).parent
    return locate(request.root, str(folder.parent / _CANDIDATES)) if folder.name == _MENTIONS else None


def read_entities(path: Path) -> Iterator[Entity]:
    """Entities of a candidate set, read as they are asked for; `Faults`, with all that is wrong, is raised at the end."""
    findings = Findings(path)
    seen: set[str] = set()
    for number, line in streamed_lines(path):
        try:
            entity = _entity(_record(line))
            if entity.id in seen:
                raise _FieldError("an entity_id that is used before", entity.id, "give every entity one line")
        except _FieldError as fault:
            findings.add(number, *fault.args)
            continue
        seen.add(entity.id)
        if not findings.count:
            yield entity
    findings.settle([len(seen)] if seen else [])


def _record(line: str) -> dict[str, Any]:
    try:
        record = json_value(line)
    except JsonError as error:
        raise _FieldError(error.args[1], line, "write one JSON object a line") from None
    return _mapping({"line": record}, "line")


def _mentions(record: dict[str, Any], labels: dict[str, str] | None) -> Iterator[Mention]:
    if "contextual_mention" in record:
        pair = _mapping(record, "contextual_mention")
        context, entity = _mapping(pair, "context"), _entity(_mapping(record, "entity"))
        mention = _mapping(pair, "mention")
        if mention.get("entity_id") not in (entity.id, "", None):
            raise _FieldError("a mention of another entity than its pair's", mention.get("entity_id"), "pair it with its own")
        yield Mention(_text(mention, "example_id"), _marked(context, mention), entity.id, entity.description, _group(context))
        return
    context = _mapping(record, "context")
    for mention in _list(record, "mentions"):
        own = _mapping({"mention": mention}, "mention")
        name = _text(own, "example_id")
        if labels is not None and name not in labels:
            raise _FieldError("a mention that the label file lacks", name, "fetch mentions and labels of one release")
        gold = own.get("entity_id") if labels is None else labels[name]
        if gold is not None and not _text_or_blank(gold):
            raise _FieldError("an entity_id that is not text", gold, "give the entity's id, or an empty text")
        yield Mention(name, _marked(context, own), gold if is_text(gold) else None, group=_group(context))


def _entity(record: dict[str, Any]) -> Entity:
    return Entity(_text(record, "entity_id"), " ".join(_text(record, "description").split()))


def _marked(context: dict[str, Any], mention: dict[str, Any]) -> str:
    whole, span = _text(context, "text"), _mapping(mention, "mention_span")
    text = _text(span, "text")
    start, end = _span(span, len(whole))
    if whole[start:end] != text:
        raise _FieldError("a mention that does not stand at its span", text, "count characters in code points")
    spans = [_span(item, len(whole)) for item in _list(context, "sentence_spans")]
    around = [(first, last) for first, last in spans if first < end and start < last]
    first, last = min([start, *(one for one, _ in around)]), max([end, *(one for _, one in around)])
    if not around:
        first, last = 0, len(whole)
    before, after = (_BRACED.sub(r"(\1)", part) for part in (whole[first:start], whole[end:last]))
    return " ".join(f"{text}: {before} {{ {text} }} {after}".split())


def _span(item: Any, length: int) -> tuple[int, int]:
    start, end = (item.get("start"), item.get("end")) if isinstance(item, dict) else (None, None)
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= length:
        raise _FieldError("not a span of the text", item, "give `start` and `end` in code points")
    return start, end


def _group(context: dict[str, Any]) -> str:
    group = str(context.get("document_id") or "")
    if not _text_or_blank(group):
        raise _FieldError("a document_id that is not text", group, "give the document's id")
    return group


def _text_or_blank(value: object) -> bool:
    return is_text(value) or (isinstance(value, str) and not value.strip())


def _mapping(holder: dict[str, Any], key: str) -> dict[str, Any]:
    found = holder.get(key)
    if not isinstance(found, dict):
        raise _FieldError(f"no object {key!r}", "" if found is None else found, f"give {key!r} as Mewsli-X has it")
    return found


def _list(holder: dict[str, Any], key: str) -> list[Any]:
    found = holder.get(key)
    if not isinstance(found, list):
        raise _FieldError(f"no list {key!r}", "" if found is None else found, f"give {key!r} as Mewsli-X has it")
    return found


def _text(holder: dict[str, Any], key: str) -> str:
    found = holder.get(key)
    if not is_text(found):
        raise _FieldError(f"no text {key!r}", "" if found is None else found, f"give {key!r} a text that is not empty")
    return found


def _labels_path(request: ReadRequest) -> Path | None:
    mentions = PurePosixPath(request.relative)
    if mentions.parent.name != _MENTIONS:
        return None
    relative = str(mentions.parent.parent / _LABELS / f"{mentions.stem}.json")
    return next((place for place in candidates(request.root, relative) if place.is_file()), None)


def _labels(path: Path) -> dict[str, str]:
    """Gold entity by example id from `{example id: [entity id]}`; "" where it was taken out."""
    findings = Findings(path)
    document = read_json(path, findings)
    if not isinstance(document, dict):
        if not findings.count:
            findings.add(1, "not a JSON object", document, "write {example id: [entity id]}")
        document = {}
    for name, gold in document.items():
        if not isinstance(gold, list) or len(gold) != 1 or not _text_or_blank(gold[0]):
            findings.add(name, "not a list of one entity id", gold, "write {example id: [entity id]}")
    findings.settle(list(document))
    return {name: gold[0].strip() for name, gold in document.items()}
