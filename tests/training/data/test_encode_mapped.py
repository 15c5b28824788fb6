from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

import training.data.corpus
from tests.training import toy
from tests.training.data.test_mapped import same
from training.data.batches import unit_lengths
from training.data.corpus import Corpus, EncodedCache
from training.data.encode import Encoder
from training.data.encoded_store import FEATURES, MANIFEST, NOT_FEATURES, EncodedStore, row_digest
from training.data.examples import Choices, Example
from training.data.features import Encoded
from training.data.loading import DataSource, stream
from training.errors import DataError, StorageFullError
from training.models.backbone import load_tokenizer
from training.tasks.row import Kind, TaskRow

SPAWN = multiprocessing.get_context("spawn")


def corpus(root: Path, tokenizer: Any, folder: Path | None, *rows: TaskRow, **more: Any) -> Corpus:
    sources = {row.name: DataSource(row=row, root=root) for row in rows or toy.TRAINED}
    return Corpus(sources, tokenizer, more.pop("digest", "t"), EncodedCache(), folder, **more)


def folders(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if "--" in path.name)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """(task, split) of each time that a file was read."""
    found: list[tuple[str, str]] = []
    load = Corpus.examples

    def spied(self: Corpus, task: str, split: str, language: str) -> list[Example]:
        found.append((task, split))
        return load(self, task, split, language)

    def spied_stream(source: DataSource, split: str, language: str) -> Iterator[Example]:
        found.append((source.row.name, split))
        return stream(source, split, language)

    monkeypatch.setattr(Corpus, "examples", spied)
    monkeypatch.setattr(training.data.corpus, "stream", spied_stream)
    return found


@pytest.mark.parametrize("row", toy.TRAINED, ids=lambda row: row.name)
@pytest.mark.parametrize("split", ["train", "test"])
def test_encoded_on_disk_is_what_is_encoded_in_memory(
    root: Path, tokenizer: Any, tmp_path: Path, row: TaskRow, split: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = replace(row, encoding=replace(row.encoding, max_length=14, stride=3)) if row.kind is not Kind.CHOICE else row
    memory = corpus(root, tokenizer, None, row).encoded(row.name, split, "en", "d")
    blocks = Encoder.blocks
    monkeypatch.setattr(Encoder, "blocks", lambda self, examples, told: blocks(self, examples, told, 5))
    pieces = corpus(root, tokenizer, None, row).encoded(row.name, split, "en", "d")
    made = corpus(root, tokenizer, tmp_path, row).encoded(row.name, split, "en", "d")
    found = corpus(root, tokenizer, tmp_path, row).encoded(row.name, split, "en", "d")
    for other in (pieces, made, found):
        assert len(other.features) == len(memory.features) and len(other) == len(memory)
        assert all(same(one, two) for one, two in zip(memory.features, other.features, strict=True))
        assert (other.group, other.tokens, other.row) == (memory.group, memory.tokens, memory.row)
        assert list(other.examples) == list(memory.examples)
        assert unit_lengths(other) == unit_lengths(memory)


def test_encoded_split_is_read_once_for_all_processes(
    root: Path, tokenizer: Any, tmp_path: Path, reads: list[tuple[str, str]]
) -> None:
    for _ in range(3):
        corpus(root, tokenizer, tmp_path).encoded("nli", "train", "en", "d")
    assert reads == [("nli", "train")]


def test_training_examples_are_read_when_asked_for_and_not_before(
    root: Path, tokenizer: Any, tmp_path: Path, reads: list[tuple[str, str]]
) -> None:
    for folder in (None, tmp_path):
        encoded = corpus(root, tokenizer, folder).encoded("nli", "train", "en", "d")
        before = len(reads)
        assert len(encoded.examples) == 16 and len(reads) == before
        assert encoded.examples[3].id == encoded.examples[2:4][1].id and len(reads) == before + 1


def test_examples_of_an_evaluated_split_are_read_once(
    root: Path, tokenizer: Any, tmp_path: Path, reads: list[tuple[str, str]]
) -> None:
    encoded = corpus(root, tokenizer, tmp_path).encoded("nli", "test", "de", "d")
    assert encoded.examples[0].id and reads == [("nli", "test")]
    again = corpus(root, tokenizer, tmp_path).encoded("nli", "test", "de", "d")
    assert list(again.examples) == list(encoded.examples) and len(reads) == 2


def test_examples_of_a_file_that_changed_after_it_was_encoded_are_refused(
    root: Path, tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus(root, tokenizer, tmp_path).encoded("nli", "dev", "en", "d")
    encoded = corpus(root, tokenizer, tmp_path).encoded("nli", "dev", "en", "d")
    monkeypatch.setattr(Corpus, "examples", lambda self, *place: toy.examples(Kind.CLASSIFICATION, 15))
    with pytest.raises(DataError, match="changed after it was encoded"):
        encoded.examples[0]


CHANGES: dict[str, Callable[[TaskRow], TaskRow]] = {
    "length": lambda row: replace(row, encoding=replace(row.encoding, max_length=20)),
    "stride": lambda row: replace(row, encoding=replace(row.encoding, stride=2)),
    "version": lambda row: replace(row, version=2),
    "labels": lambda row: replace(row, labels=row.labels[::-1]),
    "columns": lambda row: replace(row, columns={"first": "premise"}),
    "part": lambda row: replace(row, parts=(replace(toy.NLI, labels=("yes", "no")),)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_encoded_row_that_changed_is_never_met_with_a_stale_file(
    root: Path, tokenizer: Any, tmp_path: Path, change: Callable[[TaskRow], TaskRow]
) -> None:
    rows = [toy.NLI, change(toy.NLI)]
    keys = {corpus(root, tokenizer, tmp_path, row).identity("nli", "dev", "en", "d").key for row in rows}
    assert len(keys) == 2


def test_encoded_anything_else_that_changed_has_a_file_of_its_own(root: Path, toy_folder: Path, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(toy_folder)
    first = corpus(root, tokenizer, tmp_path).encoded("nli", "dev", "en", "d")
    corpus(root, tokenizer, tmp_path, digest="another").encoded("nli", "dev", "en", "d")
    for split, language, data in (("dev", "en", "other"), ("test", "en", "d"), ("dev", "de", "d")):
        corpus(root, tokenizer, tmp_path).encoded("nli", split, language, data)
    shorter = replace(toy.NLI, encoding=replace(toy.NLI.encoding, max_length=10))
    other = corpus(root, tokenizer, tmp_path, shorter).encoded("nli", "dev", "en", "d")
    assert len(folders(tmp_path)) == 6
    assert max(unit_lengths(other)) == 10 < max(unit_lengths(first))


def test_row_fields_outside_the_key_are_fields_of_a_row() -> None:
    assert {item.name for item in fields(TaskRow)} >= NOT_FEATURES
    assert row_digest(toy.NLI) == row_digest(replace(toy.NLI, metric="f1", licence="free", target=True, head="other"))


def test_encoded_library_version_is_in_the_key(
    root: Path, tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = corpus(root, tokenizer, tmp_path).identity("nli", "dev", "en", "d")
    monkeypatch.setattr("tokenizers.__version__", "99")
    assert corpus(root, tokenizer, tmp_path).identity("nli", "dev", "en", "d").key != before.key


def damaged(folder: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    (path,) = folder.glob(f"*--*/{name}")
    path.write_bytes(change(path.read_bytes()))


DAMAGE: dict[str, Callable[[Path], None]] = {
    "a changed byte": lambda folder: damaged(folder, FEATURES, lambda content: content[:-1] + bytes([content[-1] ^ 1])),
    "cut short": lambda folder: damaged(folder, FEATURES, lambda content: content[:-8]),
    "no manifest": lambda folder: next(folder.glob(f"*--*/{MANIFEST}")).unlink(),
    "half a manifest": lambda folder: damaged(folder, MANIFEST, lambda content: content[: len(content) // 2]),
    "no features": lambda folder: next(folder.glob(f"*--*/{FEATURES}")).unlink(),
    "another's manifest": lambda folder: damaged(folder, MANIFEST, lambda content: content.replace(b'"nli"', b'"ilm"')),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_encoded_folder_that_is_damaged_is_set_aside_reported_and_made_again(
    root: Path, tokenizer: Any, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    reported: list[tuple[str, str]] = []
    whole = list(corpus(root, tokenizer, tmp_path).encoded("nli", "dev", "en", "d").features)
    (name,) = folders(tmp_path)
    damage(tmp_path)
    one = corpus(root, tokenizer, tmp_path, on_damage=lambda folder, cause: reported.append((folder.name, cause)))
    again = one.encoded("nli", "dev", "en", "d")
    assert all(same(first, second) for first, second in zip(whole, again.features, strict=True))
    assert [folder for folder, _ in reported] == [name] and reported[0][1]
    assert [path.name.split(".")[0] for path in (tmp_path / "damaged").iterdir()] == [name.split(".")[0]]
    corpus(root, tokenizer, tmp_path).encoded("nli", "dev", "en", "d")
    assert len(reported) == 1 and folders(tmp_path) == [name]


def test_encoded_data_that_can_t_be_encoded_leaves_nothing_behind(
    root: Path, tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [*toy.examples(Kind.CHOICE, 5), Choices("z", "c", ("x", "y", "z"), 0)]
    monkeypatch.setattr(Corpus, "examples", lambda self, *place: items)
    blocks = Encoder.blocks
    monkeypatch.setattr(Encoder, "blocks", lambda self, examples, told: blocks(self, examples, told, 5))
    with pytest.raises(DataError, match="number of endings"):
        corpus(root, tokenizer, tmp_path).encoded("choice", "train", "en", "d")
    assert [path.name for path in tmp_path.iterdir()] == [".claims"]


def test_encoded_full_disk_is_named_and_leaves_nothing_behind(
    root: Path, tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Any) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("training.data.mapped.ColumnsWriter.finish", full)
    with pytest.raises(StorageFullError):
        corpus(root, tokenizer, tmp_path).encoded("nli", "train", "en", "d")
    assert [path.name for path in tmp_path.iterdir()] == [".claims"]


def test_encoded_leftover_of_a_killed_writer_is_removed(root: Path, tokenizer: Any, tmp_path: Path) -> None:
    one = corpus(root, tokenizer, tmp_path)
    leftover = tmp_path / f".writing-{one.identity('nli', 'dev', 'en', 'd').key}-00000000"
    leftover.mkdir()
    one.encoded("nli", "dev", "en", "d")
    assert not leftover.exists()


def test_encoding_tells_how_far_it_is(root: Path, tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = Encoder.blocks
    monkeypatch.setattr(Encoder, "blocks", lambda self, examples, told: blocks(self, examples, told, 6))
    heard: list[tuple[str, int, int]] = []
    for folder in (None, tmp_path):
        heard.clear()
        one = corpus(root, tokenizer, folder, progress=lambda *told: heard.append(told))
        one.encoded("nli", "train", "en", "d")
        assert heard == [("nli train en", done, 16) for done in (0, 6, 12, 16)]


def encode(model: Path, root: Path, folder: Path, start: Any, told: Any) -> None:
    """Encode in a process of its own, and tell how many features there are and whether the file was read."""
    heard: list[int] = []
    one = corpus(root, load_tokenizer(model), folder, progress=lambda subject, done, total: heard.append(done))
    start.wait()
    told.put((len(one.encoded("nli", "train", "en", "d").features), bool(heard)))


def test_encoded_split_that_two_processes_ask_for_is_made_by_one(toy_folder: Path, root: Path, tmp_path: Path) -> None:
    start, told = SPAWN.Barrier(2), SPAWN.Queue()
    processes = [SPAWN.Process(target=encode, args=(toy_folder, root, tmp_path, start, told), daemon=True) for _ in range(2)]
    for process in processes:
        process.start()
    found = sorted(told.get(timeout=240) for _ in processes)
    for process in processes:
        process.join()
    assert found == [(16, False), (16, True)]


def test_cache_counts_the_tokens_of_mapped_splits_for_nothing() -> None:
    cache = EncodedCache(limit=10, splits=3)
    for name in "abc":
        cache.put((name,), Encoded(toy.NLI, (), (), tokens=99), mapped=True)
    assert all(cache.get((name,)) is not None for name in "abc")
    cache.put(("d",), Encoded(toy.NLI, (), (), tokens=1), mapped=True)
    assert cache.get(("a",)) is None and cache.get(("b",)) is not None


def test_encoded_store_finds_nothing_where_nothing_is(root: Path, tokenizer: Any, tmp_path: Path) -> None:
    identity = corpus(root, tokenizer, tmp_path).identity("nli", "dev", "en", "d")
    assert EncodedStore(tmp_path / "new").find(identity) is None
