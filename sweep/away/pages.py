"""`sweep ui`: the pages of a sweep, of this machine or of a cluster's head, for as long as somebody looks.

On this machine MLflow is started for a run folder. On a cluster everything runs already; what is opened are ways to it. Nothing
is left behind: Ctrl-C, or a signal to end, closes what was opened.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import webbrowser
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import click

from sweep.away.place import Kind, Place
from sweep.away.serving import PORT, answers, served
from sweep.away.tunnel import Way, dashboard_port, free_port, head_of, way
from sweep.masking import masked
from sweep.options import existing_run
from sweep.tracking import default_uri, open_tracker
from training.errors import UserError

LOOK = 0.5
"""Seconds between two looks at whether what was opened is still open."""
TOKEN = "Ray's page asks for the cluster's token: it is in ~/.ray/auth_token, or where RAY_AUTH_TOKEN_PATH says"


@dataclass
class Opened:
    """Pages that can be looked at: (name, address), what holds them open, and what there is to say besides."""

    pages: list[tuple[str, str]] = field(default_factory=list)
    ways: list[Way] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def show_pages(place: Place, run: Path | None, grid: str | None, *, browser: bool) -> int:
    """Open the pages of a place, say where they are, and wait for Ctrl-C; returns the exit code.

    1 where a way was lost, or there is no page at all. Raises UserError where there is nothing to open.
    """
    with contextlib.suppress(KeyboardInterrupt), ending_on_signal(), contextlib.ExitStack() as stack:
        opened = _opened(stack, place, run, grid)
        for name, address in opened.pages:
            click.echo(f"{name}: {address}")
        for line in opened.remarks:
            click.echo(line)
        if browser and has_browser():
            for _, address in opened.pages:
                webbrowser.open(address)
        return _keep(opened) if opened.ways else 0 if opened.pages else 1
    click.echo("closed")
    return 0


def _opened(stack: contextlib.ExitStack, place: Place, run: Path | None, grid: str | None) -> Opened:
    if place.kind is Kind.FILE:
        return _of_cluster(stack, place)
    if place.kind is Kind.DASHBOARD:
        return _of_dashboard(place)
    return _of_folder(stack, existing_run(run, grid))


def _of_folder(stack: contextlib.ExitStack, run: Path) -> Opened:
    opened, uri = Opened(), default_uri(run)
    if uri.startswith(("http://", "https://")):
        opened.pages.append(("MLflow", _without_login(uri)))
    else:
        found = stack.enter_context(served(run))
        opened.pages.append(("MLflow", _list_of_trials(run, found.address)))
        opened.ways.append(found)
    from sweep.reporting.page import write_fresh_page

    try:
        write_fresh_page(run, opened.remarks.append)
    except UserError as fault:
        opened.remarks.append(f"there is no report of it: {masked(str(fault)).splitlines()[0]}")
    opened.pages += [(page.stem, page.resolve().as_uri()) for page in sorted(run.glob("*.html"))]
    return opened


def _list_of_trials(run: Path, server: str) -> str:
    """The page of the sweep's trials at a server: a new browser would begin on another. The server where there is none."""
    with contextlib.suppress(UserError):
        return open_tracker(run).page(server)
    return server


def _of_cluster(stack: contextlib.ExitStack, place: Place) -> Opened:
    """Two ways through ssh. That ssh opens one says nothing of whether somebody listens at its end."""
    opened, file = Opened(), Path(place.on)
    head_of(file)
    for name, remote, path in (("MLflow", PORT, "/health"), ("Ray", dashboard_port(file), "/")):
        found = stack.enter_context(way(file, remote, free_port(remote)))
        if answers(found.address, path):
            opened.pages.append((name, found.address))
            opened.ways.append(found)
        else:
            opened.remarks.append(f"{name} does not answer at port {remote} of the head; {_instead(name, place)}")
    opened.remarks += [TOKEN] if any(name == "Ray" for name, _ in opened.pages) else []
    opened.remarks.append(f"the report, of what has come here: sweep fetch --on {place.on}, then sweep ui --run FOLDER")
    return opened


def _of_dashboard(place: Place) -> Opened:
    """No way can be opened to an address; where its host serves MLflow too, that is found."""
    opened = Opened(pages=[("Ray", place.address)], remarks=[TOKEN])
    address = f"http://{urlsplit(place.address).hostname}:{PORT}"
    if answers(address):
        opened.pages.insert(0, ("MLflow", address))
    else:
        opened.remarks.append(f"MLflow does not answer at {address}; {_instead('MLflow', place)}")
    return opened


def _instead(name: str, place: Place) -> str:
    if name == "MLflow":
        return f"start it there (docs/CLUSTER.md), or look at what has come here: sweep fetch --on {place.on}, then sweep ui"
    return "`ray status` on the head says whether it is up"


def _without_login(uri: str) -> str:
    scheme, _, rest = uri.partition("://")
    return masked(f"{scheme}://{rest.rpartition('@')[2]}")


def has_browser(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether there is a browser to open: on a machine without a screen, one in the terminal would only be in the way."""
    screen = sys.platform in ("darwin", "win32") or any(
        environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
    with contextlib.suppress(webbrowser.Error):
        return screen and bool(webbrowser.get())
    return False


def _keep(opened: Opened) -> int:
    click.echo("Ctrl-C closes it")
    over = threading.Event()
    while not over.wait(LOOK):
        if not all(each.open for each in opened.ways):
            click.echo("what led there has ended; give the command again", err=True)
            return 1
    return 0


@contextlib.contextmanager
def ending_on_signal() -> Iterator[None]:
    """Have a signal to end (a closed terminal, `kill`) close what was opened, as Ctrl-C does."""
    names = (signal.SIGTERM, signal.SIGHUP)
    before = {name: signal.signal(name, signal.default_int_handler) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
