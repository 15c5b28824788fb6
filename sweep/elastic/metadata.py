"""What a cloud's metadata service says of this machine's end: AWS (IMDSv2) and Google Cloud, with the standard library alone.

The service answers on a link-local address that only this machine reaches. No proxy is used and no redirect followed, so that
a token never leaves it.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit

SERVICE = "http://169.254.169.254"
TIMEOUT = 2.0
"""Seconds that an answer may take."""
LARGEST = 65536
TOKEN_SECONDS = 21600
TOKEN_HEADER = "X-aws-ec2-metadata-token"  # the header's name, no secret
GOOGLE = {"Metadata-Flavor": "Google"}
ACTIONS = ("terminate", "stop", "hibernate")
AWS_NOTICE, GOOGLE_NOTICE = 120.0, 30.0
"""Seconds from a notice until the machine is gone, where the cloud does not say when."""


@dataclass(frozen=True)
class Notice:
    """A notice; `deadline` is in seconds since the epoch. `sure` is False where the cloud only says that one is likely."""

    why: str
    deadline: float
    sure: bool = True


class Cloud(Protocol):
    """One cloud's way to say it."""

    name: str

    def notice(self) -> Notice | None:
        """The notice that stands now, or None; raises OSError or ValueError where the service does not answer sensibly."""


class Service:
    """The metadata service at an address; raises ValueError where that is neither loopback nor link-local."""

    def __init__(self, address: str = SERVICE) -> None:
        parts = urlsplit(address)
        host = parts.hostname or ""
        try:
            place = ipaddress.ip_address(host)
        except ValueError:
            raise ValueError(f"the metadata service needs an IP address, not {address!r}") from None
        if parts.scheme != "http" or not (place.is_loopback or place.is_link_local):
            raise ValueError(f"the metadata service is on this machine alone (http, loopback or link-local), not {address!r}")
        self.host, self.port = host, parts.port or 80

    def ask(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, str, dict[str, str]]:
        """Status, text and headers (names in lower case) of an answer; raises OSError where there is none."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            text = answer.read(LARGEST).decode("utf-8", "replace")
            return answer.status, text, {name.lower(): value for name, value in answer.getheaders()}
        except http.client.HTTPException as fault:
            raise OSError(f"no sensible answer: {type(fault).__name__}") from fault
        finally:
            connection.close()


class Aws:
    """Spot interruption notices and rebalance recommendations, with a session token (IMDSv2)."""

    name = "AWS"

    def __init__(self, service: Service, clock: Callable[[], float] = time.time) -> None:
        self.service, self._clock, self._token = service, clock, ""

    def open(self) -> bool:
        """Get a token; whether the service gives one."""
        ttl = {f"{TOKEN_HEADER}-ttl-seconds": str(TOKEN_SECONDS)}
        status, text, _ = self.service.ask("PUT", "/latest/api/token", ttl)
        self._token = text if status == http.HTTPStatus.OK else ""
        return bool(self._token)

    def notice(self) -> Notice | None:
        """An interruption, else a recommendation."""
        action = self._read("/latest/meta-data/spot/instance-action")
        if action is not None:
            found = json.loads(action)
            what = found["action"] if found["action"] in ACTIONS else "take away"
            return Notice(f"AWS will {what} this spot instance", datetime.fromisoformat(found["time"]).timestamp())
        if self._read("/latest/meta-data/events/recommendations/rebalance") is not None:
            return Notice("AWS recommends to leave this spot instance", self._clock() + AWS_NOTICE, sure=False)
        return None

    def _read(self, path: str) -> str | None:
        for _ in range(2):  # a token that has run out is renewed once
            status, text, _ = self.service.ask("GET", path, {TOKEN_HEADER: self._token})
            if status == http.HTTPStatus.OK:
                return text
            if status == http.HTTPStatus.NOT_FOUND:
                return None
            if status != http.HTTPStatus.UNAUTHORIZED or not self.open():
                break
        raise OSError(f"the metadata service answers {status}")


class Google:
    """The flag that says that this instance was preempted."""

    name = "Google Cloud"

    def __init__(self, service: Service, clock: Callable[[], float] = time.time) -> None:
        self.service, self._clock, self._since = service, clock, 0.0

    def notice(self) -> Notice | None:
        """A preemption, from the moment that the flag was first seen."""
        status, text, _ = self.service.ask("GET", "/computeMetadata/v1/instance/preempted", GOOGLE)
        if status != http.HTTPStatus.OK:
            raise OSError(f"the metadata service answers {status}")
        if text.strip().upper() != "TRUE":
            self._since = 0.0
            return None
        self._since = self._since or self._clock()
        return Notice("Google Cloud preempts this instance", self._since + GOOGLE_NOTICE)


def cloud_at(service: Service, clock: Callable[[], float] = time.time) -> Cloud | None:
    """Whose service this is; None where it is nobody's that is known. Raises OSError where there is no answer."""
    status, _, headers = service.ask("GET", "/computeMetadata/v1/", GOOGLE)
    if status == http.HTTPStatus.OK and headers.get("metadata-flavor") == "Google":
        return Google(service, clock)
    aws = Aws(service, clock)
    return aws if aws.open() else None
