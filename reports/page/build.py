"""Facts to the page's text: sections, templates, and the style and script with the digests that the page's policy allows."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports import numbers
from reports.page import words
from reports.page.facts import Facts
from reports.page.sections import SECTIONS, Maker

HERE = Path(__file__).parent


def render_page(facts: Facts, makers: Sequence[Maker] | None = None) -> str:
    """The whole page. `makers` are the functions that make its sections: all of them where none are given."""
    found = [section for make in (SECTIONS if makers is None else makers) if (section := make(facts)) is not None]
    style, script = _asset("page.css"), _asset("page.js")
    environment = _environment()
    parts = [(section, Markup(environment.get_template(section.template).render(section.values))) for section in found]
    return environment.get_template("page.html").render(
        facts=facts,
        parts=parts,
        style=Markup(style),
        script=Markup(script),
        policy=_policy(style, script),
        synthetic=any(table.synthetic for table in facts.tables),
    )


def _policy(style: str, script: str) -> str:
    """A Content-Security-Policy under which the page's own style and script work and nothing else: no address is asked."""
    allowed = f"style-src '{_digest(style)}'; script-src '{_digest(script)}'"
    return f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _asset(name: str) -> str:
    return (HERE / "assets" / name).read_text("utf-8")


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=words.visible,
        auto_reload=False,
    )
    filters: dict[str, Any] = {name: getattr(numbers, name) for name in ("number", "signed", "amount", "several")}
    made.filters.update(filters | {"breakable": words.breakable})
    return made
