"""Texts for a phase 0 of one's own, from files of XTREME's download that the grid `real_phase0` never scores on.

    python -m benchmarks.phase0.texts DATA TEXTS

Sentences of XNLI (dev and test: the sentences, not the labels), PAWS-X (the same) and paragraphs of TyDiQA's training set, for
six languages. UD-POS, PAN-X, Tatoeba and XQuAD, which that grid scores on, are left out.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from training.data.files import locate, read_text
from training.errors import DataError

LANGUAGES = ("en", "de", "es", "fr", "sw", "tr")
LICENCES = {
    "XNLI": "CC BY-NC 4.0",
    "PAWS-X": "free use, attribution to Google LLC asked for",
    "TyDiQA": "Apache-2.0",
}
_LONGEST = 400


def sentences(root: Path, language: str) -> Iterator[tuple[str, str]]:
    """(set, text) of everything that there is in one language."""
    for split in ("dev", "test"):
        for name, relative in (("XNLI", f"xnli/{split}-{language}.tsv"), ("PAWS-X", f"pawsx/{split}-{language}.tsv")):
            for line in _content(root, relative).splitlines():
                yield from ((name, text) for text in line.split("\t")[:2])
    for article in json.loads(_content(root, f"tydiqa/tydiqa.goldp.{language}.train.json") or '{"data": []}')["data"]:
        for paragraph in article["paragraphs"]:
            yield from (("TyDiQA", text) for text in _pieces(paragraph["context"]))


def _content(root: Path, relative: str) -> str:
    try:
        return read_text(locate(root, relative))
    except DataError:
        return ""


def _pieces(paragraph: str) -> Iterator[str]:
    """Sentences of a paragraph, short ones together."""
    piece = ""
    for sentence in re.split(r"(?<=[.!?])\s+", paragraph):
        if piece and len(piece) + len(sentence) > _LONGEST:
            yield piece
            piece = ""
        piece = f"{piece} {sentence}".strip()
    yield piece


def main(root: Path, folder: Path) -> None:
    """Write a file a language, each text once and sorted, and where they are from."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = {}
    for language in LANGUAGES:
        found: dict[str, str] = {}
        for name, text in sentences(root, language):
            found.setdefault(" ".join(text.split()), name)
        found.pop("", None)
        (folder / f"{language}.txt").write_text("".join(f"{text}\n" for text in sorted(found)), encoding="utf-8")
        names = sorted(set(found.values()))
        sources[language] = [{"source": f"{name} ({_count(found, name)} lines)", "licence": LICENCES[name]} for name in names]
        size = (folder / f"{language}.txt").stat().st_size
        print(f"{language}: {len(found)} lines, {size / 1e6:.1f} MB from {', '.join(names)}")
    (folder / "sources.json").write_text(json.dumps(sources, indent=1) + "\n", encoding="utf-8")


def _count(found: dict[str, str], name: str) -> int:
    return sum(whose == name for whose in found.values())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
