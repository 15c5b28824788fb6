"""Damage done to small data files: seeded, by bytes, by lines, by JSON values and by columns."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from typing import Any

ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2.5,
    10**30,
    "",
    " ",
    "A",
    "-",
    "e",
    "x" * 300,
    "\ud800",
    "\u2028",
    "é",
    [],
    {},
    [1],
    ["a", "b"],
    {"text": []},
    "9" * 40,
    float("inf"),
)
BYTES = (
    b"\t",
    b"\n",
    b"\r\n",
    b'"',
    b",",
    b"{",
    b"}",
    b"[",
    b"\\",
    b"\x00",
    b"\xff",
    b"\xe2\x80",
    "\u2028".encode(),
    b" ",
    b"0",
    b"9" * 5000,
    "²".encode(),
    b"\xef\xbb\xbf",
)
_MARK = "the mark"
Mutation = Callable[[bytes, random.Random], bytes]


def flipped(content: bytes, dice: random.Random) -> bytes:
    """A few bytes changed."""
    changed = bytearray(content)
    for _ in range(dice.randint(1, 3)):
        changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def deleted(content: bytes, dice: random.Random) -> bytes:
    """A stretch of bytes taken out."""
    start = dice.randrange(len(content))
    return content[:start] + content[start + dice.choice((1, 1, 2, 5, 40)) :]


def inserted(content: bytes, dice: random.Random) -> bytes:
    """A byte, or a few that mean something, put in."""
    start = dice.randrange(len(content) + 1)
    return content[:start] + dice.choice(BYTES) + content[start:]


def cut(content: bytes, dice: random.Random) -> bytes:
    """The end missing."""
    return content[: dice.randrange(len(content))]


def lines_moved(content: bytes, dice: random.Random) -> bytes:
    """A line doubled, taken out, or swapped with another."""
    lines = content.split(b"\n")
    first, second = dice.randrange(len(lines)), dice.randrange(len(lines))
    how = dice.randrange(3)
    if how == 0:
        lines.insert(second, lines[first])
    elif how == 1:
        del lines[first]
    else:
        lines[first], lines[second] = lines[second], lines[first]
    return b"\n".join(lines)


def columns_moved(content: bytes, dice: random.Random, separator: bytes = b"\t") -> bytes:
    """A column of one line, or of all, taken out, doubled or swapped."""
    lines = content.split(b"\n")
    number, how, everywhere = dice.randrange(6), dice.randrange(3), dice.random() < 0.3
    chosen = range(len(lines)) if everywhere else [dice.randrange(len(lines))]
    for index in chosen:
        fields = lines[index].split(separator)
        place = number % len(fields)
        if how == 0:
            del fields[place]
        elif how == 1:
            fields.insert(place, fields[place])
        else:
            fields[place], fields[0] = fields[0], fields[place]
        lines[index] = separator.join(fields)
    return b"\n".join(lines)


def values_changed(content: bytes, dice: random.Random) -> bytes:
    """A value inside a JSON document or line replaced, a key renamed or dropped."""

    def rewritten(document: Any) -> str:
        _change(dice.choice(_containers(document)), dice)
        return json.dumps(document, ensure_ascii=dice.random() < 0.5)

    return _with_json(content, dice, rewritten)


def values_spelled(content: bytes, dice: random.Random) -> bytes:
    """A key of a JSON object written twice, or a value spelled as no encoder spells one."""

    def rewritten(document: Any) -> str:
        container = dice.choice(_containers(document))
        key = dice.choice(_keys(container))
        if isinstance(container, dict) and dice.random() < 0.5:
            container[_MARK] = dice.choice((container[key], *ODD))
            put = json.dumps(key)
        else:
            container[key] = _MARK
            deep = dice.choice((5, 400, dice.randint(850, 1000), 100_000))
            put = dice.choice(("9" * 5000, "-0", "NaN", "1e999", '{"a": 1, "a": 2}', "[" * deep + "]" * deep, '"\\ud800"'))
        return json.dumps(document, ensure_ascii=dice.random() < 0.5).replace(json.dumps(_MARK), put)

    return _with_json(content, dice, rewritten)


def _with_json(content: bytes, dice: random.Random, rewritten: Callable[[Any], str]) -> bytes:
    lines = [content] if content[:1] == b"{" and content.count(b"\n{") == 0 else content.split(b"\n")
    filled = [index for index, line in enumerate(lines) if line.strip()]
    index = dice.choice(filled)
    lines[index] = rewritten(json.loads(lines[index])).encode("utf-8", "surrogatepass")
    return b"\n".join(lines)


def _containers(value: Any) -> list[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    found = [value] if isinstance(value, (dict, list)) and value else []
    return found + [container for item in inner for container in _containers(item)]


def _keys(container: Any) -> list[Any]:
    return list(container) if isinstance(container, dict) else list(range(len(container)))


def _change(container: Any, dice: random.Random) -> None:
    key, how = dice.choice(_keys(container)), dice.randrange(5)
    if how == 0:
        del container[key]
    elif how == 1 and isinstance(container, dict):
        container[f"{key}x"] = container.pop(key)
    elif how == 2 and isinstance(container, list):
        container.insert(dice.randrange(len(container) + 1), container[key])
    else:
        container[key] = dice.choice(ODD)


def gzip_damaged(content: bytes, dice: random.Random) -> bytes:
    """The file gzipped, and the result whole, cut short or changed."""
    packed = gzip.compress(content, compresslevel=1, mtime=0)
    return dice.choice((lambda packed, dice: packed, cut, flipped, deleted))(packed, dice)
