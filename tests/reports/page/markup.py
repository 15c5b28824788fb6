"""A page as a program sees it: whether its tags close, its ids, its links, what it would ask the network for."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "br", "img", "input", "hr", "link", "wbr"}
ADDRESSES = ("href", "src", "action", "data", "poster", "srcset", "xlink:href")


@dataclass
class Seen:
    """What a page holds; `faults` are tags that do not close as they opened."""

    ids: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    handlers: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text, with what marks places where a line may break left out."""
        return "".join(self.texts)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.seen, self.open = Seen(), list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.seen.ids.append(value or "")
            if name in ADDRESSES:
                self.seen.addresses.append(value or "")
            if name.startswith("on") or name == "style":
                self.seen.handlers.append(f"{tag} {name}={value}")
        if tag not in VOID and not self.get_starttag_text().endswith("/>"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.seen.faults.append(f"</{tag}> at line {self.getpos()[0]}")

    def handle_data(self, data: str) -> None:
        self.seen.texts.append(data)


def read_markup(page: str) -> Seen:
    """Parse a page."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    reader.seen.faults += [f"<{tag}> never closes" for tag in reader.open]
    return reader.seen
