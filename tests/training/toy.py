"""A toy: a two-layer XLM-R, a small WordPiece tokenizer, and tasks of every kind that it learns in seconds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel

from training.data.encode import Encoder
from training.data.examples import Answer, Choices, Example, Question, Sentences, Tagged, Text
from training.data.features import Encoded
from training.data.packs import Vocabulary
from training.identity import PhaseIdentity, Role, TaskUse
from training.models.carry import ChainModel, from_pretrained
from training.phase import vocabulary_of
from training.tasks.row import Encoding, Kind, Split, TaskRow

ANIMALS = ("cat", "dog", "horse", "bird", "fish")
VERBS = ("sleeps", "runs", "eats", "sings", "waits")
PLACES = ("house", "garden", "river", "field")
WORDS = ("the", "in", "a", "who", "where", "good", "bad", "yes", "no", *ANIMALS, *VERBS, *PLACES)
LETTERS = "abcdefghijklmnopqrstuvwxyzäöü0123456789.,?-"
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
POSITIONS = 66

_SPLITS = {"train": "train", "dev": "dev", "test": "test"}


def _files(folder: str, extension: str) -> dict[str, str]:
    return {split: f"{folder}/{name}-{{lang}}.{extension}" for split, name in _SPLITS.items()}


def _row(name: str, kind: Kind, reader: str, metric: str, extension: str, **more: Any) -> TaskRow:
    more.setdefault("encoding", Encoding(max_length=32))
    return TaskRow(
        name=name, kind=kind, reader=reader, metric=metric, files=_files(name, extension), languages=("en", "de"), **more
    )


NLI = _row("nli", Kind.CLASSIFICATION, "sentence_pair_tsv", "accuracy", "tsv", labels=("no", "yes"), head="nli2")
CHOICE = _row("choice", Kind.CHOICE, "copa_jsonl", "accuracy", "jsonl", labels=("0", "1"))
TAGS = _row("tags", Kind.TAGGING, "tagged_tsv", "tag_f1", "tsv", labels=("DET", "NOUN", "VERB"))
QA = _row("qa", Kind.SPAN, "squad_json", "squad", "json", head="span", encoding=Encoding(max_length=32, stride=8))
MLM = _row("mlm", Kind.MLM, "text_lines", "mlm_accuracy", "txt", scored_on=Split.DEV)
TATOEBA = TaskRow(
    name="tatoeba",
    kind=Kind.RETRIEVAL,
    reader="tatoeba_lines",
    metric="retrieval_accuracy",
    files={"test": "tatoeba/{lang}-en.{lang}"},
    languages=("de",),
    encoding=Encoding(max_length=32),
)
TRAINED = (NLI, CHOICE, TAGS, QA, MLM)


def save_tokenizer(folder: Path) -> None:
    """WordPiece over known words and single letters, lower-casing and without control characters, with XLM-R's templates."""
    pieces = [*SPECIAL, *LETTERS, *("##" + letter for letter in LETTERS), *WORDS]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(vocab=vocabulary, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=True
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {"bos_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "cls_token": "<s>", "unk_token": "<unk>"}
    names |= {"pad_token": "<pad>", "mask_token": "<mask>"}
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)
    wrapped.save_pretrained(str(folder))


def unigram_tokenizer() -> Any:
    """As XLM-R's own: pieces with the space before them, whose offsets take the space in."""
    pieces = [*SPECIAL[:4], "\u2581", *("\u2581" + word for word in WORDS), *LETTERS]
    tokenizer = Tokenizer(models.Unigram([(piece, -float(len(piece) == 1)) for piece in dict.fromkeys(pieces)], unk_id=3))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="\u2581", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<pad>", bos_token="<s>")


def config(**changes: Any) -> XLMRobertaConfig:
    values: dict[str, Any] = {
        "vocab_size": len(dict.fromkeys([*SPECIAL, *LETTERS, *("##" + letter for letter in LETTERS), *WORDS])),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "initializer_range": 0.1,
        "max_position_embeddings": POSITIONS,
        "type_vocab_size": 1,
        "pad_token_id": 1,
        "bos_token_id": 0,
        "eos_token_id": 2,
    }
    return XLMRobertaConfig(**(values | changes))


def save_model(folder: Path, **changes: Any) -> Path:
    """A whole model folder with random weights."""
    folder.mkdir(parents=True, exist_ok=True)
    save_tokenizer(folder)
    torch.manual_seed(0)
    XLMRobertaModel(config(**changes), add_pooling_layer=False).save_pretrained(str(folder))
    return folder


def examples(kind: Kind, count: int, seed: int = 0) -> list[Example]:
    """Examples that follow a rule: the label is in a word."""
    dice = np.random.default_rng([seed, count])
    return [_MAKERS[kind](dice, number) for number in range(count)]


def sentence(dice: np.random.Generator) -> list[str]:
    return ["the", str(dice.choice(ANIMALS)), str(dice.choice(VERBS)), "in", "the", str(dice.choice(PLACES))]


def _pair(dice: np.random.Generator, number: int) -> Sentences:
    label = int(dice.integers(2))
    second = "yes" if label else "no"
    return Sentences(f"e{number}", " ".join(sentence(dice)), f"{second} {dice.choice(ANIMALS)}", label)


def _choice(dice: np.random.Generator, number: int) -> Choices:
    label = int(dice.integers(2))
    endings = [f"bad {dice.choice(ANIMALS)}", f"bad {dice.choice(PLACES)}"]
    endings[label] = "good " + endings[label][4:]
    return Choices(f"e{number}", " ".join(sentence(dice)), tuple(endings), label)


def _tagged(dice: np.random.Generator, number: int) -> Tagged:
    words = sentence(dice)[: int(dice.integers(2, 7))]
    return Tagged(f"e{number}", tuple(words), tuple(1 if w in ANIMALS + PLACES else 2 if w in VERBS else 0 for w in words))


def _question(dice: np.random.Generator, number: int) -> Question:
    words = sentence(dice)[: int(dice.integers(3, 7))]
    context = " ".join(words)
    return Question(f"q{number}", "who ?", context, (Answer(words[1], context.index(words[1])),))


def _text(dice: np.random.Generator, number: int) -> Text:
    return Text(f"e{number}", " ".join(sentence(dice)), "yes no" if number % 3 == 0 else "")


_MAKERS: dict[Kind, Callable[[np.random.Generator, int], Example]] = {
    Kind.CLASSIFICATION: _pair,
    Kind.CHOICE: _choice,
    Kind.TAGGING: _tagged,
    Kind.SPAN: _question,
    Kind.MLM: _text,
}


def encoded(tokenizer: Any, row: TaskRow, count: int, seed: int = 0) -> Encoded:
    encoder = Encoder(tokenizer, row, row.encoding.max_length, row.encoding.stride)
    return encoder.encode(examples(row.kind, count, seed))


def use(row: TaskRow, data: str = "d") -> TaskUse:
    lengths = row.encoding
    return TaskUse(
        task=row.name,
        version=row.version,
        head=row.head or row.name,
        data=data,
        max_length=lengths.max_length,
        stride=lengths.stride,
    )


def phase(*rows: TaskRow, **changes: Any) -> PhaseIdentity:
    values: dict[str, Any] = {"role": Role.TARGET, "lr": 3e-3, "epochs": 1, "batch": 8, "seed": 1}
    return PhaseIdentity(tasks=tuple(use(row) for row in rows), **(values | changes))


def fresh(folder: Path, tokenizer: Any, *rows: TaskRow, seed: int = 1) -> tuple[ChainModel, Vocabulary]:
    """The toy model with the heads of some tasks."""
    model, _ = from_pretrained(folder, rows, random=False, model_seed=0, seed=seed)
    return model, vocabulary_of(model, tokenizer)


def write_data(root: Path, count: int = 16) -> None:
    """The files of every toy task, each split in both languages (a training file in the other language is a trap)."""
    for place, (split, lang) in enumerate((s, g) for s in _SPLITS for g in ("en", "de")):
        for row in TRAINED:
            path = root / row.files[split].format(lang=lang)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_FORMATS[row.kind](examples(row.kind, count, place)), encoding="utf-8")
    lines = [" ".join(sentence(np.random.default_rng(number))) + f" {number}" for number in range(6)]
    (root / "tatoeba").mkdir()
    for name in ("de-en.de", "de-en.en"):
        (root / "tatoeba" / name).write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    (root / "tatoeba" / "labels").mkdir()
    (root / "tatoeba" / "labels" / "test-de.tsv").write_text("".join(f"{n}\n" for n in range(6)), encoding="utf-8")


def _pairs_text(items: Any) -> str:
    return "".join(f"{item.first}\t{item.second}\t{NLI.labels[item.label]}\n" for item in items)


def _choices_text(items: Any) -> str:
    records = [
        {"premise": i.context, "choice1": i.endings[0], "choice2": i.endings[1], "question": "effect", "label": i.label}
        for i in items
    ]
    return "".join(json.dumps(record) + "\n" for record in records)


def _tagged_text(items: Any) -> str:
    return "\n".join("".join(f"{w}\t{TAGS.labels[t]}\n" for w, t in zip(i.words, i.tags, strict=True)) for i in items)


def _squad_text(items: Any) -> str:
    paragraphs = [
        {
            "context": i.context,
            "qas": [
                {"id": i.id, "question": i.question, "answers": [{"text": a.text, "answer_start": a.start} for a in i.answers]}
            ],
        }
        for i in items
    ]
    return json.dumps({"data": [{"title": "t", "paragraphs": paragraphs}]})


def _lines_text(items: Any) -> str:
    return "".join(f"{item.text}\t{item.second}\n" if item.second else f"{item.text}\n" for item in items)


_FORMATS: dict[Kind, Callable[[Any], str]] = {
    Kind.CLASSIFICATION: _pairs_text,
    Kind.CHOICE: _choices_text,
    Kind.TAGGING: _tagged_text,
    Kind.SPAN: _squad_text,
    Kind.MLM: _lines_text,
}
