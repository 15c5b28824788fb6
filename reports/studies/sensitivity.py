"""What would change an answer: another target, model or setting left out, more seeds, a longer range. All of it is computed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from reports.numbers import number, several
from reports.statistics.compare import Comparison
from reports.studies.finding import Estimate, Moved, Ruling, holm
from reports.studies.says import measured, sized
from reports.studies.view import View

MOST_SEEDS, MOST_LONGER = 50, 4.0
"""More seeds, or a range that is more times as long, are not named."""
MOST = 3
"""Parts that are named one by one."""
Headline = Callable[[View], Sequence[Estimate]]


def leave_one_out(view: View, headline: Headline, settings: Mapping[str, Sequence[str]]) -> Iterator[Moved]:
    """The headline estimates over all targets, once each target, model and group of `settings` is left out.

    Only what still has an estimate is given.
    """
    whole = {one.name: one for one in first_scope(holm(headline(view)))}
    for what, less in _without_each(view, settings):
        for one in first_scope(holm(headline(less))):
            before = whole.get(one.name)
            if one.found is not None and before is not None and before.found is not None:
                changed = (one.sure, _side(one)) != (before.sure, _side(before))
                outside = not before.found.low <= one.found.delta <= before.found.high
                yield Moved(without=what, estimate=one, changed=changed, outside=outside)


def first_scope(estimates: Sequence[Estimate]) -> tuple[Estimate, ...]:
    """Of each name the first estimate: the others are over fewer targets."""
    return tuple({one.name: one for one in reversed(estimates)}.values())[::-1]


def _side(one: Estimate) -> bool:
    return one.sure and one.found is not None and one.found.delta > 0


def _without_each(view: View, settings: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, View]]:
    if len(view.targets) > 1:
        yield from ((f"target {target}", view.without(target=target)) for target in view.targets)
    if len(view.models) > 1:
        yield from ((f"model {model.name}", view.without(model=model.name)) for model in view.models)
    if len(settings) > 1:
        yield from ((name, view.without(settings=names)) for name, names in settings.items())


def sensitivity(estimates: Sequence[Estimate], moved: Sequence[Moved], spans: Mapping[str, float]) -> Iterator[str]:
    """Sentences on each headline estimate. `spans` is, of slopes, how many tenfolds (or steps) they were measured over."""
    for one in first_scope(estimates):
        if one.found is None:
            continue
        mine = [each for each in moved if each.estimate.name == one.name]
        yield from _moves(one, mine)
        if not one.sure:
            yield from _more(one, one.found, spans.get(one.name))


def _moves(one: Estimate, moved: Sequence[Moved]) -> Iterator[str]:
    """Whether single parts carry it: it leaves its interval without them, or is told from 0 only with them."""
    values = sorted(each.estimate.found.delta for each in moved if each.estimate.found)
    if not values:
        if one.sure and one.found is not None:
            margin = number(min(abs(one.found.low), abs(one.found.high)), 2)
            yield f"{one.name}: no part can be left out of so small a design; its interval ends {margin} {one.unit} from 0."
        return
    carried = [each for each in moved if each.outside and each.changed]
    if carried:
        yield f"{one.name}: single parts carry it. {_without(carried)}."
        return
    least, most = measured(values[0]), measured(values[-1])
    between = f"{f'between {least} and {most}' if least != most else f'near {least}'} whichever single part is left out"
    changed = [each for each in moved if each.changed]
    if not changed:
        yield f"{one.name}: stays {one.ruling}, {between}."
    elif one.sure:
        yield f"{one.name}: lies {between}, but it takes all of the data to tell it from 0. {_without(changed)}."
    else:
        yield f"{one.name}: lies {between}. {_without(changed)}."


def _without(moved: Sequence[Moved]) -> str:
    said = "; ".join(f"without {each.without} it is {sized(each.estimate)}, {each.estimate.ruling}" for each in moved[:MOST])
    return said[0].upper() + said[1:] + (f"; and {len(moved) - MOST} others" if len(moved) > MOST else "")


def _more(one: Estimate, found: Comparison, over: float | None) -> Iterator[str]:
    """How many seeds, or how long a range, would tell an estimate of this size from 0."""
    distance, half = abs(found.delta), found.delta - found.low
    if not distance:
        return
    if one.ruling is Ruling.UNADJUSTED:
        yield f"{one.name}: its own interval leaves 0 out; it is not told from 0 among the other estimates of its list (Holm)."
        return
    if found.seeds < 2:
        yield f"{one.name}: there is one seed, so what another would give is not known; two or more are needed."
        return
    seeds, longer = seeds_needed(found), half / distance
    if seeds is not None and seeds > found.seeds:
        said = f"{several(seeds, 'seed')} would tell it from 0 (there are {found.seeds})"
    else:
        said = f"more seeds alone would not tell it from 0 (up to {MOST_SEEDS})"
    if over and 1.0 < longer <= MOST_LONGER:
        said += f"; a range of {number(over * longer)} tenfolds would (it is {number(over)})"
    yield f"{one.name}: if it is as large as it looks, {said}."


def seeds_needed(found: Comparison) -> int | None:
    """The fewest seeds whose interval would leave 0 out, were the estimate and its deviations as they are; None above 50."""
    from scipy.special import stdtrit

    if found.seeds < 2 or found.seed_error is None:
        return None
    half = found.high - found.delta
    rest = max(0.0, half**2 - (float(stdtrit(found.seeds - 1.0, 0.975)) * found.seed_error) ** 2)
    for seeds in range(found.seeds, MOST_SEEDS + 1):
        part = float(stdtrit(seeds - 1.0, 0.975)) * found.seed_error * math.sqrt(found.seeds / seeds)
        if math.hypot(part, math.sqrt(rest)) < abs(found.delta):
            return seeds
    return None
