"""A stand-in for the part of a model hub that takes uploads: creates repositories, takes commits, and says no on request."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_API = re.compile(r"^/api/models/(?P<repo>[^/]+/[^/]+)/(?P<verb>preupload|commit|tree|revision)/")


@dataclass
class Hub:
    """Files by repository, those made private, commit messages, cards given for a check, tokens seen, and names refused."""

    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)
    messages: list[str] = field(default_factory=list)
    cards: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    url: str = ""


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing is printed."""

    def do_GET(self) -> None:
        found = _API.match(self.path)
        if found and found["verb"] == "tree" and found["repo"] in self.hub.files:
            entries = [
                {"type": "file", "path": name, "size": len(content), "oid": "0" * 40}
                for name, content in self.hub.files[found["repo"]].items()
            ]
            return self._json(200, entries)
        if found and found["verb"] == "revision":
            return self._json(200, {"id": found["repo"], "sha": "0" * 40, "siblings": [], "private": True, "tags": []})
        return self._json(404, {"error": "not found"})

    def do_POST(self) -> None:
        self.hub.tokens.add((self.headers.get("Authorization") or "").removeprefix("Bearer "))
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith("/api/repos/create"):
            return self._create(json.loads(content))
        if self.path == "/api/validate-yaml":
            self.hub.cards.append(json.loads(content)["content"])
            return self._json(200, {"errors": [], "warnings": []})
        found = _API.match(self.path)
        if found is None:
            return self._json(404, {"error": "not found"})
        if found["verb"] == "preupload":
            asked = json.loads(content)["files"]
            return self._json(
                200, {"files": [{"path": one["path"], "uploadMode": "regular", "shouldIgnore": False} for one in asked]}
            )
        return self._commit(found["repo"], [json.loads(line) for line in content.splitlines()])

    def _create(self, asked: dict[str, Any]) -> None:
        name = f"{asked.get('organization') or 'me'}/{asked['name']}"
        if name in self.hub.refused:
            return self._json(403, {"error": "you may not"})
        if asked.get("private") or asked.get("visibility") == "private":
            self.hub.private.add(name)
        self.hub.files.setdefault(name, {})
        return self._json(200, {"url": f"{self.hub.url}/{name}", "name": name, "id": name})

    def _commit(self, name: str, lines: list[dict[str, Any]]) -> None:
        for line in lines:
            value = line["value"]
            if line["key"] == "header":
                self.hub.messages.append(value["summary"])
            elif line["key"] == "file":
                self.hub.files[name][value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "deletedFile":
                self.hub.files[name].pop(value["path"], None)
        url = f"{self.hub.url}/{name}/commit/{'0' * 40}"
        return self._json(200, {"success": True, "commitUrl": url, "commitOid": "0" * 40})

    def _json(self, status: int, value: object) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def serving() -> Iterator[Hub]:
    """A hub on a free port of 127.0.0.1."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
