"""Small files of every kind that readers know, and how many records any damaged version of them holds."""

from __future__ import annotations

from dataclasses import replace

from tests.training.data.fuzz_forms import (
    COMMAS,
    NLI,
    TABBED,
    TEXTS,
    VALUES,
    Case,
    all_but_header,
    csv_text,
    decided,
    every_line,
    filled_lines,
    headed_or_not,
    jsonl,
    questions,
    quoted_records,
    sentences,
    squad,
    tagged_words,
)
from training.tasks.registry import row

OWN = {"reader": "columns", "labels": NLI, "columns": {"first": "premise", "second": "hypothesis", "label": "label"}}
OWN_TSV, OWN_CSV, OWN_JSONL = (
    replace(row("mnli"), name="own", files={"dev": f"file.{kind}"}, **OWN) for kind in ("tsv", "csv", "jsonl")
)
OWN_SPANS = replace(
    row("squad_v1"),
    name="own",
    reader="columns",
    files={"dev": "file.jsonl"},
    columns={"id": "id", "question": "question", "context": "context", "answers": "answers", "group": "title"},
)
OWN_TAGS = replace(
    row("panx"), name="own", reader="columns", files={"dev": "file.jsonl"}, columns={"words": "words", "tags": "tags"}
)
PAIRS = [(one, two, NLI[index % 3]) for index, (one, two) in enumerate(zip(TEXTS, reversed(TEXTS), strict=True))]
TAGGED = "\n\n".join(
    "\n".join(f"{word}\t{tag}" for word, tag in zip(text.split(" "), ("B-PER", "I-PER", "O", "O", "O"), strict=False))
    for text in TEXTS
)
COSMOS = [("id", "context", "question", "answer0", "answer1", "answer2", "answer3", "label")] + [
    (f"i{index}", text + "\nmore", "Why?", "a", 'b, "c"', text, "d", str(index % 4)) for index, text in enumerate(TEXTS)
]
NUMBERED = list(enumerate(TEXTS))

CASES = {
    "pairs": Case("xnli", csv_text(PAIRS, "\t"), every_line, kinds=TABBED),
    "blank pairs": Case("xnli", csv_text([pair[:2] for pair in PAIRS], "\t"), every_line, split="test", kinds=TABBED),
    "translated pairs": Case(
        "xnli_all",
        b"premise\thypo\tlabel\n" + "".join("\t".join(pair) + "\n" for pair in PAIRS).encode(),
        headed_or_not(b"premise\thypo\tlabel"),
        kinds=TABBED,
    ),
    "question pairs": Case(
        "qqp",
        "".join(f'{index % 2}\t"{text.replace(chr(34), chr(34) * 2)}"\t{text}\t{index}\n' for index, text in NUMBERED).encode(),
        every_line,
        kinds=TABBED,
    ),
    "tags": Case("panx", (TAGGED + "\n").encode(), sentences, kinds=TABBED, words=tagged_words),
    "blank tags": Case(
        "panx",
        "\n\n".join(text.replace(" ", "\n") for text in TEXTS).encode(),
        sentences,
        split="test",
        kinds=TABBED,
        words=tagged_words,
    ),
    "texts": Case(
        "xtreme_mlm", "\n\n".join(f"{text}\t{text[::-1]}\n{text}" for text in TEXTS).encode(), filled_lines, kinds=TABBED
    ),
    "hellaswag": Case(
        "hellaswag",
        jsonl(*({"ctx": f"Act: {text}", "endings": ["a", "b", text, "d"], "label": index % 4} for index, text in NUMBERED)),
        every_line,
        kinds=VALUES,
    ),
    "copa": Case(
        "xcopa",
        jsonl(
            *(
                {"premise": text, "choice1": "a", "choice2": text, "question": "cause", "label": index % 2}
                for index, text in NUMBERED
            )
        ),
        every_line,
        kinds=VALUES,
    ),
    "commonsenseqa": Case(
        "commonsenseqa",
        jsonl(
            *(
                {
                    "answerKey": "ABC"[index % 3],
                    "id": f"{index}",
                    "question": {"stem": text, "choices": [{"label": name, "text": name + text} for name in "ABC"]},
                }
                for index, text in NUMBERED
            )
        ),
        every_line,
        kinds=VALUES,
    ),
    "siqa": Case(
        "siqa",
        jsonl(
            *(
                {
                    "context": text,
                    "question": "Why?",
                    "answerA": "a",
                    "answerB": "b",
                    "answerC": "c",
                    "correct": "ABC"[index % 3],
                }
                for index, text in NUMBERED
            )
        ),
        every_line,
        kinds=VALUES,
    ),
    "cosmosqa": Case("cosmosqa", csv_text(COSMOS), quoted_records, name="file.csv", kinds=COMMAS),
    "anli": Case(
        "anli_r1",
        jsonl(*({"uid": "u", "context": text, "hypothesis": "H", "label": "enc"[index % 3]} for index, text in NUMBERED)),
        every_line,
        kinds=VALUES,
    ),
    "snli": Case(
        "snli",
        jsonl(*({"gold_label": (*NLI, "-")[index % 4], "sentence1": text, "sentence2": "H"} for index, text in NUMBERED)),
        decided,
        kinds=VALUES,
    ),
    "squad": Case("squad_v1", squad(), questions, kinds=VALUES),
    "squad train": Case("squad_v1", squad(), questions, split="train", kinds=VALUES),
    "squad v2": Case("squad_v2", squad(version=2), questions, kinds=VALUES),
    "own tsv": Case(
        "own",
        b"premise\thypothesis\tlabel\n" + "".join("\t".join(pair) + "\n" for pair in PAIRS).encode(),
        all_but_header,
        name="file.tsv",
        kinds=TABBED,
        row=OWN_TSV,
    ),
    "own csv": Case(
        "own",
        csv_text([("premise", "hypothesis", "label"), *PAIRS]),
        quoted_records,
        name="file.csv",
        kinds=COMMAS,
        row=OWN_CSV,
    ),
    "own jsonl": Case(
        "own",
        jsonl(*({"premise": one, "hypothesis": two, "label": label} for one, two, label in PAIRS)),
        every_line,
        name="file.jsonl",
        kinds=VALUES,
        row=OWN_JSONL,
    ),
    "own spans": Case(
        "own",
        jsonl(
            *(
                {
                    "id": f"{index}",
                    "question": "Q",
                    "context": text,
                    "title": "t",
                    "answers": {"text": [text[:2]], "answer_start": [0]},
                }
                for index, text in NUMBERED
            )
        ),
        every_line,
        name="file.jsonl",
        kinds=VALUES,
        row=OWN_SPANS,
    ),
    "own tags": Case(
        "own",
        jsonl(*({"words": text.split(), "tags": ["O"] * len(text.split())} for text in TEXTS)),
        every_line,
        name="file.jsonl",
        kinds=VALUES,
        row=OWN_TAGS,
    ),
}
