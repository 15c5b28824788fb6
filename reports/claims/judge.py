"""Claims judged on the user's own records.

A question holds where at least u of its n contrasts do. Each contrast has an interval, and intervals are widened for the number
of chances to be wrong (partial conjunctions: Benjamini and Heller 2008, doi:10.1111/j.1541-0420.2007.00984.x): "at least u
hold" is read from intervals of 1 - 0.05 / (n - u + 1), "fewer than u hold" from intervals of 1 - 0.05 / u. So where all have to
hold, support takes plain 95 % intervals of every one, and a contradiction by one of n an interval of 1 - 0.05 / n. A question
that is one of several of its claim can contradict it alone, and is widened for that too.

* a gain: the interval lies above `floor`, and the difference is `least` or more;
* no gain: the interval lies below `least` (equivalence, not an absence of significance);
* neither: not decidable, as is all that has one seed, a cell missing, or other languages or another split than its baseline.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from reports.claims.best import best_of_each
from reports.claims.contrasts import Desk, caveats
from reports.claims.setup import is_large, judge_setup
from reports.claims.study import CLAIMS, Claim, Contrast, Question
from reports.claims.verdicts import Answer, Found, Ruling, Verdict, all_of, together
from reports.frame import TransferTable
from reports.statistics.compare import LEVEL, Comparison, Covers
from reports.statistics.transfer import Arms
from training.record import TrialRecord

ALPHA = 1.0 - LEVEL


def judge(
    tables: Sequence[TransferTable],
    arms: Arms,
    records: Sequence[TrialRecord],
    sources: Mapping[str, str] | None = None,
) -> list[Verdict]:
    """Every claim on every model, in order; `sources` is what each model was made from, where that is known."""
    verdicts = []
    for table in tables:
        desk = Desk(table, arms, records)
        source = (sources or {}).get(table.model, "")
        verdicts += [_judge(claim, desk, records, source) for claim in CLAIMS]
    return verdicts


def _judge(claim: Claim, desk: Desk, records: Sequence[TrialRecord], source: str) -> Verdict:
    if claim.kind == "set-up":
        return judge_setup(claim, desk.table, records, source)
    if claim.kind == "best":
        found, used = best_of_each(desk, records)
        questions = [found]
    else:
        questions = [_ask(question, desk, len(claim.questions)) for question in claim.questions]
        used = [cell for question in claim.questions for one in _there(question, desk) for cell in desk.cells(one)]
    return Verdict(
        number=claim.number,
        model=desk.table.model,
        says=claim.says,
        ruling=all_of(found.ruling for found in questions),
        found=tuple(questions),
        lack=together(answer.lack for found in questions for answer in found.answers),
        notes=tuple(
            note for note in (claim.note, _other_model(source), *caveats(used), *_limits(claim, desk, questions)) if note
        ),
        synthetic=desk.table.synthetic,
    )


def _limits(claim: Claim, desk: Desk, questions: Sequence[Found]) -> Iterator[str]:
    """What intervals leave out, and rows that were passed over."""
    covers = {answer.covers for found in questions for answer in found.answers}
    if Covers.SEEDS in covers:
        yield "intervals are about the seeds alone where no evidence of the test items was kept, or not of the same ones"
    sides = (tasks for question in claim.questions for one in question.contrasts for tasks in (one.mine, one.other))
    for tasks in dict.fromkeys(sides):
        if desk.twins(tasks):
            yield f"{', '.join(desk.twins(tasks))} trains on the same tasks as {desk.row(tasks)}, which is judged"


def _other_model(source: str) -> str:
    return f"the study's model is XLM-R Large, this one was made from {source}" if source and not is_large(source) else ""


def _there(question: Question, desk: Desk) -> tuple[Contrast, ...]:
    """The contrasts to judge: all, or of those that a grid may leave out the ones it has (else the nearest to one)."""
    if not question.those_there:
        return question.contrasts
    there = [one for one in question.contrasts if desk.row(one.mine) is not None and desk.row(one.other) is not None]
    half = [one for one in question.contrasts if desk.row(one.mine) is not None]
    return tuple(there) or tuple(half[:1]) or question.contrasts[:1]


def _ask(question: Question, desk: Desk, questions: int) -> Found:
    contrasts = _there(question, desk)
    needed = len(contrasts) if question.those_there else question.needed
    for_it = ALPHA / (len(contrasts) - needed + 1)
    against_it = ALPHA / needed / questions
    answers = [_answer(question, contrast, desk, for_it, against_it) for contrast in contrasts]
    return Found(asks=question.asks, ruling=_count(answers, needed), needed=needed, answers=tuple(answers))


def _count(answers: Sequence[Answer], needed: int) -> Ruling:
    hold, fail = (sum(one.ruling is what for one in answers) for what in (Ruling.SUPPORTED, Ruling.CONTRADICTED))
    if hold >= needed:
        return Ruling.SUPPORTED
    return Ruling.CONTRADICTED if fail > len(answers) - needed else Ruling.UNDECIDED


def _answer(question: Question, contrast: Contrast, desk: Desk, for_it: float, against_it: float) -> Answer:
    """One contrast; `for_it` and `against_it` are what the two rulings may be wrong by."""
    compares = f"{desk.shown(contrast.mine)} - {desk.shown(contrast.other)}, {_over(contrast)}"
    shown, lack = desk.measure(contrast, LEVEL)
    said = Answer(compares=compares, ruling=Ruling.UNDECIDED, published=contrast.published, lack=lack)
    if shown is None or shown.found is None:
        return said
    ruling = Ruling.UNDECIDED if lack else _rule(question, contrast, desk, for_it, against_it)
    return _with_interval(said, shown.found, ruling)


def _with_interval(said: Answer, found: Comparison, ruling: Ruling) -> Answer:
    """An answer with its numbers."""
    return Answer(
        compares=said.compares,
        ruling=ruling,
        delta=found.delta,
        low=found.low,
        high=found.high,
        seeds=found.seeds,
        covers=str(found.covers),
        published=said.published,
        lack=said.lack,
    )


def _rule(question: Question, contrast: Contrast, desk: Desk, for_it: float, against_it: float) -> Ruling:
    of_gain, of_none = (for_it, against_it) if question.gain else (against_it, for_it)
    some, none = (desk.measure(contrast, 1.0 - risk)[0] for risk in (of_gain, of_none))
    if some is None or none is None or some.found is None or none.found is None:
        return Ruling.UNDECIDED
    gains = some.found.low > question.floor and some.found.delta >= question.least
    if not gains and none.found.high >= question.least:
        return Ruling.UNDECIDED
    return Ruling.SUPPORTED if gains == question.gain else Ruling.CONTRADICTED


def _over(contrast: Contrast) -> str:
    return contrast.targets[0] if len(contrast.targets) == 1 else f"mean of {len(contrast.targets)} targets"
