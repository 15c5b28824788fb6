"""The rows of each family: how a tokenizer's tokens are framed, and where a word is looked at."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer

from tests.training import families, toy
from training.data.encode import Encoder
from training.data.examples import Answer, Question, Tagged
from training.data.tokens import LONGER, encode_batch, wants_spaces
from training.data.windows import last_subwords
from training.errors import ModelError
from training.models.backbone import identify, load_tokenizer
from training.models.family import Family
from training.models.tokenizer import mask_of

Folders = Callable[[str], Path]
CLASSES = {
    "llama": "LlamaTokenizer",
    "qwen2": "Qwen2Tokenizer",
    "gpt2": "GPT2Tokenizer",
    "bloom": "BloomTokenizerFast",
    "xglm": "XGLMTokenizer",
    "t5": "T5Tokenizer",
    "mbart": "MBartTokenizer",
    "roberta": "RobertaTokenizer",
}
"""The class that a published folder of the kind names."""
FRAMES = {
    "llama": "<s> A </s> B </s>",
    "qwen2": "A <|im_end|> B <|im_end|>",
    "gpt2": "A <|endoftext|> B <|endoftext|>",
    "bloom": "A </s> B </s>",
    "xglm": "</s> A </s> B </s>",
    "t5": "A </s> B </s>",
    "mbart": "A </s> B </s> en_XX",
    "roberta": "<s> A </s> </s> B </s>",
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    root = tmp_path_factory.mktemp("rows")
    return lambda kind: root / kind if (root / kind).is_dir() else families.save(root / kind, kind)


def edited(folder: Path, to: Path, **changes: Any) -> Path:
    """A copy of a model folder whose tokenizer's configuration says something else (None: nothing)."""
    shutil.copytree(folder, to)
    path = to / "tokenizer_config.json"
    content = json.loads(path.read_text(encoding="utf-8")) | changes
    path.write_text(json.dumps({name: value for name, value in content.items() if value is not None}), encoding="utf-8")
    return to


def tokens(tokenizer: Any, text: str | tuple[str, str]) -> list[str]:
    (found,) = encode_batch(tokenizer, [text], LONGER, 32)
    named: list[str] = tokenizer.convert_ids_to_tokens(found.ids)
    return named


@pytest.mark.parametrize("own_class", [True, False])
@pytest.mark.parametrize("kind", FRAMES)
def test_rows_of_a_family_begin_part_and_end_as_they_should(
    folders: Folders, tmp_path: Path, kind: str, own_class: bool
) -> None:
    folder = edited(folders(kind), tmp_path / kind, tokenizer_class=CLASSES[kind]) if own_class else folders(kind)
    tokenizer = load_tokenizer(folder)
    first, second = (encode_batch(tokenizer, [text], special=False)[0].ids for text in ("the cat", "a dog"))
    one, two = (" ".join(tokenizer.convert_ids_to_tokens(ids)) for ids in (first, second))
    assert " ".join(tokens(tokenizer, ("the cat", "a dog"))) == FRAMES[kind].replace("A", one).replace("B", two)
    alone = {"roberta": "<s> A </s>", "t5": "A </s>", "mbart": "A </s> en_XX"}.get(kind, FRAMES[kind].split(" B")[0])
    assert " ".join(tokens(tokenizer, "the cat")) == alone.replace("A", one)
    (pair,) = encode_batch(tokenizer, [("the cat", "a dog")], LONGER, 32)
    assert [pair.sequence_ids.count(part) for part in (0, 1)] == [len(first), len(second)]


def test_decoder_without_a_padding_token_is_padded_with_its_end(folders: Folders) -> None:
    tokenizer = load_tokenizer(folders("llama"))
    assert tokenizer.pad_token == "</s>"
    assert load_tokenizer(folders("qwen2")).pad_token == "<|endoftext|>"


@pytest.mark.parametrize("kind", ["llama", "t5", "mbart"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_tokenizer_that_pads_and_cuts_by_itself_gives_the_same_rows(
    folders: Folders, tmp_path: Path, kind: str, side: str
) -> None:
    folder = edited(folders(kind), tmp_path / "padded")
    backend = Tokenizer.from_file(str(folder / "tokenizer.json"))
    backend.enable_padding(direction=side, length=16)
    backend.enable_truncation(2)
    backend.save(str(folder / "tokenizer.json"))
    plain, padded = load_tokenizer(folders(kind)), load_tokenizer(folder)
    for text in ("the cat", ("the cat", "a dog")):
        assert tokens(padded, text) == tokens(plain, text)


def test_decoder_without_an_end_token_is_refused(folders: Folders, tmp_path: Path) -> None:
    bare = edited(folders("bloom"), tmp_path / "bare", eos_token=None, bos_token=None)
    with pytest.raises(ModelError, match="names no eos_token") as caught:
        load_tokenizer(bare)
    assert "tokenizer_config.json" in caught.value.remedy


def test_masked_token_of_an_encoder_decoder_is_its_own_or_its_first_sentinel(folders: Folders) -> None:
    t5, mbart = (load_tokenizer(folders(kind)) for kind in ("t5", "mbart"))
    assert mask_of(t5, Family.ENCODER_DECODER) == t5.convert_tokens_to_ids("<extra_id_0>")
    assert mask_of(mbart, Family.ENCODER_DECODER) == mbart.mask_token_id


@pytest.mark.parametrize("kind", families.ALL)
def test_words_of_a_sentence_have_the_tokens_of_running_text(folders: Folders, kind: str) -> None:
    tokenizer = load_tokenizer(folders(kind))
    assert wants_spaces(tokenizer) == (kind in ("roberta", "modernbert", "qwen2", "qwen3", "gpt2", "bloom"))
    words = ("the", "cat", "sleeps", "in", "garden")
    (row,) = Encoder(tokenizer, toy.TAGS, 32, 0).encode([Tagged("e", words, (0, 1, 2, 0, 1))]).features
    (running,) = encode_batch(tokenizer, [" ".join(words)], LONGER, 32)
    assert row.ids.tolist() == running.ids
    assert row.words is not None and row.words.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("kind", families.ALL)
def test_word_is_looked_at_where_it_begins_and_of_a_decoder_where_it_ends(folders: Folders, kind: str) -> None:
    tokenizer = load_tokenizer(folders(kind))
    words = ("cat", "gardens", "zzz")
    (row,) = Encoder(tokenizer, toy.TAGS, 32, 0).encode([Tagged("e", words, (0, 1, 2))]).features
    spaced = [word if not place or not wants_spaces(tokenizer) else f" {word}" for place, word in enumerate(words)]
    (whole,) = encode_batch(tokenizer, [spaced], LONGER, 32, words=True)
    groups = [[place for place, word in enumerate(whole.word_ids) if word == number] for number in range(3)]
    assert all(len(group) > 1 for group in groups[1:])
    assert row.positions is not None
    assert row.positions.tolist() == [group[-1 if kind in families.DECODERS else 0] for group in groups]


@pytest.mark.parametrize("stride", [0, 3, 5])
@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_word_of_a_long_sentence_is_looked_at_once_and_whole(folders: Folders, kind: str, stride: int) -> None:
    tokenizer = load_tokenizer(folders(kind))
    words = tuple(str(np.random.default_rng(place).choice(["the", "gardener", "gardens", "zz", "cat"])) for place in range(40))
    encoded = Encoder(tokenizer, toy.TAGS, 14, stride).encode([Tagged("e", words, tuple(range(40)))])
    assert len(encoded.features) > 3
    seen: dict[int, int] = {}
    for row in encoded.features:
        assert row.positions is not None and row.words is not None and row.tags is not None
        assert row.tags.tolist() == row.words.tolist()
        for place, word in zip(row.positions.tolist(), row.words.tolist(), strict=True):
            assert word not in seen
            seen[word] = int(row.ids[place])
    spaced = [word if not place or not wants_spaces(tokenizer) else f" {word}" for place, word in enumerate(words)]
    ends = [encode_batch(tokenizer, [[word]], words=True, special=False)[0].ids[-1] for word in spaced]
    assert [seen[number] for number in range(40)] == ends


def test_last_subwords_are_where_each_word_ends() -> None:
    places, words = last_subwords([None, 0, 0, 1, 2, 2, None])
    assert (places.tolist(), words.tolist()) == ([2, 3, 5], [0, 1, 2])


@pytest.mark.parametrize("kind", families.ALL)
def test_answer_is_found_by_the_tokens_that_cover_it(folders: Folders, kind: str) -> None:
    tokenizer, context = load_tokenizer(folders(kind)), "the cat sleeps in the garden"
    question = Question("q", "who ?", context, (Answer("cat", context.index("cat")),))
    (row,) = Encoder(tokenizer, toy.QA, 48, 8).encode([question]).features
    assert isinstance(row.label, tuple) and row.offsets is not None
    start, end = row.label
    assert context[row.offsets[start, 0] : row.offsets[end, 1]].strip() == "cat"


def test_identity_of_a_model_names_how_its_rows_are_read(folders: Folders, tmp_path: Path) -> None:
    """The same tokenizer gives other rows for a decoder, and must not share what is encoded for an encoder."""
    shutil.copytree(folders("xlm-roberta"), tmp_path / "copy")
    encoder = identify("m", tmp_path / "copy", pretrained=False)
    (tmp_path / "copy" / "config.json").write_text((folders("xglm") / "config.json").read_text())
    decoder = identify("m", tmp_path / "copy", pretrained=False)
    assert encoder.tokenizer != decoder.tokenizer and encoder.config != decoder.config
    assert encoder == identify("m", folders("xlm-roberta"), pretrained=False)
