"""A metadata service that stands in for a cloud's, on the loopback interface."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ACTION = "/latest/meta-data/spot/instance-action"
REBALANCE = "/latest/meta-data/events/recommendations/rebalance"
PREEMPTED = "/computeMetadata/v1/instance/preempted"


@dataclass
class Service:
    """What a service answers by path; `google` is whose it is, `tokens` were given out (AWS), `broken` answers 500 to all."""

    google: bool = False
    answers: dict[str, str] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    valid: str = ""
    broken: bool = False
    address: str = ""

    def interrupt(self, at: float, action: str = "terminate") -> None:
        """AWS says when this machine will be gone (seconds since the epoch)."""
        when = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.answers[ACTION] = json.dumps({"action": action, "time": when})

    def answer(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
        """Status and text."""
        if self.broken:
            return 500, ""
        if self.google:
            known = path == "/computeMetadata/v1/" or path in self.answers
            return (200, self.answers.get(path, "")) if known and headers.get("metadata-flavor") == "Google" else (404, "")
        if (method, path) == ("PUT", "/latest/api/token") and headers.get("x-aws-ec2-metadata-token-ttl-seconds"):
            self.valid = f"token-{len(self.tokens)}"
            self.tokens.append(self.valid)
            return 200, self.valid
        if headers.get("x-aws-ec2-metadata-token") != self.valid or not self.valid:
            return 401, ""
        return (200, self.answers[path]) if path in self.answers else (404, "")


@contextlib.contextmanager
def serving(service: Service) -> Iterator[Service]:
    """Serve it on a free port of the loopback interface; its `address` is filled in."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_PUT(self) -> None:
            self._answer()

        def _answer(self) -> None:
            status, text = service.answer(self.command, self.path, {name.lower(): said for name, said in self.headers.items()})
            self.send_response(status)
            if service.google:
                self.send_header("Metadata-Flavor", "Google")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    service.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
