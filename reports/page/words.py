"""How names and places are written on the page."""

from __future__ import annotations

import re
from hashlib import blake2s

from markupsafe import Markup

LONGEST = 32


def visible(value: object) -> object:
    """Text whose unseen characters (controls, changes of direction, halves of pairs) are spelt out; markup stays as it is."""
    if not isinstance(value, str) or isinstance(value, Markup) or value.isprintable():
        return value
    return "".join(each if each.isprintable() or each == "\n" else each.encode("unicode_escape").decode() for each in value)


def breakable(name: str) -> Markup:
    """A name that a narrow column may break where its words end."""
    parts = re.split(r"(?<=[_./-])(?=.)", str(visible(name)))
    return Markup("<wbr>").join(parts)


def anchor(kind: str, *names: str) -> str:
    """An id for what these names stand for, the same in every page: plain letters, and a digest that tells like names apart."""
    digest = blake2s("\x1f".join((kind, *names)).encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    plain = re.sub(r"[^a-z0-9]+", "-", "-".join(names).lower()).strip("-")[:LONGEST].strip("-")
    return "-".join(part for part in (kind, plain, digest) if part)
