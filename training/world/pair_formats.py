"""Sentence pairs and tagged words of the further tasks in their native formats: ANLI, SNLI, QQP, PAWS-X, MultiNLI, CCGbank."""

from __future__ import annotations

from collections.abc import Sequence

from training.world.dice import Dice
from training.world.formats import as_json, lines
from training.world.inference import Inference
from training.world.meaning import Event
from training.world.paraphrase import Pair
from training.world.reading import told
from training.world.render import Speaker, capitalised
from training.world.supertags import categories

_TRANSLATED_LABELS = {"contradiction": "contradictory"}
_TRIES = 500


def anli(items: Sequence[tuple[tuple[Event, ...], Inference]], speaker: Speaker, code: str, dice: Dice, split: str) -> str:
    """One JSON object a line, as in ANLI: a context of some sentences, a hypothesis about one, the label's first letter."""
    rows = []
    for number, (events, item) in enumerate(items):
        context, _ = told(events, speaker, code, dice)
        hypothesis = speaker.text(item.hypothesis, code, dice)
        row = {"uid": f"{split}-{number}", "context": context, "hypothesis": hypothesis, "label": item.label[0], "reason": ""}
        rows.append(as_json(row))
    return lines(rows)


def snli(items: Sequence[Inference], speaker: Speaker, code: str, dice: Dice, split: str) -> str:
    """One JSON object a line, as in SNLI 1.0, without the parses."""
    rows = []
    for number, item in enumerate(items):
        first, second = speaker.text(item.premise, code, dice), speaker.text(item.hypothesis, code, dice)
        row: dict[str, object] = {"annotator_labels": [item.label], "captionID": f"{split}-{number}"}
        row |= {"gold_label": item.label, "pairID": f"{split}-{number}{item.label[0]}", "sentence1": first, "sentence2": second}
        rows.append(as_json(row))
    return lines(rows)


def translated_nli(items: Sequence[Inference], speaker: Speaker, code: str, dice: Dice) -> str:
    """A header, then premise TAB hypothesis TAB label, as in XNLI's machine translations of MultiNLI."""
    rows = ["premise\thypo\tlabel"]
    for item in items:
        label = _TRANSLATED_LABELS.get(item.label, item.label)
        rows.append(f"{speaker.text(item.premise, code, dice)}\t{speaker.text(item.hypothesis, code, dice)}\t{label}")
    return lines(rows)


def pawsx(items: Sequence[Pair], speaker: Speaker, code: str, dice: Dice, split: str) -> str:
    """First TAB second TAB 1 for a paraphrase, 0 for a near-copy; CRLF."""
    return lines(("\t".join((*_both(item, speaker, code, dice), str(int(item.same)))) for item in items), "\r\n")


def translated_pawsx(items: Sequence[Pair], speaker: Speaker, code: str, dice: Dice) -> str:
    """A header, then id, two sentences and 1 or 0, as in the machine-translated train sets of PAWS-X."""
    rows = ["id\tsentence1\tsentence2\tlabel"]
    for number, item in enumerate(items, 1):
        first, second = _both(item, speaker, code, dice)
        rows.append(f"{number}\t{first}\t{second}\t{int(item.same)}")
    return lines(rows)


def qqp(items: Sequence[Pair], speaker: Speaker, code: str, dice: Dice, split: str) -> str:
    """A header, then id, two question ids, two questions and 1 for duplicates, as in GLUE's QQP."""
    rows = ["id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate"]
    for number, item in enumerate(items):
        first, second = _both(item, speaker, code, dice)
        rows.append(f"{number}\t{2 * number + 1}\t{2 * number + 2}\t{first}\t{second}\t{int(item.same)}")
    return lines(rows)


def supertagged(events: Sequence[Event], speaker: Speaker, code: str, dice: Dice, split: str) -> str:
    """Word TAB category, an empty line after each sentence."""
    rows: list[str] = []
    for event in events:
        words = speaker.sentence(event, code, dice)
        forms = [capitalised(words[0].form), *(word.form for word in words[1:])]
        rows += [f"{form}\t{category}" for form, category in zip(forms, categories(words), strict=True)] + [""]
    return lines(rows)


def _both(item: Pair, speaker: Speaker, code: str, dice: Dice) -> tuple[str, str]:
    """Both texts; the second is put in another order where the language has one and the words are the same."""
    first = speaker.text(item.first, code, dice, asked=item.asked[0])
    for _ in range(_TRIES):
        second = speaker.text(item.second, code, dice, asked=item.asked[1])
        if second != first:
            break
    return first, second
