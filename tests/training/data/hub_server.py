"""A stand-in for the hub: the part of its HTTP interface that `datasets` asks for, on 127.0.0.1, with faults on request."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

_API = re.compile(r"^/api/datasets/(?P<repo>[^/]+/[^/]+)(?P<rest>/.*)?$")
_FILE = re.compile(r"^/datasets/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)$")
_RANGE = re.compile(r"^bytes=(\d+)-(\d*)$")


@dataclass
class Repository:
    """A data set: its files by commit, and the commit that `main` stands for."""

    commits: dict[str, dict[str, bytes]]
    main: str


@dataclass
class Hub:
    """What is served, what was asked for, and what goes wrong.

    `drops` holds, for the end of a path, how many times the connection breaks in the middle of that file (-1: always);
    `failing` likewise how many requests are answered with `status`. `answers_as` makes a revision answer with another commit's
    files and name.
    """

    repositories: dict[str, Repository] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    drops: dict[str, int] = field(default_factory=dict)
    failing: dict[str, int] = field(default_factory=dict)
    status: int = 503
    answers_as: dict[str, str] = field(default_factory=dict)
    url: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str, files: dict[str, bytes], commit: str = "") -> str:
        """Add a commit, and let main stand for it; returns its name."""
        commit = commit or hashlib.sha1(name.encode() + b"".join(files.values())).hexdigest()
        repository = self.repositories.setdefault(name, Repository({}, commit))
        repository.commits[commit], repository.main = files, commit
        return commit

    def take(self, faults: dict[str, int], path: str) -> bool:
        """Whether a fault applies now; one of its times is used up."""
        with self._lock:
            for end, times in faults.items():
                if path.endswith(end) and times:
                    faults[end] = times - 1
                    return True
        return False


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing: `Hub.requests` keeps what was asked."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_POST(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        posted = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.hub.requests.append(f"{self.command} {path}")
        if self.hub.take(self.hub.failing, path):
            return self._send(self.hub.status, b"out of order", {}, body)
        if match := _FILE.match(path):
            return self._file(match["repo"], match["revision"], match["path"], body)
        if match := _API.match(path):
            return self._api(match["repo"], match["rest"] or "", posted, body)
        return self._missing("EntryNotFound", body)

    def _commit(self, repository: Repository, revision: str) -> str | None:
        revision = self.hub.answers_as.get(revision, revision)
        if revision in ("main", "HEAD"):
            return repository.main
        return revision if revision in repository.commits else None

    def _api(self, name: str, rest: str, posted: bytes, body: bool) -> None:
        repository = self.hub.repositories.get(name)
        if repository is None:
            return self._missing("RepoNotFound", body)
        parts = rest.strip("/").split("/", 2)
        verb, revision, below = (*parts, "", "")[:3]
        commit = self._commit(repository, revision or "main")
        if commit is None:
            return self._missing("RevisionNotFound", body)
        files = repository.commits[commit]
        if verb in ("", "revision"):
            siblings = [{"rfilename": path} for path in sorted(files)]
            return self._json({"id": name, "sha": commit, "siblings": siblings, "private": False, "tags": []}, body)
        if verb == "tree":
            return self._json(_tree(files, below, "recursive" in parse_qs(urlsplit(self.path).query)), body)
        if verb == "paths-info":
            asked = json.loads(posted)["paths"] if posted.startswith(b"{") else parse_qs(posted.decode())["paths"]
            listed = {entry["path"]: entry for entry in _tree(files, "", True)}
            return self._json([listed[path] for path in asked if path in listed], body)
        return self._missing("EntryNotFound", body)

    def _file(self, name: str, revision: str, path: str, body: bool) -> None:
        repository = self.hub.repositories.get(name)
        if repository is None:
            return self._missing("RepoNotFound", body)
        commit = self._commit(repository, revision)
        if commit is None:
            return self._missing("RevisionNotFound", body)
        content = repository.commits[commit].get(path)
        if content is None:
            return self._missing("EntryNotFound", body, {"X-Repo-Commit": commit})
        headers = {"X-Repo-Commit": commit, "ETag": f'"{_etag(content)}"', "Accept-Ranges": "bytes"}
        wanted = _RANGE.match(self.headers.get("Range") or "")
        if wanted is None:
            return self._send(200, content, headers, body, path)
        first = int(wanted[1])
        last = min(int(wanted[2]) if wanted[2] else len(content) - 1, len(content) - 1)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        return self._send(206, content[first : last + 1], headers, body, path)

    def _json(self, value: object, body: bool) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"}, body)

    def _missing(self, code: str, body: bool, headers: dict[str, str] | None = None) -> None:
        self._send(404, b"not here", {"X-Error-Code": code, "X-Error-Message": code, **(headers or {})}, body)

    def _send(self, status: int, content: bytes, headers: dict[str, str], body: bool, path: str = "") -> None:
        cut = body and bool(path) and len(content) > 1 and self.hub.take(self.hub.drops, path)
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        if body:
            self.wfile.write(content[: len(content) // 2] if cut else content)
        if cut:
            self.wfile.flush()
            self.close_connection = True


def _etag(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _tree(files: dict[str, bytes], below: str, recursive: bool) -> list[dict[str, Any]]:
    prefix = f"{below}/" if below else ""
    entries: dict[str, dict[str, Any]] = {}
    for path, content in sorted(files.items()):
        if not path.startswith(prefix):
            continue
        parts = path.removeprefix(prefix).split("/")
        for depth in range(1, len(parts)):
            folder = prefix + "/".join(parts[:depth])
            if recursive or depth == 1:
                oid = hashlib.sha1(folder.encode()).hexdigest()
                entries[folder] = {"type": "directory", "path": folder, "size": 0, "oid": oid}
        if recursive or len(parts) == 1:
            entries[path] = {"type": "file", "path": path, "size": len(content), "oid": _etag(content)}
    return list(entries.values())


@contextmanager
def serving() -> Iterator[Hub]:
    """A hub on a free port of 127.0.0.1, until the block ends."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
