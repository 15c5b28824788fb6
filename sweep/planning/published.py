"""Sizes of data that is not at hand: examples of a training set, and tokens of an example, each with what it rests on.

* Numbers of examples stand in the tasks' rows where their authors published them; here is what rows do not say.
* Lengths are in sub-word tokens of XLM-R's vocabulary, special tokens included. `measured` ones were taken on real text,
  `counted` ones are words and marks of a public English file x 1.17 sub-words (the ratio of the measured ones) plus special
  tokens, and `assumed` ones rest on published means or on nothing better than a likeness to another task.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from training.tasks.row import Kind


@dataclass(frozen=True)
class Length:
    """Mean tokens of a sequence, the sequences of an example (its endings; a query and its candidate), and what says so."""

    tokens: float
    sequences: int = 1
    basis: str = "counted"


_NLI = Length(44.8, basis="measured: MNLI train")
_SQUAD = Length(189.0, basis="measured: SQuAD v1.1 train")
_PANX = Length(12.8, basis="measured: PAN-X English train")
_UDPOS = Length(21.9, basis="measured: UD-POS English train")
_PAWS = Length(55.3, basis="counted: PAWS-X English dev")
_TATOEBA = Length(11.5, 2, "counted: English sides of Tatoeba")

LENGTHS: Mapping[str, Length] = {
    "mnli": _NLI,
    "xnli": _NLI,
    "xnli_all": Length(44.8 * 1.15, basis="assumed: MNLI, translations 15 % longer"),
    "snli": Length(30.2, basis="assumed: published means of 14.1 and 8.3 words"),
    "anli_r1": Length(96.8, basis="counted: its dev set"),
    "anli_r2": Length(95.5, basis="counted: its dev set"),
    "anli_r3": Length(94.8, basis="counted: its dev set"),
    "qqp": Length(33.5, basis="measured: QQP"),
    "pawsx": _PAWS,
    "pawsx_translated": Length(55.3 * 1.15, basis="assumed: PAWS-X, translations 15 % longer"),
    "squad_v1": _SQUAD,
    "xquad": _SQUAD,
    "xquad_xr": _SQUAD,
    "mlqa": _SQUAD,
    "squad_v1_translated": Length(189.0 * 1.15, basis="assumed: SQuAD, translations 15 % longer"),
    "squad_v2": Length(194.9, basis="counted: its dev set"),
    "tydiqa": Length(159.0, basis="counted: its English train set"),
    "hellaswag": Length(92.9, 4, "counted: its dev set"),
    "cosmosqa": Length(116.2, 4, "counted: its dev set"),
    "commonsenseqa": Length(23.8, 5, "counted: the train set of v1.0, five choices for its three"),
    "siqa": Length(35.5, 3, "counted: its dev set"),
    "xcopa": Length(26.9, 2, "counted: COPA's train set"),
    "ccg": Length(29.8, basis="assumed: 23.8 words a sentence of the Wall Street Journal"),
    "udpos": _UDPOS,
    "udpos_xr": _UDPOS,
    "panx": _PANX,
    "panx_xr": _PANX,
    "tatoeba": _TATOEBA,
    "tatoeba_xr": _TATOEBA,
    "bucc2018": Length(24.7, 2, "counted: English side of the zh-en dev set"),
    "lareqa": Length(100.0, basis="assumed: a sentence with its paragraph, the questions beside it"),
    "mewslix": Length(55.0, 2, "assumed: near its limit of 64 tokens"),
    "xtreme_mlm": Length(30.0, basis="assumed: a sentence a line"),
}
OF_KIND: Mapping[str, Length] = {
    Kind.CLASSIFICATION: Length(45.0, basis="assumed: as MNLI"),
    Kind.CHOICE: Length(60.0, 4, "assumed: four endings"),
    Kind.TAGGING: Length(22.0, basis="assumed: as UD-POS"),
    Kind.SPAN: Length(189.0, basis="assumed: as SQuAD"),
    Kind.RETRIEVAL: Length(25.0, 2, "assumed: sentences"),
    Kind.MLM: Length(30.0, basis="assumed: a sentence a line"),
}
"""For tasks without a length of their own."""

EXAMPLES: Mapping[str, tuple[int, str]] = {
    "qqp": (363_846, "GLUE's train set"),
    "ccg": (38_015, "sections 2 to 21 of CCGbank, as the study counts them"),
    "squad_v1_translated": (87_599, "as SQuAD v1.1, in every language"),
    "pawsx_translated": (49_401, "as PAWS-X English, in every language"),
    "xtreme_mlm": (25_000, "assumed: a million lines over forty languages"),
}
"""Training examples a language, of rows that do not say."""
UNKNOWN_EXAMPLES = 10_000
"""Assumed of a training set that nothing is known of."""

SCORED: Mapping[str, tuple[int, str]] = {
    "udpos": (1_900, "the mean of 29 languages' test sets"),
    "udpos_xr": (1_900, "as UD-POS"),
    "panx": (6_470, "the mean of 39 languages' dev sets"),
    "panx_xr": (6_470, "as PAN-X"),
    "mlqa": (650, "its dev sets have 504 to 1,148 questions"),
    "tatoeba": (1_000, "1,000 pairs in most languages"),
    "tatoeba_xr": (1_000, "1,000 pairs in most languages"),
    "bucc2018": (30_000, "its sample sets have 8,600 to 45,000 sentences a side"),
    "lareqa": (1_190, "its questions; the 13,014 candidates are not counted"),
    "mewslix": (90_000, "a million candidates over eleven languages"),
}
"""Scored examples a language, where rows do not say, or say of English what does not hold of the others."""
UNKNOWN_SCORED = 2_000
"""Assumed of a scored split that nothing is known of."""
