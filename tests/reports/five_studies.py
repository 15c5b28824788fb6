"""Made-up sweeps of the five studies, whose truth is known: what each point is worth, and chance in seeds and items."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from reports.cells import BASELINE, Cell
from reports.frame import TransferTable, transfer_tables
from reports.statistics.arms import Arm
from reports.statistics.transfer import Arms
from reports.studies.design import Design, IntermediateFacts, ModelFacts
from tests.reports.builders import record, result
from training.record import TrialRecord

NO_FOLDER = Path("/nowhere")
TARGETS = ("xnli", "panx", "tatoeba")
LANGUAGES = ("ar", "de", "en", "ht", "sw", "tr")
"""Two of each resource band (de and ar high, tr middle, sw and ht low), and English."""
Worth = Callable[[str, str, str], float]
"""(model, setting, language) to points over no intermediate task, on every target."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """A study: its design, and what each setting is worth."""

    design: Design
    worth: Worth
    targets: tuple[str, ...] = TARGETS
    languages: tuple[str, ...] = LANGUAGES
    seeds: tuple[int, ...] = (1, 2, 3)
    dev: Mapping[str, float] = field(default_factory=dict)
    """English dev score by setting, 70 where it says nothing."""
    expected: Worth | None = None
    """What settings are worth on average over random orders of tasks, where they are drawn."""

    @property
    def points(self) -> list[tuple[str, str]]:
        """Every model with every setting, the baseline first."""
        names = [BASELINE, *self.design.intermediates]
        return [(model, name) for model in self.design.models for name in names]


def records_of(made: Made, *, noise: float = 0.3, draw: int = 1) -> list[TrialRecord]:
    """A trial a point, target and seed; a seed shifts all languages of a trial by `noise` points."""
    rng = np.random.default_rng(draw)
    found = []
    for model, name in made.points:
        for target in made.targets:
            for seed in made.seeds:
                shift = float(rng.normal(0, noise))
                scores = {code: 60.0 + made.worth(model, name, code) + shift for code in made.languages}
                found.append(_record(made, model, name, target, seed, scores))
    return found


def _record(made: Made, model: str, name: str, target: str, seed: int, scores: Mapping[str, float]) -> TrialRecord:
    retrieval = [target] if target == "tatoeba" else []
    selected = made.dev.get(name, 70.0)
    plain = record(name, {target: 0.0}, model=model, seed=seed, selected=selected, retrieval=retrieval, synthetic=True)
    others = [score for code, score in scores.items() if code != "en"]
    shown = replace(
        result(target, 0.0, languages=list(scores), layer=14 if retrieval else None, synthetic=True),
        languages={code: {"score": score, "accuracy": score} for code, score in scores.items()},
        mean=float(np.mean(list(scores.values()))),
        mean_non_english=float(np.mean(others)) if others else None,
    )
    return replace(plain, results=(shown,))


class Drawn(Arms):
    """Arms with the chance of seeds and items, drawn instead of read: accuracies of items that differ in difficulty.

    `shift` is the standard deviation of what a seed does to a point, in points: half of its variance on all targets alike, half
    on each alone. `items` are a target's, the same in every language; they differ by `noise` from seed to seed, and by two
    thirds of it from point to point.
    """

    def __init__(
        self,
        made: Made,
        records: Sequence[TrialRecord],
        rng: np.random.Generator,
        *,
        shift: float,
        items: int,
        noise: float = 8.0,
    ) -> None:
        super().__init__(records, NO_FOLDER, lambda line: None)
        self._made, self._rng, self._shift, self._items, self._noise = made, rng, shift, items, noise
        self._drawn: dict[tuple[str, str], dict[str, np.ndarray]] = {}
        self._shared: dict[tuple[str, str], np.ndarray] = {}
        self._difficulty = {target: rng.uniform(0.1, 0.9, items) for target in made.targets}

    def of(self, cell: Cell) -> Arm:
        """The arm of a cell, over all languages."""
        return self.part(cell, made_languages(cell))

    def part(self, cell: Cell, languages: Sequence[str]) -> Arm:
        """The arm of a cell over some languages."""
        drawn = self._of_cell(cell)
        values = np.mean([drawn[code] for code in languages], axis=0)
        scores = values.mean(1)
        return Arm(cell.seeds, scores, (values - scores[:, None]) / values.shape[1], (cell.target, *sorted(languages)))

    def _of_cell(self, cell: Cell) -> dict[str, np.ndarray]:
        key = (cell.target, cell.trials[0])
        if key not in self._drawn:
            model, name = self._known[cell.trials[0]].model, cell.intermediate
            if (model, name) not in self._shared:
                self._shared[model, name] = self._rng.normal(0, self._shift / np.sqrt(2), len(cell.seeds))
            shift = self._shared[model, name] + self._rng.normal(0, self._shift / np.sqrt(2), len(cell.seeds))
            suits = self._rng.normal(0, 2 * self._noise / 3, self._items)
            self._drawn[key] = {
                code: self._hits(cell.target, self._made.worth(model, name, code) + shift, suits)
                for code in self._made.languages
            }
        return self._drawn[key]

    def _hits(self, target: str, points: np.ndarray, suits: np.ndarray) -> np.ndarray:
        """What each item gives at each seed, in points: [seeds, items]; its mean is 50 and `points`."""
        noise = self._rng.normal(0, self._noise, (len(points), self._items))
        return np.asarray(100.0 * self._difficulty[target] + points[:, None] + suits + noise)


def made_languages(cell: Cell) -> list[str]:
    """The languages of a cell."""
    return sorted(cell.languages)


def tables_of(records: Sequence[TrialRecord]) -> list[TransferTable]:
    """The tables of a study."""
    return transfer_tables(records)


def dataset_size(multilingual: float = 1.5, english: float = 0.5, *, exponent: float = 0.0, sizes: Sequence[int] = ()) -> Made:
    """Two tasks at four sizes; gains by tenfold of examples, or by a power law that ends at so many points."""
    sizes = sizes or (1_000, 4_000, 16_000, 64_000)
    slopes = {"xlmr": multilingual, "roberta": english}

    def worth(model: str, name: str, code: str) -> float:
        if name == BASELINE:
            return 0.0
        size = int(name.rpartition("_")[2])
        if exponent:
            return slopes[model] * (1 - (size / sizes[0]) ** -exponent)
        return 0.5 + slopes[model] * np.log10(size / sizes[0])

    tasks = {"mnli": "classification", "squad": "span_extraction"}
    settings = {
        f"{task}_{size}": IntermediateFacts(
            name=f"{task}_{size}", tasks=(task,), kinds=(kind,), examples=size, budget=size, series=task
        )
        for task, kind in tasks.items()
        for size in sizes
    }
    models = {
        "xlmr": ModelFacts(name="xlmr", parameters=278_000_000),
        "roberta": ModelFacts(name="roberta", parameters=125_000_000, pretraining="english"),
    }
    return Made(design=Design(study="dataset_size", models=models, intermediates=settings), worth=worth)


def multilingual_xnli(every: float = 2.0, few: float = 0.8, *, low: float = 3.0) -> Made:
    """English, all languages and the high-resource ones, with equally many examples and in full; gains on high and on low."""
    arms = {"en": ("en",), "all": ("ar", "de", "en", "sw", "tr"), "high": ("ar", "de", "en")}
    settings = {
        f"{arm}_{size}": IntermediateFacts(
            name=f"{arm}_{size}",
            tasks=("xnli_all",),
            kinds=("classification",),
            languages=languages,
            examples=size if size != "full" else 100_000 * len(languages),
            budget=size if size != "full" else 0,
        )
        for arm, languages in arms.items()
        for size in (50_000, "full")
    }
    gains = {"all": every, "high": few, "en": 0.0}

    def worth(model: str, name: str, code: str) -> float:
        if name == BASELINE:
            return 0.0
        arm = name.partition("_")[0]
        return 1.0 + (gains[arm] if code in ("ar", "de") else low * (arm == "all"))

    models = {"xlmr": ModelFacts(name="xlmr", parameters=278_000_000)}
    return Made(design=Design(study="multilingual_xnli", models=models, intermediates=settings), worth=worth)


def model_scale(slope: float = 1.2, gap: float = 2.0) -> Made:
    """Four sizes, two settings of each sort; the gap is `gap` at the middle and grows by `slope` a tenfold."""
    sizes = {"base": 278e6, "large": 560e6, "xl": 3.5e9, "xxl": 10.7e9}
    middle = float(np.mean(np.log10(list(sizes.values()))))
    kinds = {"ccg": "tagging", "udpos": "tagging", "mnli": "classification", "squad": "span_extraction"}

    def worth(model: str, name: str, code: str) -> float:
        if name == BASELINE or kinds[name] == "tagging":
            return 0.0
        return gap + slope * (np.log10(sizes[model]) - middle)

    models = {name: ModelFacts(name=name, parameters=int(size)) for name, size in sizes.items()}
    settings = {
        name: IntermediateFacts(name=name, tasks=(name,), kinds=(kind,), examples=50_000) for name, kind in kinds.items()
    }
    return Made(design=Design(study="model_scale", models=models, intermediates=settings), worth=worth, targets=("pawsx",))


def task_diversity(
    step: float = 0.8,
    after: float = 0.1,
    *,
    orders: int = 3,
    data: float = 0.5,
    spread: float = 0.3,
    budgets: Sequence[int] = (20_000, 80_000),
    draw: int = 5,
) -> Made:
    """Nine tasks in random orders: `step` points a task up to four, then `after`; tasks differ by `spread`.

    More data is worth `data` points a tenfold. Two tasks are run alone at every budget, and the first of each order.
    """
    rng = np.random.default_rng(draw)
    tasks = [f"task{place}" for place in range(9)]
    quality = dict(zip(tasks, rng.normal(0, spread, 9), strict=True))
    settings: dict[str, IntermediateFacts] = {}
    for order in "abcdefgh"[:orders]:
        drawn = list(rng.permutation(tasks))
        for budget in budgets:
            for count in range(1, 10):
                one = _budgeted(f"order_{order}_{count}_{budget}", drawn[:count], budget, f"order_{order}")
                settings[one.name] = one
    for task in tasks[:2]:
        for budget in budgets:
            settings[f"{task}_{budget}"] = _budgeted(f"{task}_{budget}", [task], budget, task)

    def worth(model: str, name: str, code: str, *, each: bool = True) -> float:
        if name == BASELINE:
            return 0.0
        facts = settings[name]
        count = len(facts.tasks)
        height = step * (min(count, 4) - 1) + after * max(0, count - 4)
        known = facts.tasks if each else tasks
        return 1.0 + height + float(np.mean([quality[task] for task in known])) + data * np.log10(facts.budget / 20_000)

    return Made(
        design=Design(study="task_diversity", models={"xlmr": ModelFacts(name="xlmr")}, intermediates=settings),
        worth=worth,
        expected=lambda model, name, code: worth(model, name, code, each=False),
        dev={name: 70.0 + quality[facts.tasks[0]] for name, facts in settings.items() if len(facts.tasks) == 1},
    )


def _budgeted(name: str, tasks: Sequence[str], budget: int, series: str) -> IntermediateFacts:
    kinds = ("classification",) * len(tasks)
    return IntermediateFacts(name=name, tasks=tuple(tasks), kinds=kinds, budget=budget, examples=budget, series=series)


def architecture(encoder: float = 3.0, decoder: float = 1.0, both: float = 2.8, *, low: float = 0.0) -> Made:
    """A model a family at matched size; gains by family, and what an encoder gains more in low-resource languages."""
    gains = {"encoder": encoder, "decoder": decoder, "encoder-decoder": both}

    def worth(model: str, name: str, code: str) -> float:
        return 0.0 if name == BASELINE else gains[model] + low * (model == "encoder" and code in ("sw", "ht"))

    models = {
        name: ModelFacts(name=name, family=name, parameters=int(size), group="size")
        for name, size in {"encoder": 560e6, "decoder": 559e6, "encoder-decoder": 580e6}.items()
    }
    kinds = {"mnli": "classification", "squad": "span_extraction"}
    settings = {
        name: IntermediateFacts(name=name, tasks=(name,), kinds=(kind,), examples=50_000) for name, kind in kinds.items()
    }
    return Made(design=Design(study="architecture", models=models, intermediates=settings), worth=worth)


STUDIES: Mapping[str, Callable[..., Made]] = {
    "dataset_size": dataset_size,
    "multilingual_xnli": multilingual_xnli,
    "model_scale": model_scale,
    "task_diversity": task_diversity,
    "architecture": architecture,
}
