"""Rankings of a grid's targets, with what its run folder has by now."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reports.ranking.judging import Ranking, ranking
from reports.ranking.keeping import keep_signals
from search_spaces.reading import load_grid
from sweep.foreseen import tables_of
from sweep.options import LaunchOptions
from sweep.planning.plan import Plan
from sweep.planning.preparing import prepare
from sweep.ranking.phases import own_phase, weights_of
from sweep.ranking.signals import Looker
from sweep.records import readable_records
from sweep.runfolder import MARK, refuse_foreign
from training.errors import UserError
from training.record import TrialRecord


def rankings(
    options: LaunchOptions, targets: Sequence[str], examples: int, tell: Callable[[str], None] | None = None
) -> list[Ranking]:
    """A ranking for each model and target; raises UserError on a target that the grid has not, or faults of the grid."""
    refuse_foreign(options.folder.resolve(), load_grid(options.grid).name)
    plan = prepare(options, ranked=False)
    for name in targets:
        if name not in plan.grid.targets:
            raise UserError("the grid has no such target", name, f"its targets are {', '.join(plan.grid.targets)}")
    begun = (plan.run / MARK).is_file()
    tables = tables_of(plan.run) if begun else []
    records = _records(plan)
    found = []
    for model in dict.fromkeys(study.model for study in plan.studies):
        looker = Looker(plan, model, examples)
        weights, missing = weights_of(plan, model, records)
        table = next((one for one in tables if one.model == model), None)
        for target in targets or plan.grid.targets:
            own = own_phase(plan, model, plan.sources[target].row.training_row, records)
            signals = looker.signals(target, weights, own, tell or (lambda line: None))
            signals.missing |= {f"signals of {name}": why for name, why in missing.items()}
            found.append(ranking(signals, table))
    if begun or plan.grid.rank is not None:  # a launch of this grid asks for them
        keep_signals(plan.run, [one.signals for one in found])
    return found


def _records(plan: Plan) -> list[TrialRecord]:
    """Records of the grid's studies and seeds, whichever launch of the run folder made them."""
    labels = {study.label for study in plan.studies}
    found = readable_records(plan.run, set_aside=False)[0]
    return [record for record in found if record.study in labels and record.seed in plan.grid.seeds]
