"""Records as a sweep leaves them, made from a few numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from training.identity import PhaseIdentity, Role, TaskUse
from training.record import RECORD_SCHEMA, CarryReport, PhaseTrace, RungScore, Selection, Status, TargetResult, TrialRecord
from training.tasks.registry import ROWS

LANGUAGES = ("ar", "de", "en", "sw")


def phase(role: Role, task: str, *, key: str = "", outcome: str = "trained", seed: int = 1, lr: float = 1e-5) -> PhaseTrace:
    languages = ROWS[task].train_languages if task in ROWS else ("en",)
    use = TaskUse(task=task, version=1, head="nli", data=f"data-of-{task}", max_length=128, stride=0, languages=languages)
    return PhaseTrace(
        key=key or f"{role}{task}{seed}".encode().hex()[:16].ljust(16, "0"),
        identity=PhaseIdentity(role=role, tasks=(use,), lr=lr, epochs=2, batch=32, seed=seed),
        outcome=outcome,
        seconds=12.5,
        steps=60,
        tokens=90_000,
        curve=tuple((step, 2.0 / (1 + step / 10)) for step in range(1, 61, 3)),
        carry=CarryReport(carried=52, dropped=("head.mlm.weight",), initialised=("head.nli.weight", "head.nli.bias")),
    )


def result(
    task: str, mean: float, *, languages: Sequence[str] = LANGUAGES, layer: int | None = None, synthetic: bool = False
) -> TargetResult:
    """A result whose official average is `mean`: English lies 9 above the others."""
    others = len(languages) - 1
    english = mean + 9 * others / len(languages)
    scores = {code: english if code == "en" else english - 9 for code in languages}
    return TargetResult(
        task=task,
        split="test",
        languages={code: {"score": score, "accuracy": score} for code, score in scores.items()},
        examples={code: 500 for code in languages},
        mean=mean,
        mean_non_english=english - 9 if others else None,
        synthetic=synthetic,
        layer=layer,
        pooling=None if layer is None else "mean",
    )


def record(
    intermediate: str,
    scores: Mapping[str, float],
    *,
    number: int = 0,
    seed: int = 1,
    selected: float | None = 70.0,
    model: str = "xlmr",
    status: Status = Status.FINISHED,
    retrieval: Sequence[str] = (),
    synthetic: bool = False,
    reason: str = "",
    phases: Sequence[PhaseTrace] | None = None,
    rungs: Sequence[tuple[int, float]] = (),
) -> TrialRecord:
    """A trial of `intermediate` on the targets in `scores` (target to official average), chosen by `selected`.

    `rungs` are (step of 80, score).
    """
    targets = tuple(scores)
    study = f"{model}-{intermediate}-{'+'.join(targets)}"
    finished = status is Status.FINISHED
    if phases is None:
        chain = [(Role.INTERMEDIATE, intermediate)] if intermediate != "none" else []
        chain += [(Role.TARGET, targets[0])] if targets[0] not in retrieval else []
        phases = [phase(role, task, seed=seed, lr=1e-5 * (number + 1)) for role, task in chain]
    return TrialRecord(
        schema=RECORD_SCHEMA,
        trial=f"{study}-{number}-s{seed}",
        chain=f"{number:08x}{seed:08x}",
        grid="all",
        model=model,
        intermediate=intermediate,
        targets=targets,
        study=study,
        number=number,
        seed=seed,
        status=status,
        hyperparameters={} if selected is None else {"intermediate.lr": 1e-5 * (number + 1), "target.epochs": 2},
        phases=tuple(phases),
        selection=None
        if selected is None or status is Status.FAILED
        else Selection(task=targets[0], split="dev", language="en", metric="accuracy", score=selected),
        results=tuple(
            result(task, mean, layer=14 if task in retrieval else None, synthetic=synthetic) for task, mean in scores.items()
        )
        if finished
        else (),
        rungs=tuple(RungScore(rung=place, step=step, steps=80, score=score) for place, (step, score) in enumerate(rungs)),
        reason=reason,
        started="2026-03-01T12:00:00+00:00",
        timing={"seconds": 33.5, "phases": 25.0},
        provenance={
            "code": "0123456789ab",
            "package.torch": "2.13.0",
            **{f"data.{task}/scored": f"scored-{task}" for task in ("xnli", "panx", "tatoeba")},
        },
    )
