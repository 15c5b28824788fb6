"""From a command's options to its plan: the grid is read, its models and its data are found and looked at."""

from __future__ import annotations

from search_spaces.reading import load_grid
from sweep.options import LaunchOptions
from sweep.planning.plan import Plan, make_plan
from sweep.planning.preflight import check_data, check_models
from sweep.ranking.choosing import kept_by_rank
from sweep.sources import ResolvedModel, resolve_models, resolve_sources
from training.errors import Faults, UserError


def prepare(options: LaunchOptions, *, read_data: bool = False, ranked: bool = True) -> Plan:
    """Read the grid, find models and data; raises UserError or Faults on anything the user can mend.

    `read_data` has every example read, so that all faults of all models and files are told at once. Without `ranked` the plan
    has what the grid's `rank` leaves out, too.
    """
    grid = load_grid(options.grid)
    if options.executor:
        grid = grid.model_copy(update={"resources": grid.resources.model_copy(update={"executor": options.executor})})
    sources = resolve_sources(grid, options.data)  # first: to look for a model on the hub takes time
    faults: list[UserError] = []
    models: dict[str, ResolvedModel] = {}
    try:
        models = resolve_models(grid, options.models)
        if read_data:
            check_models(models, sources)
    except UserError as fault:
        faults.append(fault)
    try:
        if read_data:
            check_data(grid, sources)
    except UserError as fault:
        faults.append(fault)
    if faults:
        raise faults[0] if len(faults) == 1 else Faults(f"grid {grid.name}", faults)
    run = options.folder.resolve()
    kept = kept_by_rank(grid, sources, run) if ranked else None
    return make_plan(grid, models, sources, run, options.store, kept=kept)
