"""The official test files, blank as XTREME distributes them: a line, a tag or an id for each, whatever stands in them.

The toy's predictions mean nothing; that they fit real files of many scripts is what is tested.
"""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from sweep.submission.progress import View
from sweep.submission.submitting import Submitted, Wishes, submit
from tests.submission.conftest import World
from training.tasks.benchmarks import XTREME

pytestmark = pytest.mark.slow
FILES = {
    "pawsx": ("pawsx/test-{}.tsv", ("de", "ko")),
    "udpos": ("udpos/test-{}.tsv", ("fi", "mr", "yo")),
    "panx": ("panx/test-{}.tsv", ("my", "jv")),
    "tydiqa": ("tydiqa/tydiqa-goldp-v1.1-dev/tydiqa.goldp.{}.dev.json", ("te", "ko")),
    "tatoeba": ("tatoeba/{0}-en.{0}", ("jv", "te")),
}
BLANK = "tydiqa/tydiqa.goldp.{}.dev.blank.json"


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with some of the official test files."""
    given = os.environ.get("SWEEP_DATA", "")
    if not given:
        pytest.skip("SWEEP_DATA names no folder with real data")
    root = tmp_path_factory.mktemp("real")
    for name, (place, languages) in FILES.items():
        for language in languages:
            source = BLANK if name == "tydiqa" else place
            _link(Path(given), root, source.format(language), place.format(language))
            if name == "tatoeba":
                _link(Path(given), root, f"tatoeba/{language}-en.en", f"tatoeba/{language}-en.en")
    return root


def _link(given: Path, root: Path, source: str, name: str) -> None:
    found = next((path for path in _either(given / "xtreme" / source) if path.is_file()), None)
    if found is None:
        pytest.skip(f"the data folder has no {source}")
    path = root / (f"{name}.gz" if found.suffix == ".gz" else name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(found.resolve())


def _either(path: Path) -> tuple[Path, Path]:
    return path, path.with_name(f"{path.name}.gz")


@pytest.fixture(scope="module")
def done(world: World, real: Path, tmp_path_factory: pytest.TempPathFactory) -> Submitted:
    out = tmp_path_factory.mktemp("done") / "out"
    few = {name: replace(XTREME.tasks[name], languages=languages) for name, (_, languages) in FILES.items()}
    with pytest.MonkeyPatch.context() as patch, View() as view:
        patch.setenv("SWEEP_CACHE", str(out.parent / "cache"))
        patch.setattr("sweep.submission.submitting.BENCHMARKS", {"xtreme": replace(XTREME, tasks=few, groups={})})
        return submit(Wishes(run=world.run, out=out, data=real), lambda line: pytest.fail(line), view)


def _raw(real: Path, name: str, language: str) -> str:
    (path,) = [path for path in _either(real / FILES[name][0].format(language)) if path.is_file()]
    content = path.read_bytes()
    return (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8")


def test_official_pairs_and_sentences_get_a_line_each(done: Submitted, real: Path) -> None:
    for name in ("pawsx", "tatoeba"):
        for language in FILES[name][1]:
            written = (done.out / name / f"test-{language}.tsv").read_text("utf-8")
            assert written.count("\n") == _raw(real, name, language).count("\n") > 200


@pytest.mark.parametrize("name", ["udpos", "panx"])
def test_official_words_get_a_tag_each_and_sentences_stay_apart(done: Submitted, real: Path, name: str) -> None:
    for language in FILES[name][1]:
        written = (done.out / name / f"test-{language}.tsv").read_text("utf-8").rstrip("\n").split("\n")
        words = _raw(real, name, language).replace("\r", "").rstrip("\n").split("\n")
        assert [bool(line) for line in written] == [bool(line) for line in words]


def test_official_questions_get_an_answer_from_their_paragraph(done: Submitted, real: Path) -> None:
    for language in FILES["tydiqa"][1]:
        found = json.loads((done.out / "tydiqa" / f"test-{language}.json").read_text("utf-8"))
        articles = json.loads(_raw(real, "tydiqa", language))["data"]
        paragraphs = [paragraph for article in articles for paragraph in article["paragraphs"]]
        asked = {question["id"]: paragraph["context"] for paragraph in paragraphs for question in paragraph["qas"]}
        assert found.keys() == asked.keys() and len(found) > 200
        assert all(answer and answer in asked[name] for name, answer in found.items())


def test_official_test_sets_have_no_score(done: Submitted) -> None:
    assert done.board is None and all(entry.official is None for entry in done.manifest.tasks.values())
