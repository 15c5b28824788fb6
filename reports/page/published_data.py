"""Numbers that others published for XLM-R Large, to stand beside a user's own; each says where it is from.

* *published*: read in a public codebase that states them (the README of google-research/multilingual-t5): XTREME's test sets,
  English intermediate-task training with the best intermediate task for each target. NER and QA are F1.
* *recalled*: dev results of arXiv 2005.13013 v2, not checked against the paper. QA is F1 / EM.
"""

from __future__ import annotations

from typing import NamedTuple

MODEL = "XLM-R Large"
README = "google-research/multilingual-t5, README: XTREME test, best intermediate task for each target"
PAPER = "arXiv 2005.13013 v2, dev, recalled and not checked against the paper"
PUBLISHED, RECALLED = "published", "recalled"


class Published(NamedTuple):
    """One number: `intermediate` is `none`, a task, or `best` (of all); `value` is a score, or a difference from `none`."""

    target: str
    intermediate: str
    value: str
    measure: str
    trust: str
    source: str


_TEST = {
    "xnli": ("79.2", "80.4", "accuracy"),
    "pawsx": ("86.4", "87.7", "accuracy"),
    "panx": ("65.4", "64.7", "F1"),
    "xquad": ("76.6", "77.2", "F1"),
    "mlqa": ("71.6", "72.3", "F1"),
    "tydiqa": ("65.1", "76.0", "F1"),
}
_DEV = {
    "xnli": ("80.1", "−1.2", "−4.4", "−1.6", "accuracy"),
    "pawsx": ("86.5", "+1.4", "−4.8", "+1.9", "accuracy"),
    "udpos": ("75.7", "−0.7", "−6.5", "−1.1", "F1"),
    "panx": ("62.8", "+0.5", "−45.4", "+0.8", "F1"),
    "xquad": ("76.1 / 60.0", "−0.3 / −0.3", "−3.8 / −4.4", "−0.5 / +0.6", "F1 / EM"),
    "mlqa": ("70.1 / 51.5", "+0.2 / +0.2", "−3.9 / −4.4", "−0.6 / +0.1", "F1 / EM"),
    "tydiqa": ("65.6 / 48.2", "−1.0 / −1.6", "−11.1 / −10.2", "+10.4 / +11.3", "F1 / EM"),
    "bucc2018": ("71.5", "+20.0", "+17.1", "+19.3", "F1"),
    "tatoeba": ("31.0", "+48.8", "+49.5", "+43.4", "accuracy"),
}
_COLUMNS = ("none", "mnli", "qqp", "squad_v2")


def published(target: str) -> list[Published]:
    """What is known of a target; nothing where it is none of the study's."""
    found = []
    if target in _TEST:
        plain, best, measure = _TEST[target]
        found += [Published(target, "none", plain, measure, PUBLISHED, README)]
        found += [Published(target, "best", best, measure, PUBLISHED, README)]
    if target in _DEV:
        *values, measure = _DEV[target]
        found += [
            Published(target, name, value, measure, RECALLED, PAPER) for name, value in zip(_COLUMNS, values, strict=True)
        ]
    return found
