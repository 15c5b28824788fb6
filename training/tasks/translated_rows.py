"""Training sets in other languages than English: machine translations, and running text for masked language modelling.

Dev sets stay English where the task has one, so that a choice made on them is zero-shot for every target.
"""

from __future__ import annotations

from dataclasses import replace

from training.tasks import languages
from training.tasks.intermediate_rows import SQUAD_V1
from training.tasks.nli_rows import MNLI, NLI_NAMES
from training.tasks.row import Encoding, HubSource, Kind, Split, TaskRow
from training.tasks.xtreme_rows import PAWSX

XNLI_ALL = replace(
    MNLI,
    name="xnli_all",
    files={"train": "XNLI-MT-1.0/multinli/multinli.train.{lang}.tsv", "dev": "xnli/dev-en.tsv"},
    languages=languages.XNLI,
    train_languages=languages.XNLI,
    hub=HubSource(
        repository="facebook/xnli",
        config="{lang}",
        splits={"train": "train", "dev": "validation"},
        columns={"first": "premise", "second": "hypothesis", "label": "label"},
        label_names=NLI_NAMES,
    ),
    licence="CC BY-NC 4.0",
    source="XNLI-MT 1.0: MultiNLI's train set and its machine translations",
    citation="Conneau et al. 2018, arXiv 1809.05053",
)

_SQUAD_LANGUAGES = tuple(language for language in languages.XQUAD if language != "en")
SQUAD_V1_TRANSLATED = replace(
    SQUAD_V1,
    name="squad_v1_translated",
    files={
        "train": "xtreme_translations/SQuAD/translate-train/squad.translate.train.en-{lang}.json",
        "dev": "squad/dev-v1.1.json",
    },
    languages=_SQUAD_LANGUAGES,
    train_languages=_SQUAD_LANGUAGES,
    hub=None,
    counts={"dev": 10_570},
    source="XTREME's translate-train data (storage bucket xtreme_translations)",
    citation="Hu et al. 2020, arXiv 2003.11080",
)

_PAWSX_LANGUAGES = tuple(language for language in languages.PAWSX if language != "en")
PAWSX_TRANSLATED = replace(
    PAWSX,
    name="pawsx_translated",
    files={"train": "x-final/{lang}/translated_train.tsv", "dev": "pawsx/dev-en.tsv"},
    languages=_PAWSX_LANGUAGES,
    train_languages=_PAWSX_LANGUAGES,
    target=False,
    hub=HubSource(
        repository="google-research-datasets/paws-x",
        config="{lang}",
        splits={"train": "train", "dev": "validation"},
        columns={"first": "sentence1", "second": "sentence2", "label": "label"},
    ),
    counts={"dev": 2_000},
    source="PAWS-X as first published (x-final): its machine-translated train sets",
)

XTREME_MLM = TaskRow(
    name="xtreme_mlm",
    kind=Kind.MLM,
    reader="text_lines",
    files={"train": "mlm/{lang}.txt", "dev": "mlm/dev-{lang}.txt"},
    languages=languages.XTREME,
    train_languages=languages.XTREME,
    metric="mlm_accuracy",
    head="mlm",
    scored_on=Split.DEV,
    intermediate=True,
    encoding=Encoding(max_length=256),
    licence="that of the text",
    source="one text a line, a file for each of XTREME's 40 languages, supplied by the user",
    citation="Conneau et al. 2020, arXiv 1911.02116 (the objective, and how languages are sampled)",
)

TRANSLATED_ROWS = (XNLI_ALL, SQUAD_V1_TRANSLATED, PAWSX_TRANSLATED, XTREME_MLM)
