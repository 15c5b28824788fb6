"""JSON files that carry a digest of themselves, so that a digit which a disk has changed is noticed.

A sealed file is a JSON object, in canonical form but for its first field, the digest of all others. It is checked on the bytes
as they are, which costs a few microseconds. Schemas to come keep this, so that another version is told from damage.
"""

from __future__ import annotations

from training.files.codec import canonical, digest_of

FIELD = "digest"
_HEAD = f'{{"{FIELD}":"'.encode()
_BODY = len(_HEAD) + 16 + len(b'",')
"""Where the other fields begin."""


def sealed(value: object) -> bytes:
    """Canonical JSON bytes of a dataclass or a mapping, with their digest as the first field; a line of its own."""
    content = canonical(value)
    return _HEAD + digest_of(content).encode() + b'",' + content[1:] + b"\n"


def is_whole(content: bytes) -> bool:
    """Whether the bytes of a sealed file are those that were written."""
    body = content[_BODY:].removesuffix(b"\n")
    return content[:_BODY] == _HEAD + digest_of(b"{" + body).encode() + b'",'
