"""What the quality checks find in the public data sets and is accepted, with the reason.

An entry holds for exact counts, by language: data with another count is not the data that was looked at, and its finding is
shown as new. An entry that is not found any more in the data it was written for fails the tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from training.data.manifest import Finding


@dataclass(frozen=True, kw_only=True)
class KnownIssue:
    """What a check finds in one split of some tasks: counts by language, and why that is accepted.

    `case` tells findings of one check apart ("also in dev" of a leakage); it is empty where there is one.
    """

    tasks: tuple[str, ...]
    check: str
    split: str
    counts: Mapping[str, int]
    reason: str
    case: str = ""

    def covers(self, task: str, finding: Finding) -> bool:
        """Whether a finding is this issue."""
        return (
            task in self.tasks
            and (finding.check, finding.split) == (self.check, self.split)
            and self.counts.get(finding.language) == finding.count
            and self.case in ("", finding.case)
        )


def reason_of(task: str, finding: Finding) -> str:
    """Why a finding is accepted; empty when it is on no list."""
    return next((issue.reason for issue in KNOWN_ISSUES if issue.covers(task, finding)), "")


def _issue(tasks: str, check: str, split: str, counts: str, reason: str, case: str = "") -> KnownIssue:
    words = counts.split()
    pairs = {language: int(count) for language, count in zip(words[::2], words[1::2], strict=True)}
    return KnownIssue(tasks=tuple(tasks.split()), check=check, split=split, counts=pairs, reason=reason, case=case)


KNOWN_ISSUES: tuple[KnownIssue, ...] = (
    _issue(
        "anli_r3",
        "impossible_count",
        "dev",
        "en 2",
        "the public copy that was looked at has 1,198 of round 3's 1,200 pairs",
    ),
    _issue(
        "bucc2018",
        "duplicates",
        "dev",
        "zh 23",
        "its texts hold some sentences more than once",
    ),
    _issue(
        "commonsenseqa",
        "impossible_count",
        "dev",
        "en 271",
        "the public copy that was looked at is version 1.0, with three choices",
    ),
    _issue(
        "commonsenseqa",
        "impossible_count",
        "train",
        "en 2131",
        "the public copy that was looked at is version 1.0, with three choices",
    ),
    _issue(
        "panx panx_xr",
        "conflicting_labels",
        "dev",
        "ar 1 de 10 el 3 et 1 he 4 hu 3 it 3 ja 1 ko 1 pt 1 ru 2 tr 2 vi 1 zh 1",
        "WikiAnn's tags are made from links, which the same words do not always carry",
    ),
    _issue(
        "qqp",
        "by_convention",
        "dev",
        "en 83",
        "in the public copy that was looked at some characters beyond ASCII have lost their last byte",
    ),
    _issue(
        "qqp",
        "by_convention",
        "test",
        "en 72",
        "in the public copy that was looked at some characters beyond ASCII have lost their last byte",
    ),
    _issue(
        "panx",
        "conflicting_labels",
        "train",
        "en 3",
        "WikiAnn's tags are made from links, which the same words do not always carry",
    ),
    _issue(
        "panx panx_xr",
        "duplicates",
        "dev",
        "af 45 ar 681 bg 1411 bn 239 de 624 el 1698 en 110 es 788 et 751 eu 1918 fa 1477 fi 368 fr 700 he 462 hi "
        "71 hu 884 id 2489 it 601 ja 360 jv 2 ka 845 kk 90 ko 377 ml 17 mr 95 ms 239 nl 1002 pt 656 ru 453 sw 74 "
        "ta 35 te 61 tl 183 tr 503 ur 56 vi 1438 yo 7 zh 595",
        "WikiAnn's sentences come from Wikipedia, where redirects, captions and stubs repeat",
    ),
    _issue(
        "panx panx_xr",
        "duplicates",
        "test",
        "af 41 ar 706 bg 1492 bn 226 de 582 el 1707 en 113 es 808 et 743 eu 2014 fa 1585 fi 384 fr 644 he 530 hi "
        "74 hu 845 id 2585 it 597 ja 358 jv 4 ka 877 kk 101 ko 388 ml 29 mr 90 ms 226 my 1 nl 942 pt 701 ru 405 "
        "sw 69 ta 32 te 68 th 770 tl 180 tr 541 ur 48 vi 1352 yo 8 zh 598",
        "WikiAnn's sentences come from Wikipedia, where redirects, captions and stubs repeat",
    ),
    _issue(
        "panx",
        "duplicates",
        "train",
        "en 369",
        "WikiAnn's sentences come from Wikipedia, where redirects, captions and stubs repeat",
    ),
    _issue(
        "panx",
        "leakage",
        "dev",
        "en 325",
        "WikiAnn's repeated sentences were not kept in one split",
        case="also in train",
    ),
    _issue(
        "panx panx_xr",
        "leakage",
        "test",
        "af 59 ar 1277 bg 2040 bn 372 de 863 el 2146 en 198 es 1162 et 1178 eu 2556 fa 2065 fi 619 fr 956 he 855 "
        "hi 132 hu 1223 id 3109 it 854 ja 547 jv 5 ka 1298 kk 160 ko 627 ml 61 mr 132 ms 325 my 2 nl 1278 pt 1134 "
        "ru 630 sw 140 ta 50 te 95 tl 297 tr 847 ur 86 vi 2110 yo 13 zh 895",
        "WikiAnn's repeated sentences were not kept in one split",
        case="also in dev",
    ),
    _issue(
        "panx",
        "leakage",
        "test",
        "en 284",
        "WikiAnn's repeated sentences were not kept in one split",
        case="also in train",
    ),
    _issue(
        "panx_xr",
        "conflicting_labels",
        "dev",
        "lt 1 pl 4 ro 1",
        "WikiAnn's tags are made from links, which the same words do not always carry",
    ),
    _issue(
        "panx_xr",
        "duplicates",
        "dev",
        "az 52 gu 2 lt 1086 pa 2 pl 322 qu 4 ro 1673 uk 1484",
        "WikiAnn's sentences come from Wikipedia, where redirects, captions and stubs repeat",
    ),
    _issue(
        "panx_xr",
        "duplicates",
        "test",
        "az 45 lt 1158 pa 3 pl 320 qu 5 ro 1783 uk 1468",
        "WikiAnn's sentences come from Wikipedia, where redirects, captions and stubs repeat",
    ),
    _issue(
        "panx_xr",
        "leakage",
        "test",
        "az 75 gu 1 lt 1653 pa 4 pl 557 qu 4 ro 2383 uk 1882",
        "WikiAnn's repeated sentences were not kept in one split",
        case="also in dev",
    ),
    _issue(
        "panx_xr",
        "leakage_from_training_task",
        "dev",
        "en 325",
        "WikiAnn's repeated sentences were not kept in one split",
        case="also in train of panx",
    ),
    _issue(
        "panx_xr",
        "leakage_from_training_task",
        "test",
        "en 284",
        "WikiAnn's repeated sentences were not kept in one split",
        case="also in train of panx",
    ),
    _issue(
        "panx_xr",
        "leakage_from_training_task",
        "test",
        "en 198",
        "WikiAnn's repeated sentences were not kept in one split",
        case="also in dev of panx",
    ),
    _issue(
        "pawsx",
        "duplicates",
        "dev",
        "de 17 en 2 fr 7 ja 3 ko 7 zh 7",
        "pairs that differ in English and were translated to the same words, or stand twice",
    ),
    _issue(
        "pawsx",
        "duplicates",
        "test",
        "de 8 es 4 ja 1 ko 1 zh 6",
        "pairs that differ in English and were translated to the same words, or stand twice",
    ),
    _issue(
        "pawsx",
        "leakage",
        "test",
        "de 11 es 4 fr 5 ja 1 zh 17",
        "pairs that differ in English and were translated to the same words",
        case="also in dev",
    ),
    _issue(
        "pawsx_translated",
        "duplicates",
        "dev",
        "en 2",
        "two pairs stand twice in PAWS-X's English dev set",
    ),
    _issue(
        "siqa",
        "conflicting_labels",
        "dev",
        "en 5",
        "some of its repeated questions are labelled differently, as published",
    ),
    _issue(
        "siqa",
        "duplicates",
        "dev",
        "en 24",
        "contexts and questions stand more than once with the same answers, as published",
    ),
    _issue(
        "siqa",
        "duplicates",
        "test",
        "en 21",
        "contexts and questions stand more than once with the same answers, as published",
    ),
    _issue(
        "squad_v1 squad_v1_translated",
        "duplicates",
        "dev",
        "en 39",
        "a few questions are asked twice of one paragraph, as published",
    ),
    _issue(
        "squad_v2",
        "duplicates",
        "dev",
        "en 14",
        "a few questions are asked twice of one paragraph, as published",
    ),
    _issue(
        "tatoeba tatoeba_xr",
        "gold_in_test",
        "test",
        "de 1000 fr 1000 sw 390 th 548",
        "gold for four languages lies beside the files",
    ),
    _issue(
        "tydiqa",
        "duplicates",
        "test",
        "fi 2 sw 1",
        "a question is asked twice of one passage, as published",
    ),
    _issue(
        "tydiqa",
        "duplicates",
        "train",
        "en 1",
        "a question is asked twice of one passage, as published",
    ),
    _issue(
        "udpos udpos_xr",
        "conflicting_labels",
        "dev",
        "en 3 fi 72 fr 1 it 18",
        "sentences that repeat, within a treebank or between two of a language, are tagged differently",
    ),
    _issue(
        "udpos",
        "conflicting_labels",
        "train",
        "en 16",
        "sentences that repeat, within a treebank or between two of a language, are tagged differently",
    ),
    _issue(
        "udpos udpos_xr",
        "duplicates",
        "dev",
        "el 1 en 100 es 2 et 13 eu 1 fa 9 fi 146 fr 31 it 197 ko 2 nl 10 pt 3 te 1 tr 4 ur 7 vi 6",
        "the treebanks hold these sentences more than once",
    ),
    _issue(
        "udpos udpos_xr",
        "duplicates",
        "test",
        "el 3 en 132 es 9 et 31 eu 2 fa 2 fi 199 fr 40 it 122 ja 6 ko 29 nl 27 pt 1 tr 37 ur 8 vi 3 zh 35",
        "the treebanks hold these sentences more than once",
    ),
    _issue(
        "udpos",
        "duplicates",
        "train",
        "en 901",
        "the treebanks hold these sentences more than once",
    ),
    _issue(
        "udpos",
        "leakage",
        "dev",
        "en 96",
        "sentences that a treebank holds more than once stand in several of its splits",
        case="also in train",
    ),
    _issue(
        "udpos udpos_xr",
        "leakage",
        "test",
        "el 3 en 83 es 1 et 7 fa 5 fi 60 fr 24 hu 1 id 1 it 1 ko 28 nl 35 pt 3 tr 4 vi 2",
        "sentences that a treebank holds more than once stand in several of its splits",
        case="also in dev",
    ),
    _issue(
        "udpos",
        "leakage",
        "test",
        "en 124",
        "sentences that a treebank holds more than once stand in several of its splits",
        case="also in train",
    ),
    _issue(
        "udpos_xr",
        "leakage_from_training_task",
        "dev",
        "en 96",
        "sentences that a treebank holds more than once stand in several of its splits",
        case="also in train of udpos",
    ),
    _issue(
        "udpos_xr",
        "leakage_from_training_task",
        "test",
        "en 124",
        "sentences that a treebank holds more than once stand in several of its splits",
        case="also in train of udpos",
    ),
    _issue(
        "udpos_xr",
        "leakage_from_training_task",
        "test",
        "en 83",
        "sentences that a treebank holds more than once stand in several of its splits",
        case="also in dev of udpos",
    ),
    _issue(
        "xcopa",
        "gold_in_test",
        "test",
        "et 500 ht 500 id 500 it 500 qu 500 sw 500 ta 500 th 500 tr 500 vi 500 zh 500",
        "these are the files of the data set's authors, which carry gold",
    ),
    _issue(
        "xnli",
        "conflicting_labels",
        "dev",
        "zh 1",
        "two pairs of different labels that were translated to the same words",
    ),
    _issue(
        "xnli",
        "duplicates",
        "dev",
        "zh 1",
        "pairs that were translated to the same words, or stand twice in XNLI",
    ),
    _issue(
        "xnli",
        "duplicates",
        "test",
        "ar 2 bg 1 de 1 en 1 hi 1 tr 3 ur 1 zh 1",
        "pairs that were translated to the same words, or stand twice in XNLI",
    ),
    _issue(
        "xquad xquad_xr lareqa",
        "duplicates",
        "test",
        "ar 4 de 9 el 6 en 5 es 6 hi 7 ru 5 th 10 tr 6 vi 9 zh 9",
        "questions asked twice of one paragraph, or translated to the same words",
    ),
    _issue(
        "xquad xquad_xr lareqa",
        "gold_in_test",
        "test",
        "ar 1190 de 1190 el 1190 en 1190 es 1190 hi 1190 ru 1190 th 1190 tr 1190 vi 1190 zh 1190",
        "published with its gold: only the study's own rules keep it out of training and choosing",
    ),
    _issue(
        "xquad xquad_xr lareqa",
        "leakage_from_training_task",
        "test",
        "en 1190",
        "its paragraphs and questions are SQuAD v1.1 dev: never train on that file, and know that it chooses with them",
        case="also in dev of squad_v1",
    ),
    _issue(
        "xquad_xr",
        "duplicates",
        "test",
        "ro 6",
        "questions asked twice of one paragraph, or translated to the same words",
    ),
    _issue(
        "xquad_xr",
        "gold_in_test",
        "test",
        "ro 1190",
        "published with its gold: only the study's own rules keep it out of training and choosing",
    ),
)
