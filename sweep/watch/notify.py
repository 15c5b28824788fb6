"""Telling an address of the end of a sweep: one small JSON message, which never costs the sweep anything.

The address may hold a secret, so it is never printed, logged or written down; a fault is told with the host alone. A redirect
is not followed: it would carry the message to an address that nobody gave.
"""

from __future__ import annotations

import base64
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

TIMEOUT = 10.0
"""Seconds for one try."""
WAITS = (1.0, 4.0)
"""Seconds before the second and the third try."""
WORTH_ANOTHER = frozenset({408, 425, 429})
"""Answers below 500 after which another try may pass."""


def notify(address: str, message: Mapping[str, Any], pause: Callable[[float], None] = time.sleep) -> str:
    """Post a message as JSON; returns why it did not arrive, or nothing. Never raises; tries three times, `pause` waits."""
    host = _host(address)
    body, reason = json.dumps(message, ensure_ascii=False).encode(), ""
    for wait in (*WAITS, None):
        reason, again = _post(address, body)
        if not reason or not again or wait is None:
            break
        pause(wait)
    return f"{host} was not told of the end: {reason}" if reason else ""


def _post(address: str, body: bytes) -> tuple[str, bool]:
    """(why it failed or nothing, whether another try may pass)."""
    try:
        where, said = _without_user(address)
        request = urllib.request.Request(where, data=body, headers={"Content-Type": "application/json"} | said, method="POST")
        opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler(),
            urllib.request.HTTPHandler(),
            urllib.request.HTTPSHandler(),
            urllib.request.HTTPErrorProcessor(),
            urllib.request.HTTPDefaultErrorHandler(),
        ):
            opener.add_handler(handler)
        with opener.open(request, timeout=TIMEOUT) as answer:
            answer.read(1024)
        return "", False
    except urllib.error.HTTPError as error:
        error.close()
        moved = ", a redirect, which is not followed" if 300 <= error.code < 400 else ""
        return f"it answered {error.code}{moved}", error.code >= 500 or error.code in WORTH_ANOTHER
    except urllib.error.URLError as error:
        return _cause(error.reason), True
    except (OSError, http.client.HTTPException, ValueError) as error:
        return _cause(error), not isinstance(error, ValueError)


def _without_user(address: str) -> tuple[str, dict[str, str]]:
    """An address without user and password, and the header that says them; in it they would be looked up as a host's name."""
    parts = urlsplit(address)
    user, at, host = parts.netloc.rpartition("@")
    if not at:
        return address, {}
    name, _, password = user.partition(":")
    coded = base64.b64encode(f"{unquote(name)}:{unquote(password)}".encode()).decode()
    return parts._replace(netloc=host).geturl(), {"Authorization": f"Basic {coded}"}


def _cause(error: object) -> str:
    """A fault in a few words, none of them the address."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__ if isinstance(error, BaseException) else "no answer"


def _host(address: str) -> str:
    """What may be shown of an address."""
    try:
        return urlsplit(address).hostname or "the address to notify"
    except ValueError:
        return "the address to notify"
