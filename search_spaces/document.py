"""A YAML file as plain values, with the line of each.

* Numbers, true, false and null are read as YAML 1.2 writes them: `1e-4` is a number, `no` is text (and a language).
* Nothing is lost in silence: a key given twice, a key that is not text, an anchor, a tag are faults, each with its line.
* Sequences become tuples, so that a value is immutable and hashable by its text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.events import CollectionEndEvent, CollectionStartEvent, NodeEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

Path = tuple[str | int, ...]
DEEPEST = 16
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NULLS = {"", "~", "null", "Null", "NULL"}


@dataclass(frozen=True)
class Fault:
    """Something wrong at a place of a file: lines count from 1, and 0 stands for the whole file."""

    line: int
    path: Path
    cause: str
    value: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Document:
    """The values of a file, the line of every key and item by its path, and what could not be read."""

    value: Any
    lines: dict[Path, int]
    faults: list[Fault] = field(default_factory=list)

    def known(self, path: Path) -> Path:
        """The part of a path that is in the file: what names no key or item of it is left out."""
        kept: Path = ()
        for part in path:
            if (*kept, part) in self.lines:
                kept = (*kept, part)
        return kept

    def fault(self, path: Path, cause: str, value: object = "", remedy: str = "") -> Fault:
        """A fault at a path of this file."""
        return Fault(self.lines.get(self.known(path), 0), path, cause, str(value), remedy)


def read_document(text: str, empty: str = "write a grid, or copy a shipped one") -> Document:
    """Read the one YAML document of `text`; what can't be read is among the document's faults.

    `empty` is the remedy for a text without a value.
    """
    document = Document(None, {})
    try:
        document.faults.extend(_unread(text))
        node = None if document.faults else yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        document.faults.append(_syntax_fault(error))
    if document.faults:
        return document
    value = _value(node, (), document) if node else None
    if value is None:
        document.faults.append(Fault(0, (), "the file is empty", "", empty))
    return Document(value, document.lines, document.faults)


def _unread(text: str) -> Iterator[Fault]:
    """What YAML has and a grid does not: anchors (which can make a small file huge), tags (which build objects), depth."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.BaseLoader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if isinstance(event, NodeEvent) and event.anchor:
            yield Fault(line, (), "anchors and aliases are not read", event.anchor, "write the value out")
        if getattr(event, "tag", None):
            yield Fault(line, (), "tags are not read", getattr(event, "tag", ""), "write the value alone")
        if depth > DEEPEST:
            yield Fault(line, (), "nested too deep for a grid", "", f"a grid has at most {DEEPEST} levels")
            return


def _syntax_fault(error: yaml.YAMLError) -> Fault:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    cause = "not YAML: " + " ".join(str(problem).split())
    remedy = "check this line and the one above: indentation, brackets, quotes, a space after each colon"
    return Fault(mark.line + 1 if mark else 0, (), cause, "", remedy)


def _value(node: Node, path: Path, document: Document) -> Any:
    document.lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, MappingNode):
        return {key: _value(inner, (*path, key), document) for key, inner in _entries(node, path, document)}
    if isinstance(node, SequenceNode):
        return tuple(_value(inner, (*path, index), document) for index, inner in enumerate(node.value))
    return _scalar(node)


def _entries(node: MappingNode, path: Path, document: Document) -> Iterator[tuple[str, Node]]:
    for key_node, inner in node.value:
        line = key_node.start_mark.line + 1
        key = _scalar(key_node) if isinstance(key_node, ScalarNode) else None
        if not isinstance(key, str):
            seen = key_node.value if isinstance(key_node, ScalarNode) else ""
            document.faults.append(Fault(line, path, "a key must be text", seen, "write a word, in quotes if it is a number"))
        elif (*path, key) in document.lines:
            first = document.lines[(*path, key)]
            cause = f"the key is there twice, first in line {first}"
            document.faults.append(Fault(line, (*path, key), cause, key, "keep one of them"))
        else:
            document.lines[(*path, key)] = line
            yield key, inner


def _scalar(node: Node) -> Any:
    """A scalar's value; only what is written without quotes can be a number, true, false or null."""
    return node.value if getattr(node, "style", None) else _plain(str(node.value))


def _plain(text: str) -> Any:
    if text in _NULLS:
        return None
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan")) if _FLOAT.fullmatch(text) else text
