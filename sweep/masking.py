"""What may be a secret is hidden in every text that is shown or kept.

Two rules, since neither alone sees everything: what stands where an address or a setting has its password, and any value that
the environment itself calls a secret, wherever a library repeats it.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from types import TracebackType
from urllib.parse import quote, quote_plus, unquote, urlsplit

SHORTEST = 8
"""Characters that a value of the environment must have to be looked for: shorter ones are words of any text."""
_NAMED = re.compile(r"(?i)(?:^|_)(?:TOKEN|SECRET|PASSWORD|PASSWD|PASS|PWD|API_?KEY|ACCESS_KEY|PRIVATE_KEY|CREDENTIALS?)(?:$|_)")
_PLACE = re.compile(r"(?i)_(?:PATH|FILE|DIR|ID|MODE|URI)$")
_FOLDERS = ("PWD", "OLDPWD")
"""Variables of the shell's, which are no passwords."""
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(?!/)(\S*)@")
_WORDS = r"password|passwd|pwd|token|secret|signature|api[-_]?key|access[-_]?key|credential"
_SETTING = re.compile(rf"(?i)([\w.-]*(?:{_WORDS})|\bsig|(?<=[?&])key)=('[^']*'|\"[^\"]*\"|[^&\s'\"]+)")
_HEADER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}")
_SECRET_ADDRESSES = frozenset({"SWEEP_NOTIFY"})
"""Addresses that are secret as a whole: who knows one may write to it."""


def masked(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """`text` with every password and token of an address in it hidden, and every secret of the environment."""
    for secret in sorted(set(_forms(environment)), key=len, reverse=True):
        text = text.replace(secret, "***")
    text = _ADDRESS.sub(_without_password, text)
    return _HEADER.sub(r"\1 ***", _SETTING.sub(r"\1=***", text))


def _without_password(found: re.Match[str]) -> str:
    """An address's beginning: a user stays, unless it stands alone before a web server, where it is a token as a rule."""
    scheme, (user, colon, _) = found[1], found[2].partition(":")
    if colon:
        return f"{scheme}://{user}:***@"
    return f"{scheme}://***@" if scheme.lower().startswith("http") else f"{scheme}://{user}@"


def _forms(environment: Mapping[str, str]) -> Iterator[str]:
    """Every spelling of every secret that is long enough to be told from other words."""
    for name, value in environment.items():
        for secret in _secrets(name, value):
            for form in (secret, unquote(secret)):
                yield from (
                    each for each in (form, quote(form), quote(form, safe=""), quote_plus(form)) if len(each) >= SHORTEST
                )


def _secrets(name: str, value: str) -> Iterator[str]:
    if "://" in value:
        yield from _secrets_of_address(value, whole=name in _SECRET_ADDRESSES)
    elif _NAMED.search(name) and not _PLACE.search(name) and name not in _FOLDERS:
        yield value


def _secrets_of_address(address: str, *, whole: bool) -> Iterator[str]:
    """The password, secret settings and, of a secret address, its path and all settings."""
    rest = address.partition("://")[2]
    if "@" in rest:
        user, colon, password = rest.rpartition("@")[0].partition(":")
        if colon or address.lower().startswith("http"):
            yield password or user
    try:
        parts = urlsplit(address)
    except ValueError:
        return
    for setting in parts.query.split("&"):
        name, _, value = setting.partition("=")
        if whole or _SETTING.match(f"{name}=x"):
            yield value
    if whole:
        yield from (parts.path, *parts.path.split("/"))


class _Masked(logging.LogRecord):
    """What a library logs, secrets hidden: some say the whole address that does not answer."""

    def getMessage(self) -> str:
        """The text of the record."""
        return masked(super().getMessage())


def mask_logs() -> None:
    """Have no logger of this process say a secret."""
    logging.setLogRecordFactory(_Masked)


def show_masked(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A `sys.excepthook`: the traceback of a bug, with what may be a secret in it hidden."""
    sys.stderr.write(masked("".join(traceback.format_exception(kind, error, trace))))


def out_of_sight(flag: str, value: str | None, variable: str) -> None:
    """Begin this process anew with a flag's secret value in the environment, where it stands on the command line.

    Any user of the machine may read a command line, and Ray shows it as the entry point of its job. Returns where there is
    nothing to hide.
    """
    words = sys.orig_argv[1:]
    if not value or not any(value in word for word in words):
        return
    kept = [word for number, word in enumerate(words) if not _belongs(words, number, flag)]
    if not any(value in word for word in kept):
        sys.stdout.flush()
        os.execve(sys.executable, [sys.orig_argv[0], *kept], os.environ | {variable: value})


def _belongs(words: list[str], number: int, flag: str) -> bool:
    """Whether a word is a flag with its value, or the value that follows it."""
    return words[number] == flag or words[number].startswith(f"{flag}=") or (number > 0 and words[number - 1] == flag)
